//! Connections: their number, their time limits, and their end.

mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use crate::Failure;
use crate::app::App;
use stream::Stream;

/// Maximum number of simultaneous refusals of connections beyond the limit. Further ones are closed
/// without a response.
const REFUSALS: usize = 64;
/// How long a client may take to read a refusal.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// How long to accept no connections after an error of the system, such as running out of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// Maximum size of a request's head, in bytes.
const HEAD: usize = 64 << 10;

/// Accepts connections until `stop` completes, and then gives open requests the configured time to
/// finish. Returns whether all connections ended in time.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    router: Router,
    stop: impl Future<Output = ()>,
) -> bool {
    let limits = &app.config.limits;
    let most = within_descriptors(limits.connections);
    let slots = Arc::new(Semaphore::new(most));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let (stopping, _) = watch::channel(false);
    let begin = |stream: TcpStream, peer: SocketAddr| {
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            app.metrics.connections_refused.inc();
            if let Ok(slot) = refusals.clone().try_acquire_owned() {
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(REFUSAL_TIME, refuse(stream, most)).await;
                    drop(slot);
                });
            }
            return;
        };
        let connection =
            connection(stream, peer, app.clone(), router.clone(), stopping.subscribe());
        let metrics = app.metrics.clone();
        metrics.connections.inc();
        tokio::spawn(async move {
            connection.await;
            metrics.connections.dec();
            drop(slot);
        });
    };

    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => begin(stream, peer),
                Err(error) => pause(&error).await,
            },
        }
    }

    app.stop();
    tracing::info!("stopping: what has begun is finished");
    // The system has already accepted these clients. Without this, their connections would close without
    // a response.
    while let Ok(Ok((stream, peer))) = tokio::time::timeout(Duration::ZERO, listener.accept()).await
    {
        begin(stream, peer);
    }
    drop(listener);
    stopping.send_replace(true);
    let all = slots.acquire_many(most as u32);
    tokio::time::timeout(app.config.grace, all).await.is_ok()
}

/// Pauses after an error of accepting a connection, unless the error concerns a single client.
async fn pause(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        let problem = headstart::system_reason(error);
        tracing::error!(problem, "no connection can be accepted");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Arc<App>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    // Responses are short, and clients wait for them.
    let _ = stream.set_nodelay(true);
    let limits = &app.config.limits;
    let rest = Arc::new(AtomicBool::new(false));
    let stream = Stream::new(stream, limits.receive_time, rest.clone());
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request.map(Body::new));
        let rest = rest.clone();
        async move {
            let response = answer.await;
            if let Ok(response) = &response {
                // The client may still be sending the rest of a refused request.
                let is_refused =
                    response.status().is_client_error() || response.status().is_server_error();
                rest.store(is_refused, Ordering::Relaxed);
            }
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.send_time)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = is_told(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection broken");
    }
}

async fn is_told(stopping: &mut watch::Receiver<bool>) {
    // The sender lives as long as there are connections.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Responds that there are too many connections.
async fn refuse(mut stream: TcpStream, most: usize) -> io::Result<()> {
    let message =
        format!("{most} connections are open, the most that there may be: try again in a second");
    let failure = Failure::busy(message);
    let (parts, body) = failure.into_response().into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
    let mut text = format!(
        "HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        parts.status,
        body.len()
    );
    for (name, value) in &parts.headers {
        if name != "content-length" {
            text += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
        }
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.write_all(&body).await?;
    let mut stream = Stream::new(stream, REFUSAL_TIME, Arc::new(AtomicBool::new(true)));
    stream.shutdown().await
}

/// The number of connections that the limit on file descriptors allows, besides the descriptors needed
/// for other purposes. Raises the limit first, as far as possible.
#[cfg(unix)]
fn within_descriptors(connections: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let others = (REFUSALS + 64) as u64;
    let wanted = connections as u64 + others;
    let limit = getrlimit(Resource::Nofile);
    let Some(mut allowed) = limit.current else { return connections };
    if allowed < wanted {
        let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok() {
            allowed = raised;
        }
    }
    let possible = (allowed.saturating_sub(others) as usize).max(1);
    if possible < connections {
        tracing::warn!(
            possible,
            wanted = connections,
            "the system has descriptors for fewer connections"
        );
    }
    possible.min(connections)
}

#[cfg(not(unix))]
fn within_descriptors(connections: usize) -> usize {
    connections
}
