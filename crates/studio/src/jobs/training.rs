//! What a job does: training from a base, or further fine-tuning of a model.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use headstart::data::SkipReason;
use headstart::model::Trainable;
use headstart::{
    BaseConfig, BaseSource, CancelToken, Classifier, Context, FineTunePhase, FineTuneReport,
    FineTuning, FitReport, PictureSource, RunConfig, TrainJob,
};
use headstart_report::Report;

use super::follow::Follow;
use super::{JobRequest, Kind, State, Tools, lock};
use crate::StudioError;

/// The share of pictures that is held back for measurement, and the seed of the split. They are the same for all jobs,
/// so that models can be compared.
const HELD_BACK: (f64, u64) = (0.2, 0);
/// The number of epochs without improvement after which fine-tuning ends, with the weights of the best epoch.
const PATIENCE: usize = 3;

/// The training of a job.
pub(super) enum Job {
    /// Training that starts from a base.
    New(Box<TrainJob>),
    /// Further fine-tuning of a model.
    Further(Box<Classifier>, Box<FineTuning>),
}

impl Job {
    /// # Errors
    /// If there is no such base or model, or the options are invalid.
    pub(super) fn new(request: &JobRequest, tools: &Tools) -> Result<Self, StudioError> {
        let mut phase = FineTunePhase::default();
        phase.training.early_stop = Some(PATIENCE);
        phase.training.epochs = request.epochs.unwrap_or(phase.training.epochs);
        let extract = tools.extract.clone();
        match (request.kind, &request.from) {
            (Kind::Train, Some(_)) => {
                let problem = "a model can be fine-tuned but not trained again; remove \"from\"";
                Err(StudioError::Request(problem.to_owned()))
            }
            (Kind::FineTune, Some(from)) => {
                let classifier = tools.models.load(from)?;
                let config = FineTuning::default()
                    .with_training(phase.training)
                    .with_at(at(&classifier))
                    .with_extract(extract);
                config.check(classifier.base())?;
                Ok(Self::Further(Box::new(classifier), Box::new(config)))
            }
            (kind, None) => {
                let config = BaseConfig::default().with_architecture(request.base.clone());
                let base = BaseSource::default().with_config(config);
                let (share, seed) = HELD_BACK;
                let source = PictureSource::new(tools.root.as_path()).with_validation(share, seed);
                let mut job = TrainJob::new(source).with_base(base);
                job.run = RunConfig::default().with_extract(extract);
                let base = job.base.load()?;
                if kind == Kind::FineTune {
                    job.fine_tune = Some(phase.with_at(last_third(base.network().layers().len())));
                }
                job.check(&base)?;
                Ok(Self::New(Box::new(job)))
            }
        }
    }

    /// The largest number of epochs of fine-tuning.
    fn epochs(&self) -> usize {
        match self {
            Self::New(job) => job.fine_tune.as_ref().map_or(0, |phase| phase.training.epochs),
            Self::Further(_, config) => config.training.epochs,
        }
    }
}

/// The last third of the layers, as in Keras's tutorial for MobileNetV2.
fn last_third(layers: usize) -> Trainable {
    Trainable::FromIndex(layers * 2 / 3)
}

/// The layers at which a model is fine-tuned further: those of the last time.
fn at(classifier: &Classifier) -> Trainable {
    let record = classifier.training().and_then(|record| record.fine_tune.as_ref());
    match record {
        Some(record) => Trainable::FromLayer(record.first_layer.clone()),
        None => last_third(classifier.base().network().layers().len()),
    }
}

/// The result of training.
struct Trained {
    classifier: Classifier,
    fit: Option<FitReport>,
    tuned: Option<FineTuneReport>,
}

/// Trains, and saves the model with its report. Returns a message about the result.
pub(super) fn run(
    job: &Job,
    name: &str,
    tools: &Tools,
    cancel: &CancelToken,
    state: &Mutex<State>,
) -> Result<String, StudioError> {
    let mut follow = Follow::new(job.epochs());
    let tell = |event| {
        let Some(step) = follow.step(&event) else { return };
        let mut state = lock(state);
        let Some(view) = &mut state.view else { return };
        view.take(step);
        tools.hub.tell("job", view);
    };
    let mut context = Context::default()
        .with_pool(tools.pool.clone())
        .with_cancel_token(cancel.clone())
        .on_event(tell);
    let trained = match job {
        Job::New(job) => {
            let trained = job.run(&mut context)?;
            Trained {
                classifier: trained.classifier,
                fit: Some(trained.fit),
                tuned: trained.fine_tune,
            }
        }
        Job::Further(classifier, config) => {
            let mut classifier = (**classifier).clone();
            let (share, seed) = HELD_BACK;
            let pictures = PictureSource::new(tools.root.as_path()).with_validation(share, seed);
            let pictures = pictures.open()?.continuing(classifier.training());
            let tuned = classifier.fine_tune(&pictures, config, &mut context)?;
            Trained { classifier, fit: None, tuned: Some(tuned) }
        }
    };
    drop(context);
    let Trained { classifier, fit, tuned } = &trained;
    keep(classifier, (fit.as_ref(), tuned.as_ref()), name, (tools, cancel))?;
    let measured = classifier.training().and_then(|record| record.metrics.as_ref());
    Ok(match measured {
        Some(measured) => format!(
            "{name} is right about {:.1} % of {} pictures that it has not seen",
            100.0 * measured.accuracy,
            measured.pictures
        ),
        None => format!("{name} is trained"),
    })
}

/// Writes the report before the model, so that a model in the list is complete.
fn keep(
    classifier: &Classifier,
    (fit, tuned): (Option<&FitReport>, Option<&FineTuneReport>),
    name: &str,
    (tools, cancel): (&Tools, &CancelToken),
) -> Result<(), StudioError> {
    let file = tools.models.file(name);
    let folder = file.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .map_err(|cause| StudioError::system("make", &folder.display().to_string(), cause))?;
    let report = match (tuned, fit) {
        (Some(tuned), _) => Some(Report::of_fine_tune(classifier, tuned)),
        (None, Some(fit)) => Some(Report::of_fit(classifier, fit)),
        (None, None) => None,
    };
    if let Some(report) = report {
        let skipped = tuned.map(|tuned| &tuned.skipped).or(fit.map(|fit| &fit.skipped));
        // Pictures in the inbox are not left out by mistake.
        let skipped =
            skipped.into_iter().flatten().filter(|skipped| skipped.reason != SkipReason::NoClass);
        let mut context =
            Context::default().with_pool(tools.pool.clone()).with_cancel_token(cancel.clone());
        let report = report
            .with_title(name)
            .with_fact("Date", httpdate::fmt_http_date(SystemTime::now()))
            .with_skipped(skipped.map(ToString::to_string))
            .with_extract(tools.extract.clone());
        report.page(&mut context)?.write(&tools.models.report(name))?;
    }
    Ok(classifier.save(file)?)
}
