//! The option `--report`: an HTML page.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use headstart::files::check_writable;
use headstart_report::Report;
use serde_json::json;

use crate::options::Common;
use crate::output::{Output, quoted};
use crate::progress::Progress;
use crate::written::check_is_not_model;

/// Where the page goes.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Write an HTML report: learning curves, confusion matrix, mistakes, calibration
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

impl PageArgs {
    /// Checks, before all the work, that the page can be written.
    ///
    /// # Errors
    /// If the page cannot be written, or would overwrite the model.
    pub(crate) fn check(&self, model: Option<&Path>) -> anyhow::Result<()> {
        let Some(file) = self.report.as_deref() else { return Ok(()) };
        model.map_or(Ok(()), |model| check_is_not_model(file, model))?;
        Ok(check_writable(file)?)
    }

    /// The file to write, if a page was asked for.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.report.as_deref()
    }
}

/// Writes the page, and reports its path.
///
/// # Errors
/// If it cannot be written, or if the command is interrupted.
pub(crate) fn write(
    file: &Path,
    report: Report<'_>,
    (common, output): (&Common, &Output),
) -> anyhow::Result<()> {
    let report = report
        .with_fact("Date", httpdate::fmt_http_date(SystemTime::now()))
        .with_command(command(&common.command_line))
        .with_extract(common.extract()?);
    let mut context = common.context(Progress::new("Report"))?;
    let page = report.page(&mut context)?;
    drop(context);
    page.write(file)?;
    output.event(&json!({ "event": "report", "file": file.display().to_string() }))?;
    output.field("Report", file.display().to_string())?;
    Ok(())
}

/// The command in a form that can be pasted into a shell. The program is named `headstart`, wherever it
/// is installed.
fn command(arguments: &[OsString]) -> String {
    let rest =
        arguments.iter().skip(1).map(|argument| quoted(&argument.to_string_lossy()).to_string());
    std::iter::once("headstart".to_owned()).chain(rest).collect::<Vec<_>>().join(" ")
}

/// The title of a model's page: the name of its file.
pub(crate) fn title(model: &Path) -> String {
    model
        .file_stem()
        .map_or_else(|| "Report".to_owned(), |name| name.to_string_lossy().into_owned())
}
