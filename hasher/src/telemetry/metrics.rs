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

use super::limits::LimitMetrics;
use crate::peer::Answer;
use crate::work::Local;

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    logins: Family<LoginLabels, Counter>,
    lanes: Gauge,
    speed: UnsignedGauge,
    load: UnsignedGauge,
    offered: Counter,
    done: Counter,
    unwanted: Counter,
    connections: Gauge,
    forwarded: Family<PeerLabels, Counter>,
    peer_jobs: Family<PeerLabels, Counter>,
    breakers_open: Gauge,
    breaker_opened: Counter,
    store_reachable: Gauge,
    store_failures: Family<StoreLabels, Counter>,
    sessions: Family<SessionLabels, Counter>,
    nodes: Gauge,
    table_version: UnsignedGauge,
    pub(super) limits: LimitMetrics,
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
struct LoginLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerLabels {
    outcome: &'static str,
}

/// How a job between two pods came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerOutcome {
    /// It was computed.
    Done,
    /// The peer was busy.
    Refused,
    /// The peer had enough jobs of the user.
    UserBusy,
    /// The peer cannot do such a job.
    Cannot,
    /// The peer could not be reached, broke off, or tried in vain.
    Failed,
    /// Whoever asked went away.
    Gone,
}

impl PeerOutcome {
    /// The outcome of an answer.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Done(_) => Self::Done,
            Answer::Refused(_) => Self::Refused,
            Answer::UserBusy => Self::UserBusy,
            Answer::Cannot(_) => Self::Cannot,
            Answer::Failed(_) => Self::Failed,
        }
    }

    fn labels(self) -> PeerLabels {
        let outcome = match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::UserBusy => "user-busy",
            Self::Cannot => "cannot",
            Self::Failed => "failed",
            Self::Gone => "gone",
        };
        PeerLabels { outcome }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SessionLabels {
    event: &'static str,
}

/// What became of a session, where a team wants to know how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// It has another id.
    Rotated,
    /// An id was used after it had been replaced, and the session was ended.
    Reused,
    /// It was the oldest of too many, and was ended.
    MadeRoom,
    /// The backup answered for it.
    FromBackup,
    /// It was made anew from its backup.
    Repaired,
}

impl SessionEvent {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::Reused => "reused",
            Self::MadeRoom => "made-room",
            Self::FromBackup => "from-backup",
            Self::Repaired => "repaired",
        }
    }
}

/// How a login came out. Wrong passwords and unknown users are told apart here, where only the
/// team sees it, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginResult {
    /// The password is right.
    Match,
    /// The password is wrong.
    Mismatch,
    /// There is no such user.
    UnknownUser,
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
            load: Gauge::default(),
            offered: Counter::default(),
            done: Counter::default(),
            unwanted: Counter::default(),
            connections: Gauge::default(),
            forwarded: Family::default(),
            peer_jobs: Family::default(),
            breakers_open: Gauge::default(),
            breaker_opened: Counter::default(),
            store_reachable: Gauge::default(),
            store_failures: Family::default(),
            sessions: Family::default(),
            nodes: Gauge::default(),
            table_version: UnsignedGauge::default(),
            limits: LimitMetrics::default(),
        };
        let registry = &mut metrics.registry;
        let clone = metrics.requests.clone();
        registry.register("requests", "Requests answered, by route and code", clone);
        let clone = metrics.request_seconds.clone();
        registry.register("request_seconds", "Time to an answer, by route", clone);
        registry.register("logins", "Logins computed, by result", metrics.logins.clone());
        registry.register("lanes", "Hashing threads", metrics.lanes.clone());
        let clone = metrics.speed.clone();
        registry.register("lane_speed_units", "Units a lane does in a second", clone);
        registry.register("load_units", "Units admitted and not finished", metrics.load.clone());
        let clone = metrics.offered.clone();
        registry.register("offered_units", "Units that callers asked for, refused ones too", clone);
        let clone = metrics.done.clone();
        registry.register("done_units", "Units computed for somebody", clone);
        let clone = metrics.unwanted.clone();
        registry.register(
            "unwanted_units",
            "Units computed for nobody: the caller had gone",
            clone,
        );
        registry.register("connections", "Open connections", metrics.connections.clone());
        let clone = metrics.forwarded.clone();
        registry.register("forwarded", "Jobs put to peers, by outcome", clone);
        let clone = metrics.peer_jobs.clone();
        registry.register("peer_jobs", "Jobs that peers put to this pod, by outcome", clone);
        let clone = metrics.breakers_open.clone();
        registry.register("breakers_open", "Peers that fail and are not called", clone);
        let clone = metrics.breaker_opened.clone();
        registry.register("breaker_opened", "Times that a peer was no more called", clone);
        let clone = metrics.store_reachable.clone();
        registry.register("store_reachable", "1 when the shared store answers", clone);
        let clone = metrics.store_failures.clone();
        registry.register("store_failures", "Calls that the shared store failed, by kind", clone);
        let clone = metrics.sessions.clone();
        registry.register("sessions", "What became of sessions, by event", clone);
        registry.register("nodes", "Live nodes that this one knows", metrics.nodes.clone());
        let clone = metrics.table_version.clone();
        registry.register("table_version", "Changes of the table of nodes so far", clone);
        metrics.limits.register(registry);
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
        let result = match result {
            LoginResult::Match => "match",
            LoginResult::Mismatch => "mismatch",
            LoginResult::UnknownUser => "unknown-user",
        };
        self.logins.get_or_create(&LoginLabels { result }).inc();
    }

    /// A job was put to a peer.
    pub fn forwarded(&self, outcome: PeerOutcome) {
        self.forwarded.get_or_create(&outcome.labels()).inc();
    }

    /// A peer put a job to this pod.
    pub fn peer_asked(&self, outcome: PeerOutcome) {
        self.peer_jobs.get_or_create(&outcome.labels()).inc();
    }

    /// So many peers fail and are not called.
    pub fn breakers_open(&self, peers: usize) {
        self.breakers_open.set(i64::try_from(peers).unwrap_or(i64::MAX));
    }

    /// A peer failed too often and is no more called.
    pub fn breaker_opened(&self) {
        self.breaker_opened.inc();
    }

    /// Open connections of the API.
    #[must_use]
    pub fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// Whether the shared store answers from now on.
    pub fn store_reachable(&self, is: bool) {
        self.store_reachable.set(i64::from(is));
    }

    /// A call to the shared store failed: `unreachable` or `corrupt`.
    pub fn store_failed(&self, kind: &'static str) {
        self.store_failures.get_or_create(&StoreLabels { kind }).inc();
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
