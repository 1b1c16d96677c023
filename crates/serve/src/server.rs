//! A server from its start to its end.

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

/// Routes of a program's own beside those of the protocols. All of them are behind the check of the host,
/// have an id, a log line and counts, and may stream or upgrade their answers.
#[derive(Debug, Default)]
pub struct Routes {
    /// Behind the token, if there is one.
    pub guarded: Router,
    /// For everybody, or, where browsers have [sessions](crate::Auth::Session), behind these: pages and what
    /// they are made of. `None` are the pages that come with the server.
    pub pages: Option<Router>,
    /// Whether there are no others: no protocols, and so no models need be given.
    pub alone: bool,
}

/// A server whose models are loaded and whose address is taken: clients are let in by [`Server::run`].
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    router: Router,
}

impl Server {
    /// Takes the address and loads the models.
    ///
    /// # Errors
    /// When the configuration makes no sense, the address cannot be listened on, or a model cannot be loaded.
    pub async fn bind(config: ServeConfig) -> Result<Self, ServeError> {
        Self::bind_with(config, Routes::default()).await
    }

    /// As [`Server::bind`], with routes of the caller's.
    ///
    /// # Errors
    /// As [`Server::bind`].
    ///
    /// # Panics
    /// When a route is one that there is already.
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

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The models by name, with how many classes each has.
    pub fn models(&self) -> impl Iterator<Item = (&str, usize)> {
        let entries = self.app.models.iter();
        entries.map(|entry| (&*entry.source.name, entry.current().classes().len()))
    }

    /// Answers until `stop` is over, and then ends what has begun. Says whether all of it ended in time.
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

/// Looks from time to time whether models have changed on disk, until `over` is closed. On one thread for
/// all: what the models before have left is then taken by those that come, where an allocator has memory by thread.
fn watch(app: &App, over: &Receiver<()>) {
    let every = app.config.reload_every.max(Duration::from_millis(10));
    while let Err(RecvTimeoutError::Timeout) = over.recv_timeout(every) {
        if let Err(panic) = guarded(|| app.refresh()) {
            tracing::error!(panic, "looking for changed models failed");
        }
    }
}
