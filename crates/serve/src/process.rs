//! Runs a server as the whole of a program.

use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::{Routes, ServeConfig, ServeError, Server};

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop, and has finished all open requests.
    InTime,
    /// It was told to stop, and has abandoned requests that took too long.
    Late,
}

/// Serves until the process receives SIGTERM or Ctrl-C. A second signal ends the server at once.
///
/// `listening` is called when the server accepts connections.
///
/// # Errors
/// As [`Server::bind`].
pub fn serve(config: ServeConfig, listening: impl FnOnce(&Server)) -> Result<Ended, ServeError> {
    serve_with(config, Routes::default(), listening, || ())
}

/// As [`serve`], with the caller's own routes. `stopping` is called when the server is told to stop;
/// streams of these routes should then end.
///
/// # Errors
/// As [`Server::bind_with`].
pub fn serve_with(
    config: ServeConfig,
    routes: Routes,
    listening: impl FnOnce(&Server),
    stopping: impl FnOnce(),
) -> Result<Ended, ServeError> {
    let threads = config.predicting_threads();
    let runtime = runtime(threads).map_err(|cause| ServeError::Threads { threads, cause })?;
    let ended = runtime.block_on(async {
        // From here on, a signal asks the server to stop.
        let mut signals = Signals::new().map_err(|cause| ServeError::Threads { threads, cause })?;
        let server = Server::bind_with(config, routes).await?;
        listening(&server);
        let (stop, told) = tokio::sync::oneshot::channel();
        let serving = server.run(async {
            let _ = told.await;
        });
        let impatient = async {
            signals.next().await;
            stopping();
            // The receiver is gone only if the server has ended without being told to, which does not happen.
            let _ = stop.send(());
            signals.next().await;
        };
        tokio::select! {
            in_time = serving => Ok(if in_time { Ended::InTime } else { Ended::Late }),
            () = impatient => Ok(Ended::Late),
        }
    });
    // Remaining connections have used up their grace period.
    runtime.shutdown_background();
    ended
}

/// A runtime for reading and writing. A few of its threads keep many predicting threads busy.
fn runtime(predicting: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(predicting.div_ceil(4).clamp(1, 4))
        .max_blocking_threads(16)
        .thread_name("http")
        .enable_all()
        .build()
}

/// Signals that ask the server to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
