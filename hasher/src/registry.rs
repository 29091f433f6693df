//! What this pod tells of itself and learns of the others, by way of the store: its record, its load,
//! which is its heartbeat, and the table of live nodes.
//!
//! The table is never empty: this pod is in it from the start. What cannot be read changes nothing, so
//! without the store routing goes on with the last table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use authcluster_contract::cost::Units;
use authcluster_contract::limits::{HEARTBEAT_INTERVAL_MS, RECORD_INTERVAL_MS};
use authcluster_contract::node::NodeRecord;
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::policy::routing::{NodeSeen, Table};
use crate::store::{NodeEntry, Store, StoreError};
use crate::telemetry::{Tasks, chain};
use crate::work::Local;

/// Time between two looks at this pod's own load. One that has changed is published at once, one that
/// has not every [`HEARTBEAT_INTERVAL_MS`].
const LOAD_EVERY: Duration = Duration::from_millis(100);

/// Time between two looks at all nodes. A node that went is asked in vain until then, which costs a
/// request one refused connection; a new one works that much later.
const READ_EVERY: Duration = Duration::from_secs(1);

/// Keeps the table.
pub struct Registry {
    store: Arc<dyn Store>,
    local: Arc<Local>,
    table: Arc<ArcSwap<Table>>,
    told: Told,
}

/// What was told last, and whether the store took it.
#[derive(Debug)]
struct Told {
    load: Option<(Units, Instant)>,
    offered: (Units, Instant),
    failing: bool,
}

impl Registry {
    /// With a table of this pod alone.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, local: Arc<Local>) -> Self {
        let told = Told { load: None, offered: (Units::ZERO, clock::now()), failing: false };
        let registry = Self { store, local, table: Arc::default(), told };
        registry.swap(Vec::new());
        registry
    }

    /// The newest table.
    #[must_use]
    pub fn table(&self) -> Arc<ArcSwap<Table>> {
        Arc::clone(&self.table)
    }

    /// Tells and reads until the pod drains, and then withdraws this pod, so that the others stop
    /// sending.
    pub async fn run(mut self, tasks: Tasks) {
        let draining = tasks.draining();
        // Its end is the beginning of the drain.
        let _drained = draining.run_until_cancelled(self.keep()).await;
        if let Err(error) = self.store.withdraw_node(self.local.node()).await {
            tracing::warn!(
                error = chain(&error),
                "not withdrawn: the others take this pod for alive until its heartbeat ends"
            );
        }
    }

    async fn keep(&mut self) {
        let every = |period| {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let mut loads = every(LOAD_EVERY);
        let mut records = every(Duration::from_millis(RECORD_INTERVAL_MS));
        let mut reads = every(READ_EVERY);
        loop {
            let done = tokio::select! {
                _ = records.tick() => self.announce().await,
                _ = loads.tick() => self.publish().await,
                _ = reads.tick() => self.read().await,
            };
            self.note(done);
        }
    }

    async fn announce(&mut self) -> Result<(), StoreError> {
        let now = clock::now();
        let total = self.local.offered().total();
        let (before, since) = self.told.offered;
        let offered = rate(before, total, now.saturating_duration_since(since));
        let record = NodeRecord { offered, ..self.local.record() };
        self.store.announce_node(self.local.node(), &record).await?;
        self.told.offered = (total, now);
        Ok(())
    }

    async fn publish(&mut self) -> Result<(), StoreError> {
        let (now, load) = (clock::now(), self.local.load());
        let is_due = self.told.load.is_none_or(|(told, at)| {
            let heartbeat = Duration::from_millis(HEARTBEAT_INTERVAL_MS);
            told != load || now.saturating_duration_since(at) >= heartbeat
        });
        if is_due {
            self.store.publish_load(self.local.node(), load).await?;
            self.told.load = Some((load, now));
        }
        Ok(())
    }

    async fn read(&self) -> Result<(), StoreError> {
        let entries = self.store.read_nodes().await?;
        self.swap(entries);
        Ok(())
    }

    /// The next table. This pod knows itself better than the store does.
    fn swap(&self, entries: Vec<NodeEntry>) {
        let own = self.local.node();
        let weight = entries.iter().find(|entry| entry.node == *own).and_then(|own| own.weight);
        let me = NodeSeen {
            node: own.clone(),
            record: self.local.record(),
            load: Some(self.local.load()),
            weight,
        };
        let others = entries.into_iter().filter(|entry| entry.node != *own).map(|entry| {
            let NodeEntry { node, record, load, weight } = entry;
            NodeSeen { node, record, load, weight }
        });
        let next = self.table.load().next(others.chain([me]).collect());
        self.table.store(Arc::new(next));
    }

    /// Says when the store begins to fail and when it is back, and nothing in between.
    fn note(&mut self, done: Result<(), StoreError>) {
        match (done, self.told.failing) {
            (Err(error), false) => {
                tracing::warn!(error = chain(&error), "the registry fails; the last table stays");
                self.told.failing = true;
            }
            (Ok(()), true) => {
                tracing::info!("the registry is back");
                self.told.failing = false;
            }
            (Err(_), true) | (Ok(()), false) => {}
        }
    }
}

/// Units per second, from two totals.
fn rate(before: Units, now: Units, time: Duration) -> u64 {
    let units = now.0.saturating_sub(before.0);
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    units.saturating_mul(1_000) / ms
}

#[cfg(test)]
mod tests {
    //! What is told as a rate.

    use super::*;

    #[test]
    fn a_rate_is_the_difference_by_the_time() {
        let check = |before, now, ms, expect| {
            assert_eq!(rate(Units(before), Units(now), Duration::from_millis(ms)), expect);
        };
        check(100, 600, 5_000, 100);
        check(0, 3, 2_000, 1);
        check(600, 600, 5_000, 0);
        check(0, 5, 0, 5_000);
        check(7, 5, 1_000, 0);
    }
}
