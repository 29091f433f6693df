//! The registry of nodes, as every store keeps it.

use authcluster_contract::cost::Units;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::weights::Weight;

use super::StoreFuture;

/// Where nodes find each other.
pub trait NodeStore: Send + Sync + 'static {
    /// Writes this node's record into `nodes`.
    fn announce_node<'a>(&'a self, node: &'a NodeId, record: &'a NodeRecord)
    -> StoreFuture<'a, ()>;

    /// Publishes this node's outstanding work, which is also its heartbeat: it is gone
    /// [`authcluster_contract::limits::HEARTBEAT_TTL_MS`] later.
    fn publish_load<'a>(&'a self, node: &'a NodeId, load: Units) -> StoreFuture<'a, ()>;

    /// Takes this node's record and heartbeat away, at the end of its life.
    fn withdraw_node<'a>(&'a self, node: &'a NodeId) -> StoreFuture<'a, ()>;

    /// Every node that has a record, in order of names.
    fn read_nodes(&self) -> StoreFuture<'_, Vec<NodeEntry>>;
}

/// What the store knows of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEntry {
    /// Its name.
    pub node: NodeId,
    /// What it says of itself.
    pub record: NodeRecord,
    /// Its outstanding work; `None` = no heartbeat, so it is taken for dead.
    pub load: Option<Units>,
    /// The operator's weight; `None` = the node's own word counts.
    pub weight: Option<Weight>,
}
