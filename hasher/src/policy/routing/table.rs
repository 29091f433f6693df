//! The table of live nodes, and how the next one follows from what was read.
//!
//! Immutable: a newer one replaces it as a whole and has the next version, so a request works on one
//! state of the cluster, never on half of two (envoy#45212). There is no ring to rebuild: scores are
//! computed for each request (envoy#2874).

use std::fmt;
use std::time::Instant;

use authcluster_contract::node::NodeId;
use authcluster_contract::weights::Weight;

use super::{NodeSeen, RouteKey, Row};

/// The live nodes, in order of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Row>,
    version: u64,
    nonsense: Vec<Nonsense>,
}

/// What was read and makes no sense, and what is done instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nonsense {
    /// Nobody can be reached there; the node is left out.
    Address(NodeId),
    /// The node is listed twice; the first one counts.
    Twice(NodeId),
    /// Nobody is to get any work; the last weights stay.
    AllDrained,
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(node) => write!(f, "{node} has an address that nobody can reach"),
            Self::Twice(node) => write!(f, "{node} is listed twice"),
            Self::AllDrained => f.write_str("all weights are zero: the last ones stay"),
        }
    }
}

impl Table {
    /// The table that follows this one. Nodes that this one does not know came `now`; with `None`,
    /// nobody knows when they came, as at the first look.
    ///
    /// A node without a heartbeat is dead. A node of weight 0 gets nothing new; when *all* live nodes
    /// have weight 0, nobody would compute anything, so that is taken for a mistake: each keeps the
    /// weight that it had, or else gets the one that it claims (cloudflare/pingora#1006).
    #[must_use]
    pub fn next(&self, seen: Vec<NodeSeen>, now: Option<Instant>) -> Self {
        let mut nonsense = Vec::new();
        let mut rows: Vec<Row> = seen.into_iter().filter_map(Row::of_live).collect();
        rows.retain(|row| {
            let reachable = !row.address.ip().is_unspecified() && row.address.port() != 0;
            if !reachable {
                nonsense.push(Nonsense::Address(row.node.clone()));
            }
            reachable
        });
        rows.sort_by(|a, b| a.node.cmp(&b.node));
        rows.dedup_by(|a, b| {
            let twice = a.node == b.node;
            if twice {
                nonsense.push(Nonsense::Twice(a.node.clone()));
            }
            twice
        });
        for row in &mut rows {
            row.since = self.row(&row.node).map_or(now, |last| last.since);
        }
        if !rows.is_empty() && all_drained(&rows) {
            nonsense.push(Nonsense::AllDrained);
            for row in &mut rows {
                row.weight = self.row(&row.node).map_or(Weight::DRAIN, |last| last.weight);
            }
            if all_drained(&rows) {
                for row in &mut rows {
                    row.weight = Weight::from_capacity(row.record().capacity());
                }
            }
        }
        let same = self.rows.iter().map(Row::shape).eq(rows.iter().map(Row::shape));
        let version = self.version.saturating_add(u64::from(!same));
        Self { rows, version, nonsense }
    }

    /// All live nodes, those that drain included.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Grows when nodes, weights or addresses change; loads and speeds change all the time.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What made no sense when this was read.
    #[must_use]
    pub fn nonsense(&self) -> &[Nonsense] {
        &self.nonsense
    }

    /// One node, when it is alive.
    #[must_use]
    pub fn row(&self, node: &NodeId) -> Option<&Row> {
        self.rows.iter().find(|row| row.node == *node)
    }

    /// The nodes that may get this key, the best first.
    #[must_use]
    pub fn by_affinity(&self, key: RouteKey) -> Vec<&Row> {
        let mut scored: Vec<(f64, &Row)> =
            self.candidates().map(|row| (row.score(key), row)).collect();
        // Equal scores would take two equal 64-bit hashes; the name then decides, as everywhere.
        scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        scored.into_iter().map(|(_, row)| row).collect()
    }

    pub(super) fn candidates(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.weight.is_drain())
    }
}

fn all_drained(rows: &[Row]) -> bool {
    rows.iter().all(|row| row.weight.is_drain())
}
