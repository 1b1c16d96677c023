//! What is wrong with a folder of pictures.

use std::path::PathBuf;

use headstart::{AuditConfig, Finding, LabelErrors, Pictures};
use headstart_report::audit_page;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::model::Model;
use crate::options::Options;
use crate::work::Work;

/// What an audit has found.
#[pyclass(frozen, module = "headstart._headstart")]
pub(crate) struct Audit {
    audit: headstart::Audit,
    pictures: Pictures,
    memory: Option<u64>,
}

/// A finding: its kind with title, severity, what to do in a word and in a sentence; the files, which of them may
/// stay, the class, what was measured and what there is to say.
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

/// Looks for what is wrong with a source of pictures, by the base of `model`, or by one of its own.
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
    /// Pictures of each class that could be read, by name.
    #[getter]
    fn counts(&self) -> Vec<(String, usize)> {
        self.audit.classes.iter().cloned().zip(self.audit.counts.iter().copied()).collect()
    }

    /// Pictures that could be read.
    #[getter]
    fn pictures(&self) -> usize {
        self.audit.pictures
    }

    /// What was found, the most important first.
    fn findings(&self) -> Vec<Told> {
        self.audit.findings.iter().map(told).collect()
    }

    /// A page with thumbnails, as one file of HTML.
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
