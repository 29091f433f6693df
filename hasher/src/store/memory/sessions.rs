//! Sessions by digest.

use std::time::Instant;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::Realm;
use futures::FutureExt as _;
use futures::future::ready;

use super::{MemoryStore, lock};
use crate::clock;
use crate::store::sessions::time_left;
use crate::store::{LiveSession, Session, SessionStore, StoreError, StoreFuture};

pub(super) struct Kept {
    session: Session,
    /// When it ends unless it is introspected before.
    end: Instant,
    absolute_end: Instant,
}

impl MemoryStore {
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
}

impl SessionStore for MemoryStore {
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
}
