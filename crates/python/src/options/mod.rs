//! Converts Python's options to the library's configurations.

mod sources;
mod training;

use std::cell::RefCell;
use std::fmt::Display;
use std::str::FromStr;

use headstart::train::ClassWeight;
use pyo3::conversion::FromPyObjectOwned;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{invalid, wrong_type};

/// Options by name. `None` means that an option is not given.
pub(crate) struct Options<'a, 'py> {
    given: &'a Bound<'py, PyDict>,
    taken: RefCell<Vec<&'static str>>,
}

impl<'a, 'py> Options<'a, 'py> {
    pub(crate) fn new(given: &'a Bound<'py, PyDict>) -> Self {
        Self { given, taken: RefCell::default() }
    }

    /// An option's value.
    ///
    /// # Errors
    /// If it has another type.
    pub(crate) fn get<T: FromPyObjectOwned<'py>>(&self, name: &'static str) -> PyResult<Option<T>> {
        self.taken.borrow_mut().push(name);
        let value = self.given.get_item(name)?.filter(|value| !value.is_none());
        let wrong = |value: &Bound<'py, PyAny>| {
            let shown = value.repr().map_or_else(|_| "this".to_owned(), |text| text.to_string());
            wrong_type(format!("{name}={shown}: it cannot be a {}", type_name(value)))
        };
        value.map(|value| value.extract().map_err(|_| wrong(&value))).transpose()
    }

    fn or<T: FromPyObjectOwned<'py>>(&self, name: &'static str, default: T) -> PyResult<T> {
        Ok(self.get(name)?.unwrap_or(default))
    }

    /// An option whose value is a name.
    ///
    /// # Errors
    /// If there is no such name.
    fn named<T: FromStr<Err: Display>>(&self, name: &'static str) -> PyResult<Option<T>> {
        let text: Option<String> = self.get(name)?;
        let parse = |text: String| {
            text.parse().map_err(|error: T::Err| self.wrong(&format!("{name}={text:?}: {error}")))
        };
        text.map(parse).transpose()
    }

    fn wrong(&self, problem: &str) -> PyErr {
        invalid(self.given.py(), problem)
    }

    /// Checks that all options were used.
    ///
    /// # Errors
    /// If an option is not known.
    pub(crate) fn all_taken(&self) -> PyResult<()> {
        let taken = self.taken.borrow();
        for (name, value) in self.given {
            let name: String = name.extract()?;
            if !value.is_none() && !taken.contains(&name.as_str()) {
                return Err(wrong_type(format!("there is no option {name}")));
            }
        }
        Ok(())
    }

    fn seed(&self) -> PyResult<u64> {
        self.or("random_state", 0)
    }

    fn class_weight(&self) -> PyResult<ClassWeight> {
        Ok(match self.or("balance", false)? {
            true => ClassWeight::Balanced,
            false => ClassWeight::Uniform,
        })
    }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "value".to_owned(), |name| name.to_string())
}
