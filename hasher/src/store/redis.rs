//! The store that pods share: a Redis Cluster.
//!
//! Every call is one command, or one script on one slot, within [`CALL_TIMEOUT`]; a script reads
//! Redis' own clock, so that pods with different clocks agree, and no key is ever without a time to
//! live. What Redis holds is not trusted to make sense: what does not is an error, never a default.

mod link;
mod scripts;

use std::time::Duration;

use authcluster_contract::cost::Units;
use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::limits::HEARTBEAT_TTL_MS;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::slots::Slot;
use authcluster_contract::user::Realm;
use authcluster_contract::weights::Weight;
use futures::FutureExt as _;
use redis::{Cmd, FromRedisValue, RedisError, ServerErrorKind, cmd};

use super::{LiveSession, NodeEntry, Session, Store, StoreError, StoreFuture};
use scripts::{CREATE, INTROSPECT, REVOKE, Script};

pub use link::{Access, AccessError, Link, Seed};

/// Longest time of one call, redirections and repetitions included. A request has a second by default
/// and hashing takes a tenth of it; a shard that fails over is away for longer than any request.
pub const CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// Most nodes that are looked at in `nodes`. More pods than any cluster of this kind has; a hash that
/// is larger has been filled by a mistake.
const NODES_MAX: usize = 1_000;

/// Sessions and nodes in a Redis Cluster.
#[derive(Clone, Debug)]
pub struct RedisStore {
    link: Link,
}

/// Something in Redis that this program did not write.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Nonsense(&'static str);

impl RedisStore {
    /// Stores by way of `link`, which may not be connected yet.
    #[must_use]
    pub fn new(link: Link) -> Self {
        Self { link }
    }

    async fn ask<T: FromRedisValue>(&self, slot: Slot, command: &Cmd) -> Result<T, StoreError> {
        self.link.ask(slot, command).await.map_err(StoreError::from)
    }

    /// Runs a script on the slot of `key`. A server that does not know it yet gets its text.
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        args: &[&str],
    ) -> Result<T, StoreError> {
        let slot = Slot::of_key(key.as_bytes());
        match self.link.ask(slot, &script.by_digest(key, args)).await {
            Err(error) if is_unknown_script(&error) => {
                self.ask(slot, &script.by_text(key, args)).await
            }
            answer => answer.map_err(StoreError::from),
        }
    }

    async fn create(&self, digest: &SessionDigest, session: &Session) -> Result<(), StoreError> {
        let Session { user, realm, username, data, idle_timeout, absolute_timeout } = session;
        let (idle, absolute) = (millis(*idle_timeout), millis(*absolute_timeout));
        let args = [user.as_str(), realm.as_str(), username, data, &idle, &absolute];
        self.run(&CREATE, &keys::session(digest), &args).await
    }

    async fn introspect(
        &self,
        digest: &SessionDigest,
        realm: &Realm,
    ) -> Result<Option<LiveSession>, StoreError> {
        let key = keys::session(digest);
        let live: Option<(String, String, u64)> =
            self.run(&INTROSPECT, &key, &[realm.as_str()]).await?;
        Ok(live.map(|(username, data, left_ms)| LiveSession {
            username,
            data,
            expires_in: Duration::from_millis(left_ms),
        }))
    }

    async fn nodes(&self) -> Result<Vec<NodeEntry>, StoreError> {
        let slot = Slot::of_key(keys::NODES.as_bytes());
        let records: Vec<(String, String)> =
            self.ask(slot, cmd("HGETALL").arg(keys::NODES)).await?;
        if records.len() > NODES_MAX {
            return Err(nonsense("`nodes` holds more nodes than there can be"));
        }
        let entries = records.iter().filter_map(|(node, json)| {
            let read = read_record(node, json);
            if read.is_none() {
                // Said at debug only: it stays, and is read every second.
                tracing::debug!(node, "a record in `nodes` makes no sense and is left out");
            }
            read
        });
        let entries = entries.map(|(node, record)| self.entry(node, record));
        let mut entries = futures::future::try_join_all(entries).await?;
        entries.sort_by(|a, b| a.node.cmp(&b.node));
        Ok(entries)
    }

    /// Load and weight of one node: two keys of one slot.
    async fn entry(&self, node: NodeId, record: NodeRecord) -> Result<NodeEntry, StoreError> {
        let (load, weight) = (keys::node_load(&node), keys::node_capacity(&node));
        let slot = Slot::of_key(load.as_bytes());
        let (load, weight): (Option<String>, Option<String>) =
            self.ask(slot, cmd("MGET").arg(load).arg(weight)).await?;
        Ok(NodeEntry {
            // A heartbeat that is no number is a heartbeat all the same.
            load: load.map(|load| Units(load.parse().unwrap_or_default())),
            // An unreadable weight is none: the node's own word counts until the operator mends it.
            weight: weight.and_then(|weight| weight.parse::<Weight>().ok()),
            node,
            record,
        })
    }

    async fn announce(&self, node: &NodeId, record: &NodeRecord) -> Result<(), StoreError> {
        let json =
            serde_json::to_string(record).map_err(|error| StoreError::Corrupt(Box::new(error)))?;
        let slot = Slot::of_key(keys::NODES.as_bytes());
        self.ask(slot, cmd("HSET").arg(keys::NODES).arg(node.as_str()).arg(json)).await
    }

    async fn publish(&self, node: &NodeId, load: Units) -> Result<(), StoreError> {
        let key = keys::node_load(node);
        let slot = Slot::of_key(key.as_bytes());
        self.ask(slot, cmd("SET").arg(key).arg(load.0).arg("PX").arg(HEARTBEAT_TTL_MS)).await
    }

    async fn withdraw(&self, node: &NodeId) -> Result<(), StoreError> {
        let load = keys::node_load(node);
        let (nodes, own) = (Slot::of_key(keys::NODES.as_bytes()), Slot::of_key(load.as_bytes()));
        // The heartbeat first: without it the node is taken for dead at once.
        let heartbeat = self.ask::<()>(own, cmd("DEL").arg(load)).await;
        let record = self.ask::<()>(nodes, cmd("HDEL").arg(keys::NODES).arg(node.as_str())).await;
        heartbeat.and(record)
    }
}

