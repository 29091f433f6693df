//! What this pod knows of other nodes' loads between two reads of the table: each reply says what its
//! node has to do.
//!
//! Only the strategy `LeastLoaded` looks at it. A value ages as the node works it off, and grows with
//! what this pod sends; after a second the table's is newer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use authcluster_contract::node::NodeId;

use super::{Row, Table};

/// How long a heard load counts. As long as the table's own takes to be read again.
const FRESH: Duration = Duration::from_secs(1);

/// The loads that one pod has heard.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    heard: BTreeMap<NodeId, Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    load: Units,
    at: Instant,
    /// When the node itself last said anything.
    said: Instant,
}

impl Loads {
    /// A node said what it has to do.
    pub fn heard(&mut self, node: &NodeId, load: Units, now: Instant) {
        self.heard.insert(node.clone(), Heard { load, at: now, said: now });
    }

    /// This pod sent work to a node.
    pub fn sent(&mut self, row: &Row, work: Units, now: Instant) {
        let load = self.of(row, now).saturating_add(work);
        let said = self.fresh(row, now).map_or(now, |heard| heard.said);
        self.heard.insert(row.node.clone(), Heard { load, at: now, said });
    }

    /// What a node has to do, as far as this pod knows.
    #[must_use]
    pub fn of(&self, row: &Row, now: Instant) -> Units {
        let Some(heard) = self.fresh(row, now) else { return row.load };
        let passed_ms = now.saturating_duration_since(heard.at).as_millis();
        let done = u128::from(row.weight.get()).saturating_mul(passed_ms) / 1_000;
        heard.load.saturating_sub(Units(u64::try_from(done).unwrap_or(u64::MAX)))
    }

    /// Forgets nodes that have gone.
    pub fn keep(&mut self, table: &Table) {
        self.heard.retain(|node, _| table.row(node).is_some());
    }

    fn fresh(&self, row: &Row, now: Instant) -> Option<Heard> {
        let heard = self.heard.get(&row.node)?;
        (now.saturating_duration_since(heard.said) <= FRESH).then_some(*heard)
    }
}

#[cfg(test)]
mod tests;
