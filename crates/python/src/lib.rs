//! headstart for Python: the native module below `python/headstart`.
//!
//! There is no logic of its own here. Pictures, options, results and errors are converted between Python and the
//! library, work runs without the interpreter's lock, and Ctrl-C interrupts it.
#![forbid(unsafe_code)]

mod audit;
mod command;
mod errors;
mod explain;
mod export;
mod extractor;
mod fit;
mod fitted;
mod model;
mod options;
mod pictures;
mod work;

/// The native module of the package `headstart`.
#[pyo3::pymodule]
mod _headstart {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::audit::{Audit, audit};
    #[pymodule_export]
    use crate::command::main;
    #[pymodule_export]
    use crate::explain::{Explanation, explain};
    #[pymodule_export]
    use crate::export::export;
    #[pymodule_export]
    use crate::extractor::Extractor;
    #[pymodule_export]
    use crate::fit::{evaluate, fine_tune, fit, fit_folder};
    #[pymodule_export]
    use crate::fitted::Fit;
    #[pymodule_export]
    use crate::model::{Model, Predicted};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        headstart_cli::hide_guarded_panics();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
