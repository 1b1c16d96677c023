//! Results of training and evaluation.

use headstart::{
    Classifier, Evaluated, Evaluation, ExtractConfig, FineTuneReport, FineTuneSummary, FitReport,
    Pictures, SkippedSummary, TrainJob, TrainSummary, Trained,
};
use headstart_report::Report;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::model::Model;
use crate::work::Work;

/// The result of training or evaluation.
#[pyclass(frozen, module = "headstart._headstart")]
pub(crate) struct Fit {
    classifier: Classifier,
    how: How,
    summary: Value,
    extract: ExtractConfig,
}

enum How {
    Fitted(Box<FitReport>),
    Tuned(Box<FineTuneReport>),
    Evaluated(Box<Evaluated>),
}

impl Fit {
    /// The result of a job that was run on these pictures.
    pub(crate) fn of_job(job: &TrainJob, trained: Trained, pictures: &Pictures) -> Self {
        let summary = TrainSummary::new(&trained, pictures.notes(), job.run.model.as_deref());
        let summary = serde_json::to_value(summary).expect("plain data serialises");
        let Trained { classifier, fit, fine_tune, .. } = trained;
        let how = match fine_tune {
            Some(tuned) => How::Tuned(tuned.into()),
            None => How::Fitted(fit.into()),
        };
        Self { classifier, how, summary, extract: job.run.inputs.extract.clone() }
    }

    /// The result of fine-tuning.
    pub(crate) fn of_tuned(
        classifier: Classifier,
        tuned: FineTuneReport,
        extract: ExtractConfig,
    ) -> Self {
        let validation = tuned.validation.as_ref();
        let skipped: Vec<SkippedSummary> = tuned.skipped.iter().map(Into::into).collect();
        let summary = json!({
            "val_accuracy": validation.map(|figures| figures.accuracy),
            "val_loss": validation.map(|figures| figures.loss),
            "train": tuned.train,
            "validation": validation.map_or(0, |figures| figures.pictures),
            "learned_from": tuned.learned_from,
            "classes": classifier.classes(),
            "per_class": validation.map(Evaluation::per_class_by_name),
            "warnings": tuned.warnings,
            "skipped": skipped,
            "fine_tune": FineTuneSummary::from(&tuned),
        });
        Self { classifier, how: How::Tuned(tuned.into()), summary, extract }
    }

    /// The result of an evaluation.
    pub(crate) fn of_evaluated(
        classifier: Classifier,
        evaluated: Evaluated,
        extract: ExtractConfig,
    ) -> Self {
        let figures = &evaluated.evaluation;
        let skipped: Vec<SkippedSummary> = evaluated.skipped.iter().map(Into::into).collect();
        let summary = json!({
            "accuracy": figures.accuracy,
            "loss": figures.loss,
            "pictures": figures.pictures,
            "learned_from": evaluated.learned_from,
            "classes": classifier.classes(),
            "per_class": figures.per_class_by_name(),
            "warnings": [],
            "skipped": skipped,
        });
        Self { classifier, how: How::Evaluated(evaluated.into()), summary, extract }
    }
}

#[pymethods]
impl Fit {
    /// The model.
    #[getter]
    fn model(&self) -> Model {
        self.classifier.clone().into()
    }

    /// The summary in JSON, equal to the output of the command's `--json`.
    #[getter]
    fn summary(&self) -> String {
        self.summary.to_string()
    }

    /// Metrics on pictures that were not trained on, in JSON; `None` if there are none.
    #[getter]
    fn evaluation(&self) -> Option<String> {
        let measured = match &self.how {
            How::Fitted(fit) => fit
                .validation
                .as_ref()
                .or(fit.folds.as_ref().map(|folds| &folds.held_out))
                .or(fit.out_of_fold.as_ref().map(|figures| &figures.evaluation)),
            How::Tuned(tuned) => tuned.validation.as_ref(),
            How::Evaluated(evaluated) => Some(&evaluated.evaluation),
        };
        measured.map(|figures| serde_json::to_string(figures).expect("plain data serialises"))
    }

    /// The report as one HTML page. With `pictures`, pictures that are worth a look are read again and shown.
    fn page(
        &self,
        py: Python<'_>,
        title: Option<String>,
        pictures: bool,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let mut report = match &self.how {
            How::Fitted(fit) => Report::of_fit(&self.classifier, fit),
            How::Tuned(tuned) => Report::of_fine_tune(&self.classifier, tuned),
            How::Evaluated(evaluated) => Report::of_evaluation(&self.classifier, evaluated),
        };
        report = report.with_extract(self.extract.clone());
        if let Some(title) = title {
            report = report.with_title(title);
        }
        if !pictures {
            report = report.without_pictures();
        }
        let page = Work { threads, progress }.run(py, |context| report.page(context))?;
        Ok(page.html().to_owned())
    }
}
