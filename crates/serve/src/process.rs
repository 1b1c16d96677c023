//! A server as the whole of a program.

use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::{Routes, ServeConfig, ServeError, Server};

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to, and has finished what had begun.
    InTime,
    /// It was told to, and has left what took longer than it may.
    Late,
}

/// Serves until the process is told to end, by SIGTERM or Ctrl-C; told once more, it ends at once.
/// `listening` is told when clients can come.
///
/// # Errors
/// As [`Server::bind`].
pub fn serve(config: ServeConfig, listening: impl FnOnce(&Server)) -> Result<Ended, ServeError> {
    serve_with(config, Routes::default(), listening, || ())
}

/// As [`serve`], with routes of the caller's. `stopping` is told when the process is told to end: what they
/// stream should end then.
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
        // From here on a signal is an order to stop.
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
            // It may have ended by itself, which it does not.
            let _ = stop.send(());
            signals.next().await;
        };
        tokio::select! {
            in_time = serving => Ok(if in_time { Ended::InTime } else { Ended::Late }),
            () = impatient => Ok(Ended::Late),
        }
    });
    // Whoever is still connected has had his time.
    runtime.shutdown_background();
    ended
}

/// Threads that read and write for those that predict, a few of which keep many of those busy.
fn runtime(predicting: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(predicting.div_ceil(4).clamp(1, 4))
        .max_blocking_threads(16)
        .thread_name("http")
        .enable_all()
        .build()
}

/// Orders to stop.
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
