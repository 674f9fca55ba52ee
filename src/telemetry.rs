//! What Cornet tells its operator about itself: metrics and logs. Nothing here comes from users: no id, URL, payload
//! or secret is a label or a field. It does not know who reads them.

mod logs;

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use logs::{LogFilterError, LogFormat, check_log_filter, start_logging};

use crate::domain::attempt::AttemptReport;
use crate::domain::delivery::DeliveryState;

/// The media type of [`Metrics::render`]'s text.
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds, in seconds, of how long an answer of ours or of an endpoint takes.
const DURATION_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// Upper bounds, in seconds, of how late a delivery may be started: a backlog is minutes or hours long.
const LAG_BUCKETS: [f64; 12] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0, 86_400.0];
/// Upper bounds of how much is written in one transaction.
const BATCH_BUCKETS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0];

/// The methods that have a name of their own in metrics; a client can invent any number of others.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// The figures that `/metrics` shows (Prometheus). Keeping them costs a few atomic additions.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histogram,
    requests_panicked: Counter,
    connections: Gauge,
    accepted: Counter,
    attempts_succeeded: Counter,
    attempts_failed: Counter,
    attempt_seconds: Histogram,
    transform_seconds: Histogram,
    lag_seconds: Histogram,
    in_flight: Gauge,
    ended: [Counter; DeliveryState::ALL.len()],
    commit_batch: Histogram,
    endpoints_resting: Gauge,
    nodes: Gauge,
    ahead_of_other_clocks: Gauge,
    leases_lost: Counter,
    taken_over: Counter,
    late: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("cornet");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        let requests = Family::default();
        registry.register("http_requests", "Requests answered, by path template", requests.clone());
        let attempts = Family::<OutcomeLabels, Counter>::default();
        registry.register("delivery_attempts", "Requests made to endpoints, by what came of them", attempts.clone());
        let deliveries = Family::<StateLabels, Counter>::default();
        registry.register("deliveries_ended", "Deliveries that came to an end, by how", deliveries.clone());
        let durations = || Histogram::new(DURATION_BUCKETS);
        Self {
            requests,
            request_seconds: seconds(&mut registry, "http_request_duration", "Time to answer a request", durations()),
            requests_panicked: counter(&mut registry, "http_requests_panicked", "Requests that hit a fault of ours"),
            connections: gauge(&mut registry, "http_connections", "Open connections of clients"),
            accepted: counter(&mut registry, "messages_accepted", "Messages accepted and stored"),
            // Created at once, so that a rate over them starts at zero rather than at their first occurrence.
            attempts_succeeded: attempts.get_or_create_owned(&OutcomeLabels { outcome: "succeeded" }),
            attempts_failed: attempts.get_or_create_owned(&OutcomeLabels { outcome: "failed" }),
            attempt_seconds: seconds(
                &mut registry,
                "delivery_attempt_duration",
                "Time from the start of an attempt to its answer or failure",
                durations(),
            ),
            transform_seconds: seconds(&mut registry, "transform_duration", "Time that code ran", durations()),
            lag_seconds: seconds(
                &mut registry,
                "delivery_lag",
                "Time from when a delivery was due to when its attempt started",
                Histogram::new(LAG_BUCKETS),
            ),
            in_flight: gauge(&mut registry, "deliveries_in_flight", "Attempts that are being made right now"),
            ended: DeliveryState::ALL
                .map(|state| deliveries.get_or_create_owned(&StateLabels { state: state.as_str() })),
            commit_batch: histogram(
                &mut registry,
                "store_commit_batch_size",
                "Changes and outcomes written in one transaction",
                Histogram::new(BATCH_BUCKETS),
            ),
            endpoints_resting: gauge(
                &mut registry,
                "endpoints_resting",
                "Endpoints that failed again and again, and are tried now and then",
            ),
            ahead_of_other_clocks: gauge(
                &mut registry,
                "clock_ahead_seconds",
                "How far this machine's clock is ahead of receivers' clocks",
            ),
            nodes: gauge(&mut registry, "nodes", "Nodes that share the database, this one among them"),
            leases_lost: counter(&mut registry, "leases_lost", "Times that this node was taken for dead"),
            taken_over: counter(
                &mut registry,
                "deliveries_taken_over",
                "Deliveries taken over from nodes that were gone",
            ),
            late: counter(
                &mut registry,
                "outcomes_late",
                "Outcomes of deliveries that had been moved or taken over meanwhile: each may be a repeat",
            ),
            registry,
        }
    }
}

