//! Receives the bodies of requests.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Failure, Limits};

/// Bytes per permit. A semaphore counts no further than 2^29 on some machines.
const GRAIN: usize = 1024;

/// Limits on bodies: the size of each, the size of all together, and the time that each may take.
#[derive(Debug)]
pub(crate) struct Uploads {
    most: usize,
    time: Duration,
    room: Arc<Semaphore>,
}

/// A complete body, with the room reserved for it.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Uploads {
    pub(crate) fn new(limits: &Limits) -> Self {
        let room = Arc::new(Semaphore::new(limits.bodies.div_ceil(GRAIN)));
        Self { most: limits.body, time: limits.send_time, room }
    }

    /// Receives a body.
    ///
    /// # Errors
    /// If the body is encoded, too large, too slow or incomplete, or if there is no room for it.
    pub(crate) async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<Upload, Failure> {
        let encoding = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity");
        if encoding.is_some() {
            let message = "encoded bodies are not supported; remove Content-Encoding";
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", message));
        }
        let declared =
            headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if declared.is_some_and(|bytes: u64| bytes > self.most as u64) {
            return Err(self.too_large());
        }
        match tokio::time::timeout(self.time, self.collect(declared, body)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::new(
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                format!("the body did not arrive within {} s", self.time.as_secs_f32()),
            )),
        }
    }

    async fn collect(&self, declared: Option<u64>, mut body: Body) -> Result<Upload, Failure> {
        let mut room: Option<OwnedSemaphorePermit> = None;
        let mut chunks = Vec::new();
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return Err(Failure::bad_request(match declared {
                    Some(all) => format!("the body ended early, after {received} of {all} bytes"),
                    None => format!("the body ended early, after {received} bytes"),
                }));
            };
            let Ok(chunk) = frame.into_data() else { continue };
            received += chunk.len();
            if received > self.most {
                return Err(self.too_large());
            }
            let held = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = received.div_ceil(GRAIN) - held;
            let more = self.room.clone().try_acquire_many_owned(more as u32);
            let more =
                more.map_err(|_| Failure::busy("too many bodies at once: try again in a second"))?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            chunks.push(chunk);
        }
        let bytes = match chunks.len() {
            1 => chunks.remove(0),
            _ => chunks.concat().into(),
        };
        Ok(Upload { bytes, _room: room })
    }

    fn too_large(&self) -> Failure {
        Failure::too_large(format!(
            "the body is larger than {} bytes, the most that is taken",
            self.most
        ))
    }
}
