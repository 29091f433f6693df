//! Sessions: each call is one script over one key.

use std::time::Duration;

use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::user::Realm;
use futures::FutureExt as _;

use super::script::{CREATE_SESSION, INTROSPECT_SESSION, REVOKE_SESSION};
use super::{RedisStore, milliseconds};
use crate::store::{LiveSession, Session, SessionStore, StoreError, StoreFuture};

impl RedisStore {
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
}

impl SessionStore for RedisStore {
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
}
