//! The store of a pod that is alone: sessions and nodes in this process's memory.
//!
//! Bounded, because callers decide how many sessions there are: when it is full, ended sessions are
//! cleared away, and if there is none the new one is refused. Nothing that is valid is evicted.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use authcluster_contract::keys::SessionDigest;
use authcluster_contract::limits::HEARTBEAT_TTL_MS;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::user::Realm;
use futures::FutureExt as _;
use futures::future::ready;

use super::{LiveSession, NodeEntry, Session, Standing, Store, StoreError, StoreFuture, time_left};
use crate::clock;

/// Most sessions at once. With 4 KiB of data each they take some 450 MiB; without, some 40 MiB.
pub const SESSIONS_MAX: usize = 100_000;

/// Sessions by digest, nodes by name.
#[derive(Default)]
pub struct MemoryStore {
    sessions: Mutex<BTreeMap<String, Kept>>,
    sessions_max: usize,
    records: Mutex<BTreeMap<NodeId, NodeRecord>>,
    loads: Mutex<BTreeMap<NodeId, (Units, Instant)>>,
}

struct Kept {
    session: Session,
    /// When it ends unless it is introspected before.
    end: Instant,
    absolute_end: Instant,
}

impl MemoryStore {
    /// Empty, for at most [`SESSIONS_MAX`] sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::with_room_for(SESSIONS_MAX)
    }

    /// Empty, for at most so many sessions.
    #[must_use]
    pub fn with_room_for(sessions_max: usize) -> Self {
        Self { sessions_max, ..Self::default() }
    }

    fn create(&self, digest: &SessionDigest, session: &Session) -> Result<(), StoreError> {
        let now = clock::now();
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= self.sessions_max {
            sessions.retain(|_, kept| now < kept.end);
        }
        if sessions.len() >= self.sessions_max {
            return Err(StoreError::Full);
        }
        let end = now + session.idle_timeout.min(session.absolute_timeout);
        let absolute_end = now + session.absolute_timeout;
        let kept = Kept { session: session.clone(), end, absolute_end };
        sessions.insert(digest.as_str().to_owned(), kept);
        Ok(())
    }

    fn introspect(&self, digest: &SessionDigest, realm: &Realm) -> Option<LiveSession> {
        let now = clock::now();
        let mut sessions = lock(&self.sessions);
        let kept = sessions.get_mut(digest.as_str()).filter(|kept| kept.session.realm == *realm)?;
        let until_end = kept.absolute_end.saturating_duration_since(now);
        let left = time_left(kept.session.idle_timeout, until_end).filter(|_| now < kept.end);
        let Some(expires_in) = left else {
            sessions.remove(digest.as_str());
            return None;
        };
        kept.end = now + expires_in;
        Some(LiveSession {
            username: kept.session.username.clone(),
            data: kept.session.data.clone(),
            expires_in,
        })
    }

    fn revoke(&self, digest: &SessionDigest, realm: &Realm) -> bool {
        let now = clock::now();
        let mut sessions = lock(&self.sessions);
        let own = sessions.get(digest.as_str()).is_some_and(|kept| kept.session.realm == *realm);
        if !own {
            return false;
        }
        sessions.remove(digest.as_str()).is_some_and(|kept| now < kept.end)
    }

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

/// Every change in this file is one call on a map, so a panic leaves it whole.
fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for MemoryStore {
    fn standing(&self) -> Standing {
        Standing::Reachable
    }

    fn create_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        session: &'a Session,
    ) -> StoreFuture<'a, ()> {
        ready(self.create(digest, session)).boxed()
    }

    fn introspect_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, Option<LiveSession>> {
        ready(Ok(self.introspect(digest, realm))).boxed()
    }

    fn revoke_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, bool> {
        ready(Ok(self.revoke(digest, realm))).boxed()
    }

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

#[cfg(test)]
mod tests;
