//! The project as sent to the page.

use headstart::model::architectures::Architecture;
use headstart::{BUNDLED, Bundled};
use serde::Serialize;

use crate::jobs::JobView;
use crate::project::SkippedFile;

/// The project, as sent to the page.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectView {
    pub(super) name: String,
    pub(super) folder: String,
    pub(super) revision: u64,
    pub(super) version: &'static str,
    /// Why nothing can be changed, if so.
    pub(super) read_only: Option<String>,
    pub(super) classes: Vec<ClassView>,
    /// Pictures without a class.
    pub(super) inbox: usize,
    pub(super) unreadable: Vec<Unreadable>,
    /// The name of the model that answers live.
    pub(super) model: String,
    pub(super) undo: Option<String>,
    pub(super) redo: Option<String>,
    pub(super) job: Option<JobView>,
}

/// A base, as sent to the page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BaseView {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// The size of its weights in bytes.
    pub(super) size: usize,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ClassView {
    pub(super) name: String,
    pub(super) pictures: usize,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Unreadable {
    pub(super) path: String,
    pub(super) reason: String,
}

/// A picture, as sent to the page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PictureView {
    pub(super) path: String,
    /// Changes with the content of the file.
    pub(super) tag: String,
    /// Why it cannot be read, if so.
    pub(super) problem: Option<String>,
}

/// The result of an action: a message, and the project after it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Done {
    pub(super) project: ProjectView,
    pub(super) message: String,
}

/// The result of an upload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Uploaded {
    pub(super) project: ProjectView,
    pub(super) added: usize,
    pub(super) skipped: Vec<SkippedFile>,
    pub(super) message: String,
}
impl BaseView {
    /// The bundled bases.
    pub(crate) fn all() -> Vec<Self> {
        let view = |bundled: &Bundled| {
            let architecture = Architecture::find(bundled.name).ok()?;
            Some(Self { name: bundled.name, about: architecture.about, size: bundled.bytes() })
        };
        BUNDLED.iter().filter_map(view).collect()
    }
}
