//! An HTTP server for models. It builds on [`headstart`], which does not depend on it.
//!
//! ```no_run
//! use headstart_serve::{ModelSource, ServeConfig, Server};
//!
//! # async fn serve() -> Result<(), headstart_serve::ServeError> {
//! let models = vec![ModelSource::new("flowers", "flowers.safetensors")];
//! let server = Server::bind(ServeConfig::new(models)).await?;
//! println!("http://{}", server.address());
//! server.run(async { tokio::signal::ctrl_c().await.expect("there are signals") }).await;
//! # Ok(())
//! # }
//! ```
//!
//! A request passes through [`connection`] (number and speed), [`layers`] (access), [`upload`] (size),
//! one of the [`protocols`], and the [`pool`] with a thread per core, where the current version of one
//! of the [`models`] predicts.
#![forbid(unsafe_code)]
#![allow(rustdoc::private_intra_doc_links)]

mod app;
mod assets;
mod config;
mod connection;
mod error;
mod failure;
mod layers;
pub mod log;
mod metrics;
mod models;
mod pool;
mod process;
mod protocols;
mod server;
mod upload;

pub use assets::Asset;
pub use config::{Auth, Limits, ModelSource, ServeConfig};
pub use error::ServeError;
pub use failure::Failure;
pub use process::{Ended, serve, serve_with};
pub use server::{Routes, Server};
pub use tracing::Level;
