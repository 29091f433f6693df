//! Sessions, as every store keeps them.
//!
//! A store brings one call for each script ([`slots::SessionSlots`]); what a whole call does with
//! them, and in which order, is here and the same for every store. What may become of one key is
//! decided in [`crate::policy::sessions`].

mod create;
mod end;
mod find;
mod list;
mod rotate;
pub mod seal;
pub mod settings;
pub mod slots;

use std::time::Duration;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey};
use futures::FutureExt as _;

use super::{StoreError, StoreFuture};

pub use self::settings::SessionSettings;
use self::slots::SessionSlots;

/// Where sessions are kept.
pub trait SessionStore: Send + Sync + 'static {
    /// Whether a critical session can be kept under this digest: its two copies must not be lost
    /// with one shard.
    ///
    /// # Errors
    /// The store cannot tell.
    fn may_be_critical(&self, digest: &SessionDigest) -> Result<bool, StoreError>;

    /// Whether a session could be written under this digest now, as far as is known.
    fn has_room(&self, digest: &SessionDigest, critical: bool) -> bool;

    /// Keeps a new session, which ends by itself after its idle timeout. The user's oldest ones are
    /// ended when there are too many.
    fn create_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        session: &'a Session,
    ) -> StoreFuture<'a, ()>;

    /// Gives back a valid session of this realm and starts its idle timeout anew, never beyond its
    /// absolute one. A session of another realm is not there. An id that was rotated is answered
    /// for during its grace, and its use ends the session after it.
    fn introspect_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, Option<LiveSession>>;

    /// Keeps a valid session of this realm under another digest, with the same content and end.
    /// `None` = there is no such session, or its id was replaced already.
    fn rotate_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        successor: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, Option<RotatedSession>>;

    /// Ends a session of this realm, also one whose id has been replaced since; says whether there
    /// was one.
    fn revoke_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, bool>;

    /// The valid sessions of a user, first the one that ends first. Touches none.
    fn list_sessions<'a>(
        &'a self,
        user: &'a UserKey,
        realm: &'a Realm,
    ) -> StoreFuture<'a, Vec<ListedSession>>;

    /// Ends all sessions of a user, those that are being created too; says how many were known.
    fn revoke_all_sessions<'a>(&'a self, user: &'a UserKey) -> StoreFuture<'a, u64>;
}

/// A session as it is created.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub user: UserKey,
    /// The caller's part of the user space.
    pub realm: Realm,
    /// The name as spelled at login, given back to the caller; empty when the caller sent only `user_id`.
    pub username: String,
    /// The caller's own id of the user, given back to the caller; empty without one.
    pub user_id: String,
    /// What the caller stored with it.
    pub data: String,
    /// Ends the session when it was not introspected for so long.
    pub idle_timeout: Duration,
    /// Ends the session so long after its creation.
    pub absolute_timeout: Duration,
    /// Whether it has a backup on another shard, and each of its writes waits for replicas.
    pub critical: bool,
}

/// A valid session.
#[derive(Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// As in [`Session`].
    pub username: String,
    /// As in [`Session`].
    pub user_id: String,
    /// What the caller stored with it.
    pub data: String,
    /// Time until it ends unless it is introspected again.
    pub expires_in: Duration,
}

/// A session that has another id now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotatedSession {
    /// Time until it ends for good.
    pub ends_in: Duration,
}

/// A valid session in a list.
#[derive(Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// What it is stored under, from which nobody finds its id.
    pub digest: SessionDigest,
    /// When the user signed in, in milliseconds since 1970.
    pub created_ms: u64,
    /// Time until it ends unless it is introspected.
    pub expires_in: Duration,
    /// Whether it has a backup.
    pub critical: bool,
    /// What the caller stored with it.
    pub data: String,
}

impl<S: SessionSlots> SessionStore for S {
    fn may_be_critical(&self, digest: &SessionDigest) -> Result<bool, StoreError> {
        self.copies_are_apart(digest)
    }

    fn has_room(&self, digest: &SessionDigest, critical: bool) -> bool {
        let (primary, backup) = (slots::primary(digest), slots::backup(digest));
        self.is_in_reach(&primary) && (!critical || self.is_in_reach(&backup))
    }

    fn create_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        session: &'a Session,
    ) -> StoreFuture<'a, ()> {
        create::create(self, digest, session).boxed()
    }

    fn introspect_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, Option<LiveSession>> {
        find::introspect(self, digest, realm).boxed()
    }

    fn rotate_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        successor: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, Option<RotatedSession>> {
        rotate::rotate(self, digest, successor, realm).boxed()
    }

    fn revoke_session<'a>(
        &'a self,
        digest: &'a SessionDigest,
        realm: &'a Realm,
    ) -> StoreFuture<'a, bool> {
        end::revoke(self, digest, realm).boxed()
    }

    fn list_sessions<'a>(
        &'a self,
        user: &'a UserKey,
        realm: &'a Realm,
    ) -> StoreFuture<'a, Vec<ListedSession>> {
        list::list(self, user, realm).boxed()
    }

    fn revoke_all_sessions<'a>(&'a self, user: &'a UserKey) -> StoreFuture<'a, u64> {
        end::revoke_all(self, user).boxed()
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
