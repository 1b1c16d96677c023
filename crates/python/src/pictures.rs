//! Converts Python's pictures to locations that the library reads.

use std::io;
use std::path::PathBuf;

use headstart::data::{Location, Provided};
use numpy::{PyArray3, PyArrayDescrMethods, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};

use crate::errors::{invalid, wrong_type};

const TAKEN: &str =
    "give a path, the bytes of a file, a PIL picture or a uint8 array [height, width, 3]";

/// The locations of pictures in a sequence. With `lenient`, a value that is not a picture becomes a location whose
/// reading fails for the reason that would be raised otherwise.
///
/// # Errors
/// For the first value that is not a picture.
pub(crate) fn locations(pictures: &Bound<'_, PyAny>, lenient: bool) -> PyResult<Vec<Location>> {
    let mut places = Vec::with_capacity(pictures.len().unwrap_or(0));
    for (index, picture) in pictures.try_iter()?.enumerate() {
        let name = format!("X[{index}]");
        places.push(match location(&picture?, &name) {
            Ok(place) => place,
            Err(error) if lenient => {
                let text = error.value(pictures.py()).to_string();
                let reason = text.strip_prefix(&format!("{name}: ")).unwrap_or(&text).to_owned();
                Provided::new(name, move || Err(io::Error::other(reason.clone()))).into()
            }
            Err(error) => return Err(error),
        });
    }
    Ok(places)
}

/// The location of a picture, with the name `name` if it has no path.
///
/// # Errors
/// If it is not a picture, or an array of another shape or type than pictures have.
pub(crate) fn location(picture: &Bound<'_, PyAny>, name: &str) -> PyResult<Location> {
    if let Ok(path) = picture.cast::<PyString>() {
        return Ok(Location::File(path.extract::<PathBuf>()?));
    }
    if let Ok(bytes) = picture.cast::<PyBytes>() {
        let bytes = bytes.clone().unbind();
        let read = move || Python::attach(|py| Ok(bytes.as_bytes(py).to_vec()));
        return Ok(Provided::new(name, read).into());
    }
    if let Ok(array) = picture.cast::<PyUntypedArray>() {
        return of_array(array, name);
    }
    if picture.is_instance_of::<PyByteArray>() || picture.is_instance_of::<PyMemoryView>() {
        let bytes: Vec<u8> = picture.py().get_type::<PyBytes>().call1((picture,))?.extract()?;
        return Ok(Provided::from_bytes(name, bytes).into());
    }
    if picture.hasattr("mode")? && picture.hasattr("convert")? {
        return of_pil(picture, name);
    }
    if picture.hasattr("__fspath__")? {
        return Ok(Location::File(picture.extract::<PathBuf>()?));
    }
    let what = match picture.is_none() {
        true => "None".to_owned(),
        false => picture.get_type().name()?.to_string(),
    };
    Err(wrong_type(format!("{name}: {what} is no picture: {TAKEN}")))
}

/// The location of a picture in a NumPy array.
fn of_array(array: &Bound<'_, PyUntypedArray>, name: &str) -> PyResult<Location> {
    let (shape, py) = (array.shape(), array.py());
    let Ok(pixels) = array.cast::<PyArray3<u8>>() else {
        let dtype = array.dtype();
        let how = match dtype.kind() {
            b'f' => ", such as (255 * x).round().astype(\"uint8\") where values are from 0 to 1",
            _ => "",
        };
        return Err(match array.ndim() == 3 {
            true => {
                invalid(py, &format!("{name}: an array of {dtype}: give uint8, from 0 to 255{how}"))
            }
            false => invalid(py, &shape_problem(name, shape)),
        });
    };
    if shape[2] != 3 || shape[0] == 0 || shape[1] == 0 {
        return Err(invalid(py, &shape_problem(name, shape)));
    }
    let pixels = pixels.clone().unbind();
    let read = move || {
        Python::attach(|py| {
            let array = pixels.bind(py).try_readonly().map_err(io::Error::other)?;
            let (height, width) = (array.shape()[0], array.shape()[1]);
            let mut file = format!("P6\n{width} {height}\n255\n").into_bytes();
            match array.as_slice() {
                Ok(pixels) => file.extend_from_slice(pixels),
                Err(_) => file.extend(array.as_array().iter()),
            }
            Ok(file)
        })
    };
    Ok(Provided::new(name, read).into())
}

fn shape_problem(name: &str, shape: &[usize]) -> String {
    let four = match shape {
        [_, _, 4] => ": leave the fourth channel out",
        _ => "",
    };
    format!("{name}: an array of shape {shape:?} is no picture: give RGB, [height, width, 3]{four}")
}

/// The location of a picture opened with Pillow, oriented as Pillow shows it. Its pixels are read when they are
/// needed.
fn of_pil(picture: &Bound<'_, PyAny>, name: &str) -> PyResult<Location> {
    let mode: String = picture.getattr("mode")?.extract()?;
    if matches!(mode.as_str(), "I" | "F") || mode.starts_with("I;") {
        let problem = format!("{name}: a PIL picture of mode {mode}: convert it to RGB");
        return Err(invalid(picture.py(), &problem));
    }
    let picture = picture.clone().unbind();
    let read = move || Python::attach(|py| pnm(picture.bind(py)).map_err(io::Error::other));
    Ok(Provided::new(name, read).into())
}

/// The pixels of a PIL picture as a file in memory.
fn pnm(picture: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mode: String = picture.getattr("mode")?.extract()?;
    let (width, height): (usize, usize) = picture.getattr("size")?.extract()?;
    let pixels = |mode: &str| -> PyResult<Vec<u8>> {
        let pixels = picture.call_method1("convert", (mode,))?.call_method0("tobytes")?;
        let pixels =
            pixels.cast_into::<PyBytes>().map_err(|_| PyTypeError::new_err("no pixels"))?;
        Ok(pixels.as_bytes().to_vec())
    };
    let transparent = mode.to_ascii_uppercase().contains('A')
        || picture.getattr("info")?.contains("transparency")?;
    let (mut file, pixels) = match transparent {
        true => {
            let header = format!(
                "P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
            );
            (header.into_bytes(), pixels("RGBA")?)
        }
        false => (format!("P6\n{width} {height}\n255\n").into_bytes(), pixels("RGB")?),
    };
    file.extend(pixels);
    Ok(file)
}
