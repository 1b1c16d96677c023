//! A studio in which anyone can train a classifier: a folder with a folder per class, shown in the browser, on the
//! user's own machine.
//!
//! The project is the folder, which the command line uses as well. A hidden folder in it has the deleted files, a
//! journal with which everything can be undone, and the models.
//!
//! - [`project`] is the contents of the folder, and the actions on it,
//! - [`learner`] trains a head meanwhile, and [`live`] answers with it,
//! - [`jobs`] are longer trainings, and [`models`] their results,
//! - [`routes`] are the page's requests, a file per panel, and [`events`] what is sent to the page,
//! - [`assets`] are the files of the page.
//!
//! ```no_run
//! use headstart_studio::{Studio, StudioConfig};
//!
//! # fn main() -> Result<(), headstart_studio::StudioError> {
//! let studio = Studio::open(&StudioConfig::new("flowers"))?;
//! studio.serve("127.0.0.1:0".parse().expect("an address"), |at| println!("{}", at.url))?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![allow(rustdoc::private_intra_doc_links)]

mod assets;
mod config;
mod error;
mod events;
mod folder;
mod jobs;
mod learner;
mod live;
mod models;
mod project;
mod routes;
mod studio;
mod thumbnails;
mod watch;
mod wording;

pub use config::StudioConfig;
pub use error::StudioError;
pub use headstart_serve::Ended;
pub use project::Action;
pub use studio::{Listening, Studio};
