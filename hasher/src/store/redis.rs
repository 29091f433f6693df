//! The store that pods share: sessions and the registry of nodes on a Redis Cluster.
//!
//! A session is created, read and ended by one script each, so it never lies there without a time
//! to live, and Redis alone says what time it is. The connection is made and mended in the
//! background (`link`): a pod starts without Redis, and each call is bounded (`settings`).

mod link;
mod nodes;
mod script;
mod settings;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use authcluster_contract::config::Redis;
use authcluster_contract::cost::Units;
use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::limits::HEARTBEAT_TTL_MS;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::slots::Slot;
use authcluster_contract::user::Realm;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use redis::Cmd;

use self::link::Link;
use self::nodes::{Listed, Nonsense};
use self::script::{CREATE_SESSION, INTROSPECT_SESSION, REVOKE_SESSION};
use super::{LiveSession, NodeEntry, Session, Standing, Store, StoreError, StoreFuture};
use crate::telemetry::{Metrics, Tasks};

pub use self::settings::SettingsError;

/// Reads of nodes at once, each of two small keys. All of a large cluster's would only queue up on
/// the same few connections.
const READS_MAX: usize = 64;

/// Sessions and nodes on a Redis Cluster.
pub struct RedisStore {
    link: Arc<Link>,
    nonsense: Nonsense,
}

impl RedisStore {
    /// A store that connects in the background, again and again until it succeeds.
    ///
    /// # Errors
    /// A configuration that can never work. A Redis that does not answer is none.
    pub fn start(
        config: &Redis,
        metrics: &Arc<Metrics>,
        tasks: &Tasks,
    ) -> Result<Self, SettingsError> {
        let link = Arc::new(Link::new(config, Arc::clone(metrics))?);
        tasks.spawn("redis", Arc::clone(&link).keep(tasks.stopping()));
        Ok(Self { link, nonsense: Nonsense::default() })
    }

    async fn create(&self, digest: &SessionDigest, session: &Session) -> Result<(), StoreError> {
        let Session { user, realm, username, data, idle_timeout, absolute_timeout } = session;
        let (idle_ms, absolute_ms) = (milliseconds(*idle_timeout), milliseconds(*absolute_timeout));
        let arguments = [
            realm.as_str(),
            user.as_str(),
            username,
            data,
            &idle_ms.to_string(),
            &absolute_ms.to_string(),
        ];
        self.link.run::<()>(&CREATE_SESSION, &keys::session(digest), &arguments).await
    }

    async fn introspect(
        &self,
        digest: &SessionDigest,
        realm: &Realm,
    ) -> Result<Option<LiveSession>, StoreError> {
        let key = keys::session(digest);
        let found: Option<(String, String, u64)> =
            self.link.run(&INTROSPECT_SESSION, &key, &[realm.as_str()]).await?;
        Ok(found.map(|(username, data, left_ms)| LiveSession {
            username,
            data,
            expires_in: Duration::from_millis(left_ms),
        }))
    }

    async fn revoke(&self, digest: &SessionDigest, realm: &Realm) -> Result<bool, StoreError> {
        let key = keys::session(digest);
        let ended: u64 = self.link.run(&REVOKE_SESSION, &key, &[realm.as_str()]).await?;
        Ok(ended == 1)
    }

    async fn announce(&self, node: &NodeId, record: &NodeRecord) -> Result<(), StoreError> {
        let record = serde_json::to_string(record).map_err(|error| corrupt(Box::new(error)))?;
        let mut command = redis::cmd("HSET");
        command.arg(keys::NODES).arg(node.as_str()).arg(record);
        self.link.ask(slot(keys::NODES), &command).await
    }

    async fn beat(&self, node: &NodeId, load: Units) -> Result<(), StoreError> {
        let key = keys::node_load(node);
        let mut command = redis::cmd("SET");
        command.arg(&key).arg(load.0).arg("PX").arg(HEARTBEAT_TTL_MS);
        self.link.ask(slot(&key), &command).await
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
        let Listed { nodes, refused } = nodes::listed(all);
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
        let (load, weight, refused) = nodes::figures(&node, load.as_deref(), weight.as_deref());
        self.nonsense.say(&refused);
        Ok(NodeEntry { node, record, load, weight })
    }
}

impl Store for RedisStore {
    fn standing(&self) -> Standing {
        self.link.standing()
    }

    fn create_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        session: &'a Session,
    ) -> StoreFuture<'a, ()> {
        self.create(digest, session).boxed()
    }

    fn introspect_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, Option<LiveSession>> {
        self.introspect(digest, realm).boxed()
    }

    fn revoke_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, bool> {
        self.revoke(digest, realm).boxed()
    }

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

fn slot(key: &str) -> Slot {
    Slot::of_key(key.as_bytes())
}

/// Whole milliseconds, at least one: Redis refuses a time to live of zero.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn corrupt(cause: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Corrupt(cause)
}
