//! Metrics for Prometheus.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Histogram bounds in seconds, for work that takes milliseconds or, under load, seconds.
const SECONDS: [f64; 14] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0];

/// All metrics. Labels only take values from small sets, whatever clients request.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<Request, Counter>,
    pub(crate) request_seconds: Family<Route, Histogram, fn() -> Histogram>,
    pub(crate) errors: Family<Error, Counter>,
    pub(crate) pictures: Family<Model, Counter>,
    pub(crate) unknown: Family<Model, Counter>,
    pub(crate) picture_errors: Family<PictureError, Counter>,
    pub(crate) picture_seconds: Histogram,
    pub(crate) queue_seconds: Histogram,
    pub(crate) queue: Gauge,
    pub(crate) queue_capacity: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) connections_refused: Counter,
    pub(crate) loads: Family<Load, Counter>,
    pub(crate) version: Family<Model, Gauge<u64, AtomicU64>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Request {
    pub(crate) route: String,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Route {
    pub(crate) route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Error {
    pub(crate) kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Model {
    pub(crate) model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PictureError {
    pub(crate) model: String,
    pub(crate) kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Load {
    pub(crate) model: String,
    pub(crate) outcome: &'static str,
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("headstart");
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            errors: Family::default(),
            pictures: Family::default(),
            unknown: Family::default(),
            picture_errors: Family::default(),
            picture_seconds: seconds(),
            queue_seconds: seconds(),
            queue: Gauge::default(),
            queue_capacity: Gauge::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            loads: Family::default(),
            version: Family::default(),
            registry: Registry::default(),
        };
        let r = &mut registry;
        r.register("requests", "Requests, by what answered them", metrics.requests.clone());
        r.register_with_unit(
            "request_duration",
            "From a request's head to the end of its answer's head",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        r.register("errors", "Requests that failed, by kind", metrics.errors.clone());
        r.register("pictures", "Pictures that were answered", metrics.pictures.clone());
        r.register("unknown", "Pictures of none of the classes", metrics.unknown.clone());
        let errors = metrics.picture_errors.clone();
        r.register("picture_errors", "Pictures that there was no answer for, by kind", errors);
        r.register_with_unit(
            "picture_duration",
            "What a picture took on its thread",
            Unit::Seconds,
            metrics.picture_seconds.clone(),
        );
        r.register_with_unit(
            "queue_wait",
            "How long a picture waited for a thread",
            Unit::Seconds,
            metrics.queue_seconds.clone(),
        );
        r.register("queue", "Pictures that wait for a thread", metrics.queue.clone());
        let capacity = metrics.queue_capacity.clone();
        r.register("queue_capacity", "Pictures that may wait or be worked on", capacity);
        r.register("connections", "Connections that are open", metrics.connections.clone());
        let refused = metrics.connections_refused.clone();
        r.register("connections_refused", "Connections beyond the limit", refused);
        r.register(
            "model_loads",
            "Models that were loaded, or could not be",
            metrics.loads.clone(),
        );
        r.register("model_version", "How often a model was loaded", metrics.version.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// The media type of [`Metrics::text`].
    pub(crate) const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// All metrics in the OpenMetrics text format.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes all text");
        text
    }
}
