//! What all pages have in common.

use std::io::Write;
use std::path::Path;

use askama::Template;
use headstart::Error;
use headstart::data::Location;
use headstart::files::AtomicFile;

pub(crate) const STYLE: &str = include_str!("../templates/page.css");

/// A page as one file that needs nothing else.
#[derive(Clone, Debug)]
pub struct Page {
    html: String,
}

impl Page {
    pub(crate) fn of(template: &impl Template) -> Self {
        let html = template.render().expect("a string takes all text");
        Self { html }
    }

    /// The page itself.
    pub fn html(&self) -> &str {
        &self.html
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let file = AtomicFile::create(path)?;
        let written = file.reopen()?.write_all(self.html.as_bytes());
        written.map_err(|error| file.error(error))?;
        file.commit()?;
        Ok(())
    }
}

/// The picture's path from the folder on; the whole path where it is not below that.
pub(crate) fn below(root: &Path, picture: &Location) -> String {
    let path = picture.path();
    let below = path.strip_prefix(root).ok().filter(|below| !below.as_os_str().is_empty());
    below.unwrap_or(&path).display().to_string()
}

/// `1 picture`, `2,000 pictures`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    let n_text = headstart::model::thousands(n);
    format!("{n_text} {}", if n == 1 { one } else { many })
}