impl Store for RedisStore {
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
        let key = keys::session(digest);
        async move { self.run(&REVOKE, &key, &[realm.as_str()]).await }.boxed()
    }

    fn announce_node<'a>(
        &'a self,
        node: &'a NodeId,
        record: &'a NodeRecord,
    ) -> StoreFuture<'a, ()> {
        self.announce(node, record).boxed()
    }

    fn publish_load<'a>(&'a self, node: &'a NodeId, load: Units) -> StoreFuture<'a, ()> {
        self.publish(node, load).boxed()
    }

    fn withdraw_node<'a>(&'a self, node: &'a NodeId) -> StoreFuture<'a, ()> {
        self.withdraw(node).boxed()
    }

    fn read_nodes(&self) -> StoreFuture<'_, Vec<NodeEntry>> {
        self.nodes().boxed()
    }
}

/// A record of `nodes`, if it can be one.
fn read_record(node: &str, json: &str) -> Option<(NodeId, NodeRecord)> {
    let record: NodeRecord = serde_json::from_str(json).ok()?;
    Some((node.parse().ok()?, record.checked().ok()?))
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript)
}

fn nonsense(what: &'static str) -> StoreError {
    StoreError::Corrupt(Box::new(Nonsense(what)))
}

impl From<RedisError> for StoreError {
    /// Neither the error of the client nor that of the server holds a key's content: the scripts'
    /// own errors name what is wrong, and arguments are never repeated.
    fn from(error: RedisError) -> Self {
        match (error.kind(), error.code()) {
            (_, Some("OOM")) => Self::Full,
            (_, Some("CORRUPT")) => nonsense("a session lacks what every session has"),
            (_, Some("WRONGTYPE")) => nonsense("a key is of another type"),
            (redis::ErrorKind::UnexpectedReturnType | redis::ErrorKind::Parse, _) => {
                nonsense("an answer of another shape")
            }
            _ => Self::Unreachable(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests;
