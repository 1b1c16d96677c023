//! The common parts of all pages.

use std::io::Write;
use std::path::Path;

use askama::Template;
use headstart::Error;
use headstart::data::Location;
use headstart::files::AtomicFile;

pub(crate) const STYLE: &str = include_str!("../templates/page.css");

/// A self-contained page in one file.
#[derive(Clone, Debug)]
pub struct Page {
    html: String,
}

impl Page {
    pub(crate) fn of(template: &impl Template) -> Self {
        let html = template.render().expect("a string takes all text");
        Self { html }
    }

    /// The HTML of the page.
    pub fn html(&self) -> &str {
        &self.html
    }

    /// Writes the page atomically.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let file = AtomicFile::create(path)?;
        let written = file.reopen()?.write_all(self.html.as_bytes());
        written.map_err(|error| file.error(error))?;
        file.commit()?;
        Ok(())
    }
}

/// The picture's path relative to `root`, or its whole path if it is not below `root`.
pub(crate) fn below(root: &Path, picture: &Location) -> String {
    let path = picture.path();
    let below = path.strip_prefix(root).ok().filter(|below| !below.as_os_str().is_empty());
    below.unwrap_or(&path).display().to_string()
}

/// A count with its noun: `1 picture`, `2,000 pictures`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    let n_text = headstart::model::thousands(n);
    format!("{n_text} {}", if n == 1 { one } else { many })
}
