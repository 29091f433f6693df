//! The store of a pod that is alone: sessions in this process's memory, and no other nodes.
//!
//! Bounded, because callers decide how many sessions there are: when it is full, ended sessions are
//! cleared away, and if there is none the new one is refused. Nothing that is valid is evicted.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use authcluster_contract::cost::Units;
use authcluster_contract::keys::SessionDigest;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::user::Realm;
use futures::FutureExt as _;
use futures::future::ready;

use super::{LiveSession, NodeEntry, Session, Store, StoreError, StoreFuture};
use crate::clock;

/// Most sessions at once. With 4 KiB of data each they take some 450 MiB; without, some 40 MiB.
pub const SESSIONS_MAX: usize = 100_000;

/// Sessions by digest.
#[derive(Default)]
pub struct MemoryStore {
    sessions: Mutex<BTreeMap<String, Kept>>,
    sessions_max: usize,
}

struct Kept {
    session: Session,
    idle_end: Instant,
    absolute_end: Instant,
}

impl Kept {
    fn end(&self) -> Instant {
        self.idle_end.min(self.absolute_end)
    }
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
        Self { sessions: Mutex::default(), sessions_max }
    }

    /// Every change below is one call on the map, so a panic leaves it whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create(&self, digest: &SessionDigest, session: &Session) -> Result<(), StoreError> {
        let now = clock::now();
        let mut sessions = self.lock();
        if sessions.len() >= self.sessions_max {
            sessions.retain(|_, kept| now < kept.end());
        }
        if sessions.len() >= self.sessions_max {
            return Err(StoreError::Full);
        }
        let idle_end = now + session.idle_timeout;
        let absolute_end = now + session.absolute_timeout;
        let kept = Kept { session: session.clone(), idle_end, absolute_end };
        sessions.insert(digest.as_str().to_owned(), kept);
        Ok(())
    }

    fn introspect(&self, digest: &SessionDigest, realm: &Realm) -> Option<LiveSession> {
        let now = clock::now();
        let mut sessions = self.lock();
        let kept = sessions.get_mut(digest.as_str()).filter(|kept| kept.session.realm == *realm)?;
        if kept.end() <= now {
            sessions.remove(digest.as_str());
            return None;
        }
        kept.idle_end = now + kept.session.idle_timeout;
        Some(LiveSession {
            username: kept.session.username.clone(),
            data: kept.session.data.clone(),
            expires_in: kept.end().saturating_duration_since(now),
        })
    }

    fn revoke(&self, digest: &SessionDigest, realm: &Realm) -> bool {
        let now = clock::now();
        let mut sessions = self.lock();
        let own = sessions.get(digest.as_str()).is_some_and(|kept| kept.session.realm == *realm);
        if !own {
            return false;
        }
        sessions.remove(digest.as_str()).is_some_and(|kept| now < kept.end())
    }
}

impl Store for MemoryStore {
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

    fn announce_node<'a>(&'a self, _: &'a NodeId, _: &'a NodeRecord) -> StoreFuture<'a, ()> {
        ready(Ok(())).boxed()
    }

    fn publish_load<'a>(&'a self, _: &'a NodeId, _: Units) -> StoreFuture<'a, ()> {
        ready(Ok(())).boxed()
    }

    fn withdraw_node<'a>(&'a self, _: &'a NodeId) -> StoreFuture<'a, ()> {
        ready(Ok(())).boxed()
    }

    fn read_nodes(&self) -> StoreFuture<'_, Vec<NodeEntry>> {
        ready(Ok(Vec::new())).boxed()
    }
}

#[cfg(test)]
mod tests;
