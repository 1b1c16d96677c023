//! Training and evaluation.

use std::path::PathBuf;
use std::sync::Arc;

use headstart::data::sources::Labels;
use headstart::data::{Listed, Listing};
use headstart::model::class_name::class_name;
use headstart::{FineTuning, PictureSource, Pictures, TrainJob};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::invalid;
use crate::fitted::Fit;
use crate::model::Model;
use crate::options::Options;
use crate::pictures::locations;
use crate::work::Work;

/// For each picture, the index of its label's name, or the indices of any number of labels.
#[derive(FromPyObject)]
pub(crate) enum Codes {
    One(Vec<usize>),
    Several(Vec<Vec<usize>>),
}

/// Trains a model on pictures in memory or in files. Returns the result, and the index of each label in the model's
/// classes.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // It is called from one place.
pub(crate) fn fit(
    py: Python<'_>,
    pictures: &Bound<'_, PyAny>,
    labels: Codes,
    names: Vec<String>,
    weights: Option<Vec<f32>>,
    options: &Bound<'_, PyDict>,
    lenient: bool,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Fit, Vec<usize>)> {
    let options = Options::new(options);
    let mut job = job(&options, options.picture_source(PathBuf::from("X"))?)?;
    options.all_taken()?;
    job.run.inputs.extract.all_readable = !lenient;
    let classes = class_names(py, &names)?;
    let places = locations(pictures, lenient)?;
    let label = |index: usize| match &labels {
        Codes::One(labels) => Labels::One(classes[labels[index]].clone()),
        Codes::Several(sets) => Labels::set(sets[index].iter().map(|&own| classes[own].clone())),
    };
    let listed = places.into_iter().enumerate().map(|(index, at)| {
        let weight = weights.as_ref().map_or(1.0, |weights| weights[index]);
        Listed { weight, ..Listed::new(at, label(index), None) }
    });
    let listing = Listing { pictures: listed.collect(), ..Listing::default() };
    let (fitted, known) = Work { threads, progress }.run(py, |context| {
        let (name, split) = (&job.source.from.path, &job.source.split);
        let pictures = Pictures::from_listing(name, listing)?;
        let pictures = pictures.with_validation(split.validation, split.seed);
        let trained = job.run_on(job.base.load()?, &pictures, context)?;
        let known = trained.classifier.classes().to_vec();
        Ok((Fit::of_job(&job, trained, &pictures), known))
    })?;
    let place = |class: &Arc<str>| known.iter().position(|known| **known == **class);
    let order = classes.iter().map(|class| place(class).expect("every class was learned"));
    Ok((fitted, order.collect()))
}

/// Trains a model on a folder of pictures, or on another source.
#[pyfunction]
pub(crate) fn fit_folder(
    py: Python<'_>,
    source: PathBuf,
    options: &Bound<'_, PyDict>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Fit> {
    let options = Options::new(options);
    let job = job(&options, options.picture_source(source)?)?;
    options.all_taken()?;
    Work { threads, progress }.run(py, |context| {
        let pictures = job.source.open()?;
        job.check_files(&pictures)?;
        let trained = job.run_on(job.base.load()?, &pictures, context)?;
        Ok(Fit::of_job(&job, trained, &pictures))
    })
}

/// Fine-tunes a copy of a model on a folder of pictures, or on another source.
#[pyfunction]
pub(crate) fn fine_tune(
    py: Python<'_>,
    model: &Model,
    source: PathBuf,
    options: &Bound<'_, PyDict>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Fit> {
    let options = Options::new(options);
    let mut source = options.picture_source(source)?;
    let (run, phase) = (options.run()?, options.fine_tune()?.unwrap_or_default());
    options.all_taken()?;
    let extract = run.inputs.extract.clone();
    let config = FineTuning::default()
        .with_at(phase.at)
        .with_training(phase.training)
        .with_inputs(run.inputs)
        .with_calibration(run.calibration)
        .with_unknown_rate(run.unknown_rate)
        .with_model(run.model)
        .with_checkpoint(run.checkpoint)
        .with_resume(run.resume);
    let mut classifier = model.classifier.clone();
    Work { threads, progress }.run(py, |context| {
        source.from = classifier.labelled(source.from)?;
        let pictures = source.open()?.continuing(classifier.training());
        let tuned = classifier.fine_tune(&pictures, &config, context)?;
        Ok(Fit::of_tuned(classifier, tuned, extract))
    })
}

/// Evaluates a model on a folder of labelled pictures, or on another source.
#[pyfunction]
pub(crate) fn evaluate(
    py: Python<'_>,
    model: &Model,
    source: PathBuf,
    options: &Bound<'_, PyDict>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Fit> {
    let options = Options::new(options);
    let (source, extract) = (options.source(source)?, options.extract()?);
    let unknown: Option<PathBuf> = options.get("unknown")?;
    options.all_taken()?;
    let classifier = model.classifier.clone();
    Work { threads, progress }.run(py, |context| {
        let unknown = unknown.as_deref();
        let evaluated = classifier.evaluate_beside(source, None, unknown, &extract, context)?;
        Ok(Fit::of_evaluated(classifier, evaluated, extract))
    })
}

fn job(options: &Options<'_, '_>, source: PictureSource) -> PyResult<TrainJob> {
    Ok(TrainJob::new(source)
        .with_base(options.base()?)
        .with_head(options.head()?)
        .with_fine_tune(options.fine_tune()?)
        .with_run(options.run()?))
}

/// Normalises names of classes.
///
/// # Errors
/// If a name is invalid for a class, or two names mean the same class.
fn class_names(py: Python<'_>, names: &[String]) -> PyResult<Vec<Arc<str>>> {
    let mut classes: Vec<Arc<str>> = Vec::with_capacity(names.len());
    for name in names {
        let class = class_name(name).map_err(|bad| invalid(py, &format!("y: {bad}")))?;
        if classes.iter().any(|known| **known == *class) {
            let problem = format!("y: there are two labels that are both written {class:?}");
            return Err(invalid(py, &problem));
        }
        classes.push(class.into());
    }
    Ok(classes)
}
