//! Exports models to other frameworks.

use std::path::PathBuf;
use std::str::FromStr;

use headstart::data::Location;
use headstart::{Classifier, Context, Error, ExtractConfig};
use headstart_export::{ExportConfig, ExportError, Format, Output};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{exception, invalid, of_kind};
use crate::extractor::unreadable;
use crate::model::Model;
use crate::options::Options;
use crate::pictures::locations;
use crate::work::Work;

/// Exports a model. Returns the file with its proof, if that is a separate file.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // It is called from one place.
pub(crate) fn export(
    py: Python<'_>,
    model: &Model,
    path: PathBuf,
    format: &str,
    options: &Bound<'_, PyDict>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Option<PathBuf>> {
    let raised = |error: ExportError| of_kind(py, error.kind(), &error.to_string());
    let options = Options::new(options);
    let format = Format::find(format).map_err(raised)?;
    let named = |text: Option<String>| text.map(|text| text.parse()).transpose();
    let output = match options.get::<String>("output")?.as_deref() {
        None | Some("probabilities") => Output::Probabilities,
        Some("logits") => Output::Logits,
        Some("features") => Output::Features,
        Some(other) => {
            let known = "it is \"probabilities\", \"logits\" or \"features\"";
            return Err(invalid(py, &format!("output={other:?}: {known}")));
        }
    };
    let config = ExportConfig::default()
        .with_output(output)
        .with_names(named(options.get("names")?).map_err(raised)?)
        .with_weights(parsed(py, options.get("weights")?)?)
        .with_title(options.get::<String>("title")?)
        .with_about(options.get::<String>("about")?);
    let places = |name| -> PyResult<Vec<Location>> {
        let given: Option<Bound<'_, PyAny>> = options.get(name)?;
        given.map_or_else(|| Ok(Vec::new()), |given| locations(&given, false))
    };
    let (proof, int8) = (places("proof")?, places("int8")?);
    options.all_taken()?;
    let model = &model.classifier;
    let fine_tuned = model.training().and_then(|record| record.fine_tune.as_ref());
    let config = config.with_trainable_from(fine_tuned.map(|record| record.first_layer.clone()));
    let exported = Work { threads, progress }.run(py, |context| {
        let config = config
            .with_pictures(pixels(model, &proof, context)?)
            .with_int8(pixels(model, &int8, context)?);
        Ok(context.pool()?.install(|| format.export(&model.to_model(), &config)))
    })?;
    let artifact = exported.map_err(raised)?;
    artifact.write(&path).map_err(|error| exception(py, &error.into()))
}

/// Parses the name of an option's value.
///
/// # Errors
/// If there is no such name.
fn parsed<T: FromStr<Err: std::fmt::Display>>(
    py: Python<'_>,
    text: Option<String>,
) -> PyResult<Option<T>> {
    let parse =
        |text: String| text.parse().map_err(|error: T::Err| invalid(py, &error.to_string()));
    text.map(parse).transpose()
}

/// The pixels of pictures, preprocessed for a model's base. All pictures must be readable.
fn pixels(
    model: &Classifier,
    places: &[Location],
    context: &mut Context<'_>,
) -> Result<Vec<u8>, Error> {
    let mut pixels = Vec::new();
    let config = ExtractConfig::default();
    model.pixels_each(places, &config, context, &mut |index, result| {
        match result {
            Ok(own) => pixels.extend(own),
            Err(cause) => drop(unreadable(index, &places[index], cause, false)?),
        }
        Ok(())
    })?;
    Ok(pixels)
}
