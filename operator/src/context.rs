//! What every pass over an `AuthCluster` shares: clients, clock, the fence of the lease, numbers, and
//! what is remembered between passes. What is remembered may be lost at any time; nothing that must
//! outlive the process is kept here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::runtime::events::Recorder;
use kube::{Client, ResourceExt as _};
use tokio::time::Instant;

use crate::api::AuthCluster;
use crate::clock::Clock;
use crate::lease::Fence;
use crate::plan::EventNote;
use crate::plan::autoscale::Histories;
use crate::plan::validate::Settings;
use crate::telemetry::Metrics;

/// An event that says the same is not written again within this time. Longer than the six minutes in
/// which the recorder would count it up with a write each.
const EVENT_NEWS_AFTER: Duration = Duration::from_secs(600);

/// What every pass shares.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// Time and randomness.
    pub clock: Clock,
    /// Proof of leading.
    pub fence: Fence,
    /// What this installation was started with.
    pub settings: Settings,
    /// Numbers.
    pub metrics: Metrics,
    /// Events on resources.
    pub recorder: Recorder,
    /// Between passes.
    pub memory: Memory,
}

/// Namespace and name of an `AuthCluster`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ClusterKey {
    /// The key of a resource that was read.
    #[must_use]
    pub fn of(cluster: &AuthCluster) -> Self {
        Self { namespace: cluster.namespace().unwrap_or_default(), name: cluster.name_any() }
    }
}

impl std::fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What is remembered of each `AuthCluster` between passes.
#[derive(Debug, Default)]
pub struct Memory {
    clusters: Mutex<BTreeMap<ClusterKey, Remembered>>,
}

/// What is remembered of one `AuthCluster`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Failed passes in a row.
    pub failures: u32,
    /// Why the last attempt to apply failed, if it did.
    pub apply_error: Option<String>,
    /// What the load asked for lately.
    pub histories: Histories,
    /// Since when nothing has changed.
    pub quiet_since: Option<Instant>,
    /// Events that were written, and when.
    pub events: BTreeMap<EventNote, Instant>,
}

impl Memory {
    /// What is remembered of `key`.
    #[must_use]
    pub fn of(&self, key: &ClusterKey) -> Remembered {
        self.lock().get(key).cloned().unwrap_or_default()
    }

    /// Remembers why applying failed, or that it did not.
    pub fn applied(&self, key: &ClusterKey, error: Option<String>) {
        self.lock().entry(key.clone()).or_default().apply_error = error;
    }

    /// Remembers what the load asked for.
    pub fn scaled(&self, key: &ClusterKey, histories: Histories) {
        self.lock().entry(key.clone()).or_default().histories = histories;
    }

    /// Counts a failed pass, and says how many failed in a row.
    pub fn failed(&self, key: &ClusterKey) -> u32 {
        let mut clusters = self.lock();
        let remembered = clusters.entry(key.clone()).or_default();
        remembered.failures = remembered.failures.saturating_add(1);
        remembered.failures
    }

    /// A pass went well.
    pub fn succeeded(&self, key: &ClusterKey) {
        self.lock().entry(key.clone()).or_default().failures = 0;
    }

    /// For how long nothing has changed, after a pass with or without `news`.
    pub fn quiet(&self, key: &ClusterKey, news: bool, now: Instant) -> Duration {
        let mut clusters = self.lock();
        let since = &mut clusters.entry(key.clone()).or_default().quiet_since;
        let since = *since.insert(since.filter(|_| !news).unwrap_or(now));
        now.saturating_duration_since(since)
    }

    /// Whether an event says something that was not said lately, and remembers that it is said now.
    pub fn is_news(&self, key: &ClusterKey, note: &EventNote, now: Instant) -> bool {
        let mut clusters = self.lock();
        let events = &mut clusters.entry(key.clone()).or_default().events;
        events.retain(|_, said| now.saturating_duration_since(*said) < EVENT_NEWS_AFTER);
        match events.entry(note.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(now);
                true
            }
        }
    }

    /// The resource is gone.
    pub fn forget(&self, key: &ClusterKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterKey, Remembered>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