impl Metrics {
    /// A request was answered. `route` is the template of its path, never the path itself.
    pub fn request(&self, route: &str, method: &str, status: u16, duration: Duration) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), method, status }).inc();
        self.request_seconds.observe(duration.as_secs_f64());
    }

    /// A request hit a fault of Cornet's and was answered with 500.
    pub fn request_panicked(&self) {
        self.requests_panicked.inc();
    }

    /// A client has connected.
    pub fn connected(&self) {
        self.connections.inc();
    }

    /// A client's connection has ended.
    pub fn disconnected(&self) {
        self.connections.dec();
    }

    /// A message was accepted and stored.
    pub fn accepted(&self) {
        self.accepted.inc();
    }

    /// So many changes and outcomes were committed in one transaction.
    pub fn committed(&self, batch: usize) {
        self.commit_batch.observe(f64::from(u32::try_from(batch).unwrap_or(u32::MAX)));
    }

    /// So many endpoints are left in peace.
    pub fn endpoints_resting(&self, endpoints: usize) {
        self.endpoints_resting.set(i64::try_from(endpoints).unwrap_or(i64::MAX));
    }

    /// So many nodes share the database.
    pub fn nodes(&self, living: usize) {
        self.nodes.set(i64::try_from(living).unwrap_or(i64::MAX));
    }

    /// This machine's clock is so many seconds ahead of receivers'.
    pub fn ahead_of_other_clocks(&self, seconds: i64) {
        self.ahead_of_other_clocks.set(seconds);
    }

    /// This node was taken for dead.
    pub fn lease_lost(&self) {
        self.leases_lost.inc();
    }

    /// So many deliveries were taken over from nodes that are gone.
    pub fn taken_over(&self, deliveries: usize) {
        self.taken_over.inc_by(deliveries.try_into().unwrap_or(u64::MAX));
    }

    /// So many outcomes came when their deliveries had been moved or taken over.
    pub fn late(&self, outcomes: usize) {
        self.late.inc_by(outcomes.try_into().unwrap_or(u64::MAX));
    }

    /// An attempt was started, so long after its delivery was due.
    pub fn attempt_started(&self, lag: Duration) {
        self.in_flight.inc();
        self.lag_seconds.observe(lag.as_secs_f64());
    }

    /// An attempt that was started was not made after all.
    pub fn attempt_withdrawn(&self) {
        self.in_flight.dec();
    }

    /// An attempt came to its end.
    pub fn attempt_ended(&self, report: &AttemptReport) {
        self.in_flight.dec();
        let outcome = if report.succeeded() { &self.attempts_succeeded } else { &self.attempts_failed };
        outcome.inc();
        self.attempt_seconds.observe(Duration::from_millis(report.duration_ms).as_secs_f64());
    }

    /// The code of a transformation was run.
    pub fn transformed(&self, duration: Duration) {
        self.transform_seconds.observe(duration.as_secs_f64());
    }

    /// A delivery came to its end.
    pub fn delivery_ended(&self, state: DeliveryState) {
        let index = DeliveryState::ALL.iter().position(|other| *other == state);
        if let Some(counter) = index.and_then(|index| self.ended.get(index)) {
            counter.inc();
        }
    }

    /// All figures, as [`METRICS_CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let mut rendered = String::new();
        // Writing to a string cannot fail, and half of the figures are better than none.
        text::encode(&mut rendered, &self.registry).ok();
        rendered
    }
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter<u64, AtomicU64> {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge<i64, AtomicI64> {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn histogram(registry: &mut Registry, name: &str, help: &str, histogram: Histogram) -> Histogram {
    registry.register(name, help, histogram.clone());
    histogram
}

fn seconds(registry: &mut Registry, name: &str, help: &str, histogram: Histogram) -> Histogram {
    registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
    histogram
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Metrics;
    use crate::domain::attempt::{Answer, AttemptReport};
    use crate::domain::delivery::DeliveryState;

    fn report(status: u16) -> AttemptReport {
        let result = Ok(Answer { status, ..Answer::default() });
        AttemptReport { duration_ms: 12, remote_address: None, phases: None, result }
    }

    #[test]
    fn what_happened_is_counted_under_the_documented_names() {
        let metrics = Metrics::default();
        metrics.request("/api/v1/app/{app_id}/msg", "POST", 202, Duration::from_millis(3));
        metrics.request("unmatched", "BREW", 404, Duration::from_millis(1));
        metrics.accepted();
        metrics.committed(7);
        metrics.transformed(Duration::from_millis(1));
        for status in [204, 500] {
            metrics.attempt_started(Duration::from_millis(2));
            metrics.attempt_ended(&report(status));
        }
        metrics.attempt_started(Duration::ZERO);
        metrics.delivery_ended(DeliveryState::Failed);
        let rendered = metrics.render();
        for line in [
            concat!("cornet_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "cornet_http_requests_total{route=\"/api/v1/app/{app_id}/msg\",method=\"POST\",status=\"202\"} 1",
            "cornet_http_requests_total{route=\"unmatched\",method=\"other\",status=\"404\"} 1",
            "cornet_http_request_duration_seconds_count 2",
            "cornet_messages_accepted_total 1",
            "cornet_store_commit_batch_size_sum 7.0",
            "cornet_delivery_attempts_total{outcome=\"succeeded\"} 1",
            "cornet_delivery_attempts_total{outcome=\"failed\"} 1",
            "cornet_delivery_attempt_duration_seconds_count 2",
            "cornet_deliveries_ended_total{state=\"delivered\"} 0",
            "cornet_deliveries_ended_total{state=\"failed\"} 1",
            "cornet_transform_duration_seconds_count 1",
            "cornet_delivery_lag_seconds_count 3",
            "cornet_deliveries_in_flight 1",
        ] {
            assert!(rendered.lines().any(|other| other == line), "no line {line} in:\n{rendered}");
        }
    }
}
