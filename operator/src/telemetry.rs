//! What the operator tells about itself: log lines, metrics, and tasks with names.
//!
//! Metric names begin with `authcluster_operator_`. Labels come from closed lists, never from what
//! users type.

pub mod server;

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Upper bounds of the buckets of reconcile durations, in seconds: a quiet pass takes tens of
/// milliseconds, one that waits for a dead Redis node some seconds.
const RECONCILE_BUCKETS_SECONDS: [f64; 8] = [0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Sends log lines to standard error.
///
/// # Errors
/// When `filter` is no filter, such as `info` or `authcluster_operator=debug`.
pub fn start_logging(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Starts a task that outlives the caller's stack. The caller keeps the handle and awaits it.
#[expect(clippy::disallowed_methods, reason = "this is where tasks get their names")]
pub fn spawn<F>(name: &'static str, task: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(task.instrument(tracing::info_span!("task", name)))
}

/// The label of a closed list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// Which of the list.
    pub reason: &'static str,
}

/// The label of a kind of step or object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    /// Which kind.
    pub kind: String,
}

/// The numbers that the operator counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Passes over one `AuthCluster`, failed ones included.
    pub reconciles: Counter,
    /// Failed passes by the step that failed.
    pub reconcile_errors: Family<Reason, Counter>,
    /// Duration of passes, in seconds.
    pub reconcile_seconds: Histogram,
    /// Writes to Kubernetes by kind of object. In a steady state it stands still.
    pub writes: Family<Kind, Counter>,
    /// Steps taken on Redis Clusters by kind.
    pub redis_steps: Family<Kind, Counter>,
    /// Resources that could not be decoded, as often as they were seen.
    pub undecodable: Counter,
    /// 1 while this process leads.
    pub leader: Gauge,
    registry: Arc<Mutex<Registry>>,
}

impl Metrics {
    /// All numbers at zero.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            reconciles: Counter::default(),
            reconcile_errors: Family::default(),
            reconcile_seconds: Histogram::new(RECONCILE_BUCKETS_SECONDS),
            writes: Family::default(),
            redis_steps: Family::default(),
            undecodable: Counter::default(),
            leader: Gauge::default(),
            registry: Arc::new(Mutex::new(Registry::with_prefix("authcluster_operator"))),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let help = "Passes over one AuthCluster, failed ones too";
        registry.register("reconciles", help, self.reconciles.clone());
        let help = "Passes that failed, by the step that failed";
        registry.register("reconcile_errors", help, self.reconcile_errors.clone());
        let help = "Duration of passes";
        registry.register("reconcile_duration_seconds", help, self.reconcile_seconds.clone());
        let help =
            "Writes to Kubernetes, by kind of object; it stands still when there is nothing to do";
        registry.register("writes", help, self.writes.clone());
        let help = "Steps taken on Redis Clusters, by kind";
        registry.register("redis_steps", help, self.redis_steps.clone());
        let help = "AuthClusters that could not be decoded, as often as they were seen";
        registry.register("undecodable_resources", help, self.undecodable.clone());
        let help = "1 while this process leads, 0 while it stands by";
        registry.register("leader", help, self.leader.clone());
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a string cannot fail; a metric that fails to encode leaves the text short.
        if encode(&mut text, &registry).is_err() {
            text.clear();
        }
        text
    }

    /// Counts one write of an object of this kind.
    pub fn wrote(&self, kind: &str) {
        self.writes.get_or_create(&Kind { kind: kind.to_owned() }).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
