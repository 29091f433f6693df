//! What this pod tells the others of itself, and what it knows of them.
//!
//! Owns the table of live nodes: the last one that was read, replaced as a whole, so that a router
//! reads it without waiting. When the store is away the last table stays. Which node gets what is
//! decided by `policy::routing`; a peer is trusted for its certificate, never for being listed.

mod pace;
mod rate;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use authcluster_contract::node::NodeRecord;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::pace::{Due, Pace};
use self::rate::OfferedRate;
use crate::clock;
use crate::live::LiveSettings;
use crate::policy::routing::{NodeSeen, Table};
use crate::store::{NodeStore, StoreError};
use crate::telemetry::{Metrics, Tasks, chain};
use crate::work::Local;

/// The last table that was read.
pub type SharedTable = Arc<ArcSwap<Table>>;

/// Time between two looks at this pod's own load, and so the most that a change waits before it is
/// published. Shorter would only write more: nobody reads it more often than each second.
const TICK: Duration = Duration::from_millis(100);

/// Time between two reads of the other nodes. A new pod gets work, and one that left gets no more,
/// within a second; in between the breaker notices a dead one. Each pod reads a row of each pod,
/// so half the time is twice the reads, and the default strategy does not look at loads at all.
const READ_INTERVAL: Duration = Duration::from_secs(1);

/// The registry of one pod.
pub struct Registry {
    store: Arc<dyn NodeStore>,
    local: Arc<Local>,
    live: LiveSettings,
    metrics: Arc<Metrics>,
    table: SharedTable,
}

impl Registry {
    /// A registry that knows this pod alone.
    #[must_use]
    pub fn new(
        store: Arc<dyn NodeStore>,
        local: Arc<Local>,
        live: LiveSettings,
        metrics: Arc<Metrics>,
    ) -> Self {
        let registry = Self { store, local, live, metrics, table: SharedTable::default() };
        registry.replace(Vec::new(), None);
        registry
    }

    /// The table, for whoever routes.
    #[must_use]
    pub fn table(&self) -> SharedTable {
        Arc::clone(&self.table)
    }

    /// Announces this pod and reads the others until the end; withdraws when the drain begins.
    pub fn start(self, tasks: &Tasks) {
        let this = Arc::new(self);
        let (draining, stopping) = (tasks.draining(), tasks.stopping());
        tasks.spawn("heartbeat", Arc::clone(&this).live(draining, stopping.clone()));
        tasks.spawn("nodes", this.follow(stopping));
    }

    async fn live(self: Arc<Self>, draining: CancellationToken, stopping: CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pace = Pace::default();
        let mut rate = OfferedRate::new(self.local.offered().total(), clock::now());
        // Never dropped within a call: a late announcement would undo the withdrawal.
        while draining.run_until_cancelled(ticks.tick()).await.is_some() {
            let (now, load) = (clock::now(), self.local.load());
            let settings = self.live.current();
            let Due { announce, publish } = pace.due(now, load, &settings.version);
            if announce {
                let offered = rate.update(self.local.offered().total(), now);
                let config = settings.version.clone();
                let record = NodeRecord { offered, config, ..self.local.record() };
                let done = self.store.announce_node(self.local.node(), &record).await;
                pace.announced(said(&done, "announced"), now);
            }
            if publish {
                let done = self.store.publish_load(self.local.node(), load).await;
                pace.published(said(&done, "published").then_some(load), now);
            }
        }
        // Peers must stop sending; the heartbeat would end by itself, but only ten seconds later.
        while !said(&self.store.withdraw_node(self.local.node()).await, "withdrawn") {
            if stopping.run_until_cancelled(ticks.tick()).await.is_none() {
                return;
            }
        }
        tracing::info!("withdrawn from the other nodes");
    }

    async fn follow(self: Arc<Self>, stopping: CancellationToken) {
        let mut ticks = interval(READ_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut readable = true;
        // Whoever is there at the first look may have been there for ever.
        let mut looked = false;
        while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.store.read_nodes().await {
                Ok(entries) => {
                    let others = entries.into_iter().map(view::node_seen).collect();
                    self.replace(others, looked.then(clock::now));
                    looked = true;
                    if !readable {
                        tracing::info!("the nodes are readable again");
                    }
                    readable = true;
                }
                Err(error) => {
                    if readable {
                        let error = chain(&error);
                        tracing::warn!(error, "the nodes cannot be read: the last table stays");
                    }
                    readable = false;
                }
            }
        }
    }

    fn replace(&self, read: Vec<NodeSeen>, now: Option<Instant>) {
        let own = NodeSeen {
            node: self.local.node().clone(),
            record: self.local.record(),
            load: Some(self.local.load()),
            weight: None,
        };
        let last = self.table.load();
        let next = last.next(view::with_own(read, own), now);
        if next.nonsense() != last.nonsense() {
            for nonsense in next.nonsense() {
                tracing::warn!(%nonsense, "the nodes that were read make no sense");
            }
        }
        if next.version() != last.version() {
            let (version, nodes) = (next.version(), next.rows().len());
            tracing::info!(version, nodes, "the table of nodes has changed");
        }
        self.metrics.nodes(next.rows().len());
        self.metrics.table_version(next.version());
        self.table.store(Arc::new(next));
    }
}

/// Whether it was done. The store says itself when it is lost.
fn said(done: &Result<(), StoreError>, what: &'static str) -> bool {
    if let Err(error) = done {
        tracing::debug!(error = chain(error), what, "this node was not");
    }
    done.is_ok()
}

#[cfg(test)]
mod tests;
