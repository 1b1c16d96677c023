//! Events that are sent to pages as they happen.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

/// The number of events that a page may lag behind.
const BEHIND: usize = 256;
/// How often something is sent, to detect whether anybody is listening.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Sends events to all pages.
#[derive(Debug)]
pub(crate) struct Hub {
    sender: broadcast::Sender<Message>,
    over: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
struct Message {
    name: &'static str,
    data: Arc<str>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { sender: broadcast::channel(BEHIND).0, over: watch::channel(false).0 }
    }
}

impl Hub {
    /// Sends an event to all pages, if there are any.
    pub(crate) fn tell(&self, name: &'static str, data: &impl Serialize) {
        if self.sender.receiver_count() > 0 {
            let data = serde_json::to_string(data).expect("plain data serialises");
            let _ = self.sender.send(Message { name, data: data.into() });
        }
    }

    /// Reports a problem to all pages, in one line.
    pub(crate) fn problem(&self, message: &str) {
        tracing::warn!(problem = message, "told");
        self.tell("problem", &serde_json::json!({ "message": message }));
    }

    /// Ends all streams of events.
    pub(crate) fn close(&self) {
        self.over.send_replace(true);
    }

    /// A stream of the events from now on, beginning with an event of the caller's.
    pub(crate) fn listen<T: Serialize>(
        &self,
        name: &'static str,
        first: &T,
    ) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<T>> {
        let data = serde_json::to_string(first).expect("plain data serialises");
        let first = Message { name, data: data.into() };
        let state = (Some(first), self.sender.subscribe(), self.over.subscribe());
        let events = stream::unfold(state, |(first, mut events, mut over)| async move {
            let message = match first {
                Some(first) => first,
                None => loop {
                    tokio::select! {
                        // A page that lags behind misses events; it gets the whole state when it connects again.
                        next = events.recv() => match next {
                            Ok(message) => break message,
                            Err(RecvError::Lagged(_)) => {}
                            Err(RecvError::Closed) => return None,
                        },
                        _ = over.wait_for(|over| *over) => return None,
                    }
                },
            };
            let event = Event::default().event(message.name).data(&*message.data);
            Some((Ok(event), (None, events, over)))
        });
        Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT))
    }
}
