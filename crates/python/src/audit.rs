//! Audits of folders of pictures.

use std::path::PathBuf;

use headstart::{AuditConfig, Finding, LabelErrors, Pictures};
use headstart_report::audit_page;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::model::Model;
use crate::options::Options;
use crate::work::Work;

/// The result of an audit.
#[pyclass(frozen, module = "headstart._headstart")]
pub(crate) struct Audit {
    audit: headstart::Audit,
    pictures: Pictures,
    memory: Option<u64>,
}

/// A finding: kind and title, severity, action as a word and as a sentence, files, which of them to keep, class,
/// measured value, and further information.
type Told = (
    &'static str,
    &'static str,
    String,
    &'static str,
    &'static str,
    Vec<PathBuf>,
    Option<usize>,
    Option<String>,
    Option<f64>,
    String,
);

/// Audits a source of pictures with the base of `model`, or with the base given by the options.
#[pyfunction]
pub(crate) fn audit(
    py: Python<'_>,
    source: PathBuf,
    model: Option<&Model>,
    options: &Bound<'_, PyDict>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Audit> {
    let options = Options::new(options);
    let source = options.picture_source(source)?;
    let base = options.base()?;
    let extract = options.extract()?;
    let memory = extract.memory;
    let errors = match options.get("all_label_errors")?.unwrap_or(false) {
        true => LabelErrors::All,
        false => LabelErrors::Clear,
    };
    options.all_taken()?;
    let config = AuditConfig::default().with_extract(extract).with_label_errors(errors);
    let own = model.map(|model| model.classifier.base());
    let (audit, pictures) = Work { threads, progress }.run(py, |context| {
        let split = &source.split;
        let pictures = Pictures::open_to_audit(source.from.clone())?;
        let pictures = pictures.with_validation(split.validation, split.seed);
        let base = own.map_or_else(|| base.load(), |base| Ok(base.clone()))?;
        Ok((headstart::audit(&base, &pictures, &config, context)?, pictures))
    })?;
    Ok(Audit { audit, pictures, memory })
}

#[pymethods]
impl Audit {
    /// The number of readable pictures in each class, by name.
    #[getter]
    fn counts(&self) -> Vec<(String, usize)> {
        self.audit.classes.iter().cloned().zip(self.audit.counts.iter().copied()).collect()
    }

    /// The number of readable pictures.
    #[getter]
    fn pictures(&self) -> usize {
        self.audit.pictures
    }

    /// The findings, the most important first.
    fn findings(&self) -> Vec<Told> {
        self.audit.findings.iter().map(told).collect()
    }

    /// An HTML page with thumbnails, in one file.
    fn page(&self, py: Python<'_>) -> PyResult<String> {
        Work::default().run(py, |context| {
            let page = || audit_page(&self.audit, &self.pictures, self.memory);
            Ok(context.pool()?.install(page).html().to_owned())
        })
    }
}

fn told(finding: &Finding) -> Told {
    let Finding { kind, value, detail, files, keep, class } = finding;
    let severity = serde_json::to_value(kind.severity()).expect("a name serialises");
    (
        kind.name(),
        kind.title(),
        severity.as_str().unwrap_or_default().to_owned(),
        kind.action(),
        kind.advice(),
        files.iter().map(|file| file.path().into_owned()).collect(),
        *keep,
        class.clone(),
        *value,
        detail.clone(),
    )
}
