//! A server from start to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use axum::Router;
use headstart::data::decode::guarded;
use tokio::net::TcpListener;

use crate::app::App;
use crate::{ServeConfig, ServeError, connection, layers, protocols};

/// A program's own routes, besides those of the protocols.
///
/// All of them are behind the check of the host, have a request id, a log line and metrics, and may
/// stream or upgrade their responses.
#[derive(Debug, Default)]
pub struct Routes {
    /// Routes that require the token, if there is one.
    pub guarded: Router,
    /// Public routes for pages and their files. With [browser sessions](crate::Auth::Session), they
    /// require the session. `None` uses the pages that come with the server.
    pub pages: Option<Router>,
    /// Whether to leave out the protocols. Then no models are needed.
    pub alone: bool,
}

/// A server with loaded models and a bound address. [`Server::run`] accepts connections.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    router: Router,
}

impl Server {
    /// Binds the address and loads the models.
    ///
    /// # Errors
    /// If the configuration is invalid, the address cannot be listened on, or a model cannot be loaded.
    pub async fn bind(config: ServeConfig) -> Result<Self, ServeError> {
        Self::bind_with(config, Routes::default()).await
    }

    /// As [`Server::bind`], with the caller's own routes.
    ///
    /// # Errors
    /// As [`Server::bind`].
    ///
    /// # Panics
    /// If a route exists already.
    pub async fn bind_with(mut config: ServeConfig, routes: Routes) -> Result<Self, ServeError> {
        config.check()?;
        if config.models.is_empty() && !routes.alone {
            return Err(ServeError::NoModels);
        }
        let listen = config.listen;
        let not_here = |cause| ServeError::Listen { listen, cause };
        let listener = TcpListener::bind(listen).await.map_err(not_here)?;
        let address = listener.local_addr().map_err(not_here)?;
        config.listen = address;
        let app = Arc::new(App::start(config)?);
        let router = layers::around(protocols::router(&app, routes), &app);
        Ok(Self { listener, address, app, router })
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The names of the models, with their numbers of classes.
    pub fn models(&self) -> impl Iterator<Item = (&str, usize)> {
        let entries = self.app.models.iter();
        entries.map(|entry| (&*entry.source.name, entry.current().classes().len()))
    }

    /// Serves until `stop` completes, and then finishes open requests. Returns whether all of them ended
    /// in time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let Self { listener, address, app, router } = self;
        for entry in app.models.iter() {
            let loaded = entry.current();
            let (model, classes) = (&entry.source.name, loaded.classes().len());
            tracing::info!(model, classes, file = entry.source.model, "model loaded");
        }
        tracing::info!(%address, threads = app.config.predicting_threads(), "listening");
        let (watching, over) = mpsc::channel();
        let watched = app.clone();
        let thread = thread::Builder::new().name("models".to_owned());
        if let Err(error) = thread.spawn(move || watch(&watched, &over)) {
            tracing::error!(%error, "models that change on disk are not seen");
        }
        let in_time = connection::serve(listener, app, router, stop).await;
        drop::<Sender<()>>(watching);
        match in_time {
            true => tracing::info!("stopped"),
            false => {
                tracing::warn!("stopped: some requests took longer than they may, and were left")
            }
        }
        in_time
    }
}

/// Periodically checks whether model files have changed, until `over` is closed.
///
/// One thread does this for all models: allocators that keep memory per thread can then reuse the memory
/// of earlier models for later ones.
fn watch(app: &App, over: &Receiver<()>) {
    let every = app.config.reload_every.max(Duration::from_millis(10));
    while let Err(RecvTimeoutError::Timeout) = over.recv_timeout(every) {
        if let Err(panic) = guarded(|| app.refresh()) {
            tracing::error!(panic, "looking for changed models failed");
        }
    }
}
