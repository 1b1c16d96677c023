//! A window in which anyone trains a classifier: a folder with a folder per class, in the browser, on one's own
//! machine.
//!
//! The project is the folder: what is done here, the command line sees, and the other way round. Beside it,
//! in a hidden folder, lie what was deleted, a journal by which all is undone, and models.
//!
//! - [`project`] is what lies in the folder, and what is done to it,
//! - [`learner`] what is learned from it meanwhile, and [`live`] what answers,
//! - [`jobs`] train what takes longer, and [`models`] are what comes of them,
//! - [`routes`] what the page asks for, a file per panel; [`events`] what it is told,
//! - [`assets`] the page itself.
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

pub use config::StudioConfig;
pub use error::StudioError;
pub use headstart_serve::Ended;
pub use project::Action;
pub use studio::{Listening, Studio};
