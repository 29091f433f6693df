//! Metrics, in the text format that Prometheus reads. Labels are closed sets: no user, no caller's
//! content.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use authcluster_contract::http::Code;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::lanes::LaneMetrics;
use super::limits::LimitMetrics;
use super::migrations::MigrationMetrics;
use super::store::StoreMetrics;
use super::values::{ConnectionEnd, LoginResult, PeerOutcome, SessionEvent};
use crate::work::Local;

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    pub(super) registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    logins: Family<LoginLabels, Counter>,
    lanes: Gauge,
    speed: UnsignedGauge,
    pub(super) lane_times: LaneMetrics,
    load: UnsignedGauge,
    offered: Counter,
    done: Counter,
    unwanted: Counter,
    connections: Gauge,
    closed_connections: Family<ConnectionLabels, Counter>,
    forwarded: Family<PeerLabels, Counter>,
    peer_jobs: Family<PeerLabels, Counter>,
    breakers_open: Gauge,
    breaker_opened: Counter,
    pub(super) store: StoreMetrics,
    sessions: Family<SessionLabels, Counter>,
    nodes: Gauge,
    table_version: UnsignedGauge,
    pub(super) limits: LimitMetrics,
    pub(super) migrations: MigrationMetrics,
}

type UnsignedGauge = Gauge<u64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectionLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoginLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SessionLabels {
    event: &'static str,
}

/// From a millisecond to some eight seconds, each bucket twice the one before: a login takes tens
/// of milliseconds and is given a second.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 14))
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("authcluster_hasher"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            logins: Family::default(),
            lanes: Gauge::default(),
            speed: Gauge::default(),
            lane_times: LaneMetrics::default(),
            load: Gauge::default(),
            offered: Counter::default(),
            done: Counter::default(),
            unwanted: Counter::default(),
            connections: Gauge::default(),
            closed_connections: Family::default(),
            forwarded: Family::default(),
            peer_jobs: Family::default(),
            breakers_open: Gauge::default(),
            breaker_opened: Counter::default(),
            store: StoreMetrics::default(),
            sessions: Family::default(),
            nodes: Gauge::default(),
            table_version: UnsignedGauge::default(),
            limits: LimitMetrics::default(),
            migrations: MigrationMetrics::default(),
        };
        let registry = &mut metrics.registry;
        let clone = metrics.requests.clone();
        registry.register("requests", "Requests answered, by route and code", clone);
        let clone = metrics.request_seconds.clone();
        registry.register("request_seconds", "Time from a request to its answer, by route", clone);
        let clone = metrics.logins.clone();
        registry.register("logins", "Logins whose password was computed, by result", clone);
        registry.register("lanes", "Hashing threads of this pod", metrics.lanes.clone());
        let help = "Units of work (MiB-passes) that one lane does in a second, as measured";
        registry.register("lane_speed_units", help, metrics.speed.clone());
        let help = "Units of work that this pod has admitted and not finished";
        registry.register("load_units", help, metrics.load.clone());
        let help = "Units of work that callers asked this pod for, whoever computed them, refused ones too";
        registry.register("offered_units", help, metrics.offered.clone());
        let help = "Units of work that this pod computed for somebody";
        registry.register("done_units", help, metrics.done.clone());
        let help = "Units of work that this pod computed for nobody: the caller had gone";
        registry.register("unwanted_units", help, metrics.unwanted.clone());
        let help = "Open connections of this pod, on all its ports";
        registry.register("connections", help, metrics.connections.clone());
        let help = "Connections that this pod ended, by reason";
        registry.register("closed_connections", help, metrics.closed_connections.clone());
        let help = "Jobs that this pod put to others, by outcome";
        registry.register("forwarded", help, metrics.forwarded.clone());
        let help = "Jobs that others put to this pod, by outcome";
        registry.register("peer_jobs", help, metrics.peer_jobs.clone());
        let help = "Other pods that fail and that this one does not call now";
        registry.register("breakers_open", help, metrics.breakers_open.clone());
        let help = "Times that this pod stopped calling another one that failed";
        registry.register("breaker_opened", help, metrics.breaker_opened.clone());
        metrics.store.register(registry);
        let help = "What became of sessions, by event";
        registry.register("sessions", help, metrics.sessions.clone());
        let help = "Live hashers that this pod knows, itself among them";
        registry.register("nodes", help, metrics.nodes.clone());
        let help = "Changes of this pod's table of hashers since its start";
        registry.register("table_version", help, metrics.table_version.clone());
        metrics.lane_times.register(registry);
        metrics.limits.register(registry);
        metrics.migrations.register(registry);
        metrics
    }

    /// A request was answered; `code` is `ok` or the code of the problem.
    pub fn answered(&self, route: &'static str, code: Option<Code>, time: Duration) {
        let code = code.map_or("ok", Code::as_str);
        self.requests.get_or_create(&RequestLabels { route, code }).inc();
        self.request_seconds.get_or_create(&RouteLabels { route }).observe(time.as_secs_f64());
    }

    /// A login was computed.
    pub fn logged_in(&self, result: LoginResult) {
        self.logins.get_or_create(&LoginLabels { result: result.as_str() }).inc();
    }

    /// A job was put to a peer.
    pub fn forwarded(&self, outcome: PeerOutcome) {
        self.forwarded.get_or_create(&PeerLabels { outcome: outcome.as_str() }).inc();
    }

    /// A peer put a job to this pod.
    pub fn peer_asked(&self, outcome: PeerOutcome) {
        self.peer_jobs.get_or_create(&PeerLabels { outcome: outcome.as_str() }).inc();
    }

    /// So many peers fail and are not called.
    pub fn breakers_open(&self, peers: usize) {
        self.breakers_open.set(i64::try_from(peers).unwrap_or(i64::MAX));
    }

    /// A peer failed too often and is no more called.
    pub fn breaker_opened(&self) {
        self.breaker_opened.inc();
    }

    /// Open connections of all ports.
    #[must_use]
    pub fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// This pod ended a connection.
    pub fn connection_closed(&self, why: ConnectionEnd) {
        let labels = ConnectionLabels { reason: why.as_str() };
        self.closed_connections.get_or_create(&labels).inc();
    }

    /// Something became of a session.
    pub fn session(&self, event: SessionEvent) {
        self.sessions.get_or_create(&SessionLabels { event: event.as_str() }).inc();
    }

    /// Live nodes that this one knows, itself among them.
    pub fn nodes(&self, live: usize) {
        self.nodes.set(i64::try_from(live).unwrap_or(i64::MAX));
    }

    /// The version of the table of nodes.
    pub fn table_version(&self, version: u64) {
        self.table_version.set(version);
    }

    /// All of it as text, with this pod's figures of the moment.
    ///
    /// # Errors
    /// None that a string can have.
    pub fn encode(&self, local: &Local) -> Result<String, std::fmt::Error> {
        let record = local.record();
        self.lanes.set(i64::from(record.lanes));
        self.speed.set(record.speed);
        self.lane_times.update(local);
        self.load.set(local.load().0);
        let offered = local.offered().total().0;
        self.offered.inc_by(offered.saturating_sub(self.offered.get()));
        let done = local.done();
        self.done.inc_by(done.wanted.0.saturating_sub(self.done.get()));
        self.unwanted.inc_by(done.unwanted.0.saturating_sub(self.unwanted.get()));
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
