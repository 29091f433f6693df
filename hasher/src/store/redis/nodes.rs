//! The registry of nodes: one hash for their records, two keys in one slot for each.
//!
//! Records and heartbeats are written by scripts because those run also when Redis is at `maxmemory`:
//! hashers whose heartbeats are refused would lose each other and stop sharing their work.

use authcluster_contract::cost::Units;
use authcluster_contract::keys;
use authcluster_contract::limits::HEARTBEAT_TTL_MS;
use authcluster_contract::node::{NodeId, NodeRecord};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use redis::Cmd;

use super::listed::{self, Listed};
use super::script::{ANNOUNCE_NODE, NODE_BEAT};
use super::{RedisStore, corrupt, slot};
use crate::store::{NodeEntry, NodeStore, StoreError, StoreFuture};

/// Reads of nodes at once, each of two small keys. All of a large cluster's would only queue up on
/// the same few connections.
const READS_MAX: usize = 64;

impl RedisStore {
    async fn announce(&self, node: &NodeId, record: &NodeRecord) -> Result<(), StoreError> {
        let record = serde_json::to_string(record).map_err(|error| corrupt(Box::new(error)))?;
        let arguments = [node.as_str(), record.as_str()];
        self.link.run(&ANNOUNCE_NODE, keys::NODES, &arguments).await
    }

    async fn beat(&self, node: &NodeId, load: Units) -> Result<(), StoreError> {
        let key = keys::node_load(node);
        let (load, life_ms) = (load.0.to_string(), HEARTBEAT_TTL_MS.to_string());
        self.link.run(&NODE_BEAT, &key, &[load.as_str(), life_ms.as_str()]).await
    }

    async fn withdraw(&self, node: &NodeId) -> Result<(), StoreError> {
        let load = keys::node_load(node);
        let mut record = redis::cmd("HDEL");
        record.arg(keys::NODES).arg(node.as_str());
        let mut heartbeat = redis::cmd("DEL");
        heartbeat.arg(&load);
        futures::try_join!(
            self.link.ask::<()>(slot(keys::NODES), &record),
            self.link.ask::<()>(slot(&load), &heartbeat)
        )?;
        Ok(())
    }

    /// Two round trips, whatever the number of nodes. When one node's keys cannot be read, neither
    /// can its life or death be told, so the whole read fails and the reader keeps what it knew.
    async fn nodes(&self) -> Result<Vec<NodeEntry>, StoreError> {
        let all: Vec<(Vec<u8>, Vec<u8>)> =
            self.link.ask(slot(keys::NODES), redis::cmd("HGETALL").arg(keys::NODES)).await?;
        let Listed { nodes, refused } = listed::listed(all);
        self.nonsense.say(&refused);
        // Each value owns what it needs, so that no read borrows from the list.
        let reads: Vec<_> =
            nodes.into_iter().map(|(node, record)| self.node(node, record)).collect();
        let mut entries: Vec<NodeEntry> =
            stream::iter(reads).buffer_unordered(READS_MAX).try_collect().await?;
        entries.sort_by(|a, b| a.node.cmp(&b.node));
        Ok(entries)
    }

    async fn node(&self, node: NodeId, record: NodeRecord) -> Result<NodeEntry, StoreError> {
        // One hash tag, so one slot and one command.
        let (load, weight) = (keys::node_load(&node), keys::node_capacity(&node));
        let mut command: Cmd = redis::cmd("MGET");
        command.arg(&load).arg(weight);
        let (load, weight): (Option<Vec<u8>>, Option<Vec<u8>>) =
            self.link.ask(slot(&load), &command).await?;
        let (load, weight, refused) = listed::figures(&node, load.as_deref(), weight.as_deref());
        self.nonsense.say(&refused);
        Ok(NodeEntry { node, record, load, weight })
    }
}

impl NodeStore for RedisStore {
    fn announce_node<'a>(
        &'a self,
        node: &'a NodeId,
        record: &'a NodeRecord,
    ) -> StoreFuture<'a, ()> {
        self.announce(node, record).boxed()
    }

    fn publish_load<'a>(&'a self, node: &'a NodeId, load: Units) -> StoreFuture<'a, ()> {
        self.beat(node, load).boxed()
    }

    fn withdraw_node<'a>(&'a self, node: &'a NodeId) -> StoreFuture<'a, ()> {
        self.withdraw(node).boxed()
    }

    fn read_nodes(&self) -> StoreFuture<'_, Vec<NodeEntry>> {
        self.nodes().boxed()
    }
}
