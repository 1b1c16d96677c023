//! Extracts features with a compiled base.

use headstart::data::{DecodeError, Location};
use headstart::{Error, Extractor as Compiled};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::exception;
use crate::options::Options;
use crate::pictures::locations;
use crate::work::Work;

/// The indices of pictures that cannot be read, with the reasons.
pub(crate) type Unread = Vec<(usize, String)>;

/// A base that is compiled once and shared by any number of threads.
#[pyclass(frozen, module = "headstart._headstart")]
pub(crate) struct Extractor {
    compiled: Compiled,
}

#[pymethods]
impl Extractor {
    #[new]
    fn new(py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let options = Options::new(options);
        let (source, config) = (options.base()?, options.extract()?);
        options.all_taken()?;
        let base = source.load().map_err(|error| exception(py, &error))?;
        Ok(Self { compiled: py.detach(|| Compiled::new(&base, &config)) })
    }

    /// The number of features.
    #[getter]
    fn features(&self) -> usize {
        self.compiled.features()
    }

    /// Features of pictures, f32 `[n, features]`. With `lenient`, pictures that cannot be read are listed in the
    /// second value, and their rows are NaN.
    fn extract<'py>(
        &self,
        py: Python<'py>,
        pictures: &Bound<'py, PyAny>,
        lenient: bool,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, Unread)> {
        let places = locations(pictures, lenient)?;
        let dim = self.features();
        let (features, unread) = Work { threads, progress }.run(py, |context| {
            let mut features = Vec::with_capacity(places.len() * dim);
            let mut unread = Unread::new();
            self.compiled.for_each(&places, context, &mut |index, result| {
                match result {
                    Ok(picture) => features.extend(picture.features),
                    Err(cause) => {
                        unread.push(unreadable(index, &places[index], cause, lenient)?);
                        features.resize(features.len() + dim, f32::NAN);
                    }
                }
                Ok(())
            })?;
            Ok((features, unread))
        })?;
        Ok((rows(py, features, dim)?, unread))
    }
}

/// The index and the reason of a picture that cannot be read.
///
/// # Errors
/// The reason as an error, unless `lenient`.
pub(crate) fn unreadable(
    index: usize,
    place: &Location,
    cause: DecodeError,
    lenient: bool,
) -> Result<(usize, String), Error> {
    match lenient {
        true => Ok((index, cause.to_string())),
        false => Err(Error::Picture { path: Some(place.path().into_owned()), cause }),
    }
}

/// An array with rows of `width` values, which takes ownership of the vector's memory.
pub(crate) fn rows(
    py: Python<'_>,
    values: Vec<f32>,
    width: usize,
) -> PyResult<Bound<'_, PyArray2<f32>>> {
    let count = values.len() / width.max(1);
    PyArray1::from_vec(py, values).reshape([count, width])
}
