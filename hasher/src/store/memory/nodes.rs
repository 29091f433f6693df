//! Nodes by name: in memory, this one alone.

use std::time::Duration;

use authcluster_contract::cost::Units;
use authcluster_contract::limits::HEARTBEAT_TTL_MS;
use authcluster_contract::node::{NodeId, NodeRecord};
use futures::FutureExt as _;
use futures::future::ready;

use super::{MemoryStore, lock};
use crate::clock;
use crate::store::{NodeEntry, NodeStore, StoreFuture};

impl MemoryStore {
    fn nodes(&self) -> Vec<NodeEntry> {
        let now = clock::now();
        let loads = lock(&self.loads);
        let entry = |(node, record): (&NodeId, &NodeRecord)| {
            let beat = loads.get(node).filter(|(_, end)| now < *end);
            let load = beat.map(|(load, _)| *load);
            NodeEntry { node: node.clone(), record: record.clone(), load, weight: None }
        };
        lock(&self.records).iter().map(entry).collect()
    }
}

impl NodeStore for MemoryStore {
    fn announce_node<'a>(
        &'a self,
        node: &'a NodeId,
        record: &'a NodeRecord,
    ) -> StoreFuture<'a, ()> {
        lock(&self.records).insert(node.clone(), record.clone());
        ready(Ok(())).boxed()
    }

    fn publish_load<'a>(&'a self, node: &'a NodeId, load: Units) -> StoreFuture<'a, ()> {
        let end = clock::now() + Duration::from_millis(HEARTBEAT_TTL_MS);
        lock(&self.loads).insert(node.clone(), (load, end));
        ready(Ok(())).boxed()
    }

    fn withdraw_node<'a>(&'a self, node: &'a NodeId) -> StoreFuture<'a, ()> {
        lock(&self.records).remove(node);
        lock(&self.loads).remove(node);
        ready(Ok(())).boxed()
    }

    fn read_nodes(&self) -> StoreFuture<'_, Vec<NodeEntry>> {
        ready(Ok(self.nodes())).boxed()
    }
}
