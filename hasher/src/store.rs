//! The state that pods share, behind one trait: `store/memory.rs` is the store of a pod that is alone,
//! `store/redis.rs` the one of many. Both pass the checks of `store/conformance.rs`.
//!
//! The only place that may name a Redis client. A store decides nothing: rules are in `policy`.
//! Times to live are durations, and the store's own clock counts them down, so that pods with
//! different clocks agree (sourcegraph#56826).

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod memory;
pub mod redis;

use std::time::Duration;

use authcluster_contract::cost::Units;
use authcluster_contract::keys::SessionDigest;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::user::{Realm, UserKey};
use authcluster_contract::weights::Weight;
use futures::future::BoxFuture;

/// What a call to the store comes to, in the end.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Sessions and the registry of nodes.
pub trait Store: Send + Sync + 'static {
    /// Whether the store answers. Costs nothing.
    fn standing(&self) -> Standing;

    /// Keeps a new session. It ends by itself after its idle timeout.
    fn create_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        session: &'a Session,
    ) -> StoreFuture<'a, ()>;

    /// Gives back a valid session of this realm and starts its idle timeout anew, never beyond its
    /// absolute one. A session of another realm is not there.
    fn introspect_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, Option<LiveSession>>;

    /// Ends a session of this realm; says whether there was one.
    fn revoke_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, bool>;

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

/// Whether the store answers, with the reason when it does not, in words for the team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It answers.
    Reachable,
    /// It answered before.
    Lost(String),
    /// It has not answered since this program started.
    NeverReached(String),
}

impl Standing {
    /// Refuses what would fail anyway, before anyone has paid for it.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] unless the store answers.
    pub fn check(self) -> Result<(), StoreError> {
        match self {
            Self::Reachable => Ok(()),
            Self::Lost(reason) | Self::NeverReached(reason) => {
                Err(StoreError::Unreachable(reason.into()))
            }
        }
    }
}

/// The rule of a session's life: it is over when its absolute end has come, and otherwise lives
/// for its idle timeout, never beyond that end. The script of the Redis store follows it.
#[must_use]
pub fn time_left(idle_timeout: Duration, until_end: Duration) -> Option<Duration> {
    let left = idle_timeout.min(until_end);
    (!left.is_zero()).then_some(left)
}

/// A session as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub user: UserKey,
    /// The caller's part of the user space.
    pub realm: Realm,
    /// The name as spelled at login, given back to the caller.
    pub username: String,
    /// What the caller stored with it.
    pub data: String,
    /// Ends the session when it was not introspected for so long.
    pub idle_timeout: Duration,
    /// Ends the session so long after its creation.
    pub absolute_timeout: Duration,
}

/// A valid session.
#[derive(Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// The name as spelled at login.
    pub username: String,
    /// What the caller stored with it.
    pub data: String,
    /// Time until it ends unless it is introspected again.
    pub expires_in: Duration,
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

/// Why the store did not answer. Names no key and no content.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No node of the cluster answered for this slot in time.
    #[error("the shared store cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store answered with something that cannot be.
    #[error("the shared store holds a value that makes no sense")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store has no room for another session.
    #[error("the store of sessions is full")]
    Full,
}
