//! What became of migrations. Never whose.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Metrics;
use super::closed::closed;

closed! {
    /// What became of a migration that a caller asked for and that was due, and of its commit.
    pub enum MigrationEvent {
        /// A new hash was made.
        Offered = "offered",
        /// Another login of the user has the lock.
        Held = "held",
        /// The hash was replaced already.
        Replaced = "replaced",
        /// No lane could make it in time, or the caller has asked for too much work.
        NoRoom = "no-room",
        /// The store did not answer.
        StoreAway = "store-away",
        /// The old function does not look at the whole password.
        Ambiguous = "ambiguous",
        /// A fault of the hasher.
        Failed = "failed",
        /// It was written.
        Committed = "committed",
        /// The caller has said so before.
        CommittedAgain = "committed-again",
        /// A commit that no migration belongs to any more.
        CommitLost = "commit-lost",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    event: &'static str,
}

/// The figures of migrations.
#[derive(Debug, Default)]
pub(super) struct MigrationMetrics {
    events: Family<Labels, Counter>,
}

impl MigrationMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "What became of migrations and their commits, by event";
        registry.register("migrations", help, self.events.clone());
    }
}

impl Metrics {
    /// Something became of a migration.
    pub fn migration(&self, event: MigrationEvent) {
        self.migrations.events.get_or_create(&Labels { event: event.as_str() }).inc();
    }
}
