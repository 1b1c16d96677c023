//! Explanations of predictions.

use headstart::predict::ActivationMap;
use headstart::{Error, Explained};
use headstart_report::jpeg_uri;
use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::exception;
use crate::extractor::{Unread, unreadable};
use crate::model::Model;
use crate::options::Options;
use crate::pictures::locations;
use crate::work::Work;

/// A map of how much each position of a picture contributes to a class.
#[pyclass(frozen, get_all, module = "headstart._headstart")]
pub(crate) struct Explanation {
    /// The picture's index.
    index: usize,
    /// The class.
    class_name: String,
    /// Its probability.
    score: f32,
    /// Its logit before any calibration: the mean of the map plus the bias.
    logit: f32,
    /// The part of the logit that the map does not include.
    bias: f32,
    /// The contributions, f32 `[height, width]`.
    map: Py<PyArray2<f32>>,
    /// The picture with the map over it, u8 `[height, width, 3]`.
    overlay: Py<PyArray3<u8>>,
    /// The overlay as a JPEG in a data URI.
    uri: String,
}

/// A map with its picture's data, before conversion to Python objects.
struct Drawn {
    index: usize,
    score: f32,
    map: ActivationMap,
    overlay: headstart::data::Rgb,
    uri: String,
}

/// Explains predictions for pictures: for each the requested classes, or the predicted ones if none are requested.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // It is called from one place.
pub(crate) fn explain(
    py: Python<'_>,
    model: &Model,
    pictures: &Bound<'_, PyAny>,
    classes: Vec<String>,
    options: &Bound<'_, PyDict>,
    lenient: bool,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Vec<Explanation>, Unread)> {
    let options = Options::new(options);
    let config = options.extract()?;
    options.all_taken()?;
    let model = &model.classifier;
    let asked: Vec<usize> = classes
        .iter()
        .map(|name| model.class(name).map_err(|error| exception(py, &error)))
        .collect::<PyResult<_>>()?;
    let places = locations(pictures, lenient)?;
    let (drawn, unread) = Work { threads, progress }.run(py, |context| {
        let (mut drawn, mut unread) = (Vec::new(), Unread::new());
        let mut indices = 0..;
        let mut each = |place: &_, result| -> Result<(), Error> {
            let index = indices.next().unwrap_or_default();
            match result {
                Ok(explained) => drawn.extend(draw(index, &asked, &explained)),
                Err(cause) => unread.push(unreadable(index, place, cause, lenient)?),
            }
            Ok(())
        };
        model.explain_each(&places, &config, context, &mut each)?;
        Ok((drawn, unread))
    })?;
    let names = model.classes();
    let explanations = drawn.into_iter().map(|drawn| drawn.explanation(py, names));
    Ok((explanations.collect::<PyResult<_>>()?, unread))
}

/// The maps of a picture.
fn draw(index: usize, asked: &[usize], explained: &Explained) -> Vec<Drawn> {
    let Explained { explanation, picture } = explained;
    let classes = if asked.is_empty() { explanation.predicted() } else { asked.to_vec() };
    let draw = |class: usize| {
        let map = explanation.map(class);
        let overlay = explanation.overlay(&map, picture);
        let (score, uri) = (explanation.prediction.scores[class], jpeg_uri(&overlay));
        Drawn { index, score, map, overlay, uri }
    };
    classes.into_iter().map(draw).collect()
}

impl Drawn {
    fn explanation(self, py: Python<'_>, names: &[String]) -> PyResult<Explanation> {
        let Self { index, score, map, overlay, uri } = self;
        let ActivationMap { class, height, width, values, logit, bias } = map;
        let size = [overlay.height(), overlay.width(), 3];
        Ok(Explanation {
            index,
            class_name: names[class].clone(),
            score,
            logit,
            bias,
            map: PyArray1::from_vec(py, values).reshape([height, width])?.unbind(),
            overlay: PyArray1::from_vec(py, overlay.into_pixels()).reshape(size)?.unbind(),
            uri,
        })
    }
}
