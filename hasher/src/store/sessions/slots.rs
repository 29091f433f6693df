//! What a store brings: one call for each script, on the keys of one slot.

use std::future::Future;

use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::user::{Realm, UserKey};

use super::SessionSettings;
use crate::policy::sessions::copy::{Put, Read, ReadReply, Revoke, RevokeReply};
use crate::policy::sessions::user::{Join, Joined, Listed, Replace};
use crate::store::StoreError;

/// What becomes of a write when its primary dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// It may be lost.
    Plain,
    /// It counts when replicas have it, and is an error before.
    Durable,
}

impl Write {
    /// How a session of this kind is written.
    #[must_use]
    pub fn of(critical: bool) -> Self {
        if critical { Self::Durable } else { Self::Plain }
    }
}

/// The key of the primary copy.
pub(super) fn primary(digest: &SessionDigest) -> String {
    keys::session(digest)
}

/// The key of the backup.
pub(super) fn backup(digest: &SessionDigest) -> String {
    keys::session_backup(digest)
}

/// What one call comes to.
pub type Step<T> = Result<T, StoreError>;

/// The calls over the keys of one slot. Each is the function of the same name in
/// [`crate::policy::sessions`]; `key` is that of one copy of a session.
pub trait SessionSlots: Send + Sync + 'static {
    /// How sessions are kept.
    fn session_settings(&self) -> &SessionSettings;

    /// Whether the two copies of a session lie on different shards.
    ///
    /// # Errors
    /// The store cannot tell.
    fn copies_are_apart(&self, digest: &SessionDigest) -> Step<bool>;

    /// Whether whoever owns this key is taken for one that answers.
    fn is_in_reach(&self, key: &str) -> bool;

    /// [`crate::policy::sessions::copy::put`].
    fn put(&self, key: &str, put: &Put, write: Write) -> impl Future<Output = Step<bool>> + Send;

    /// [`crate::policy::sessions::copy::read`].
    fn read(&self, key: &str, read: &Read) -> impl Future<Output = Step<ReadReply>> + Send;

    /// [`crate::policy::sessions::copy::revoke`]. Always durable.
    fn revoke(&self, key: &str, revoke: &Revoke) -> impl Future<Output = Step<RevokeReply>> + Send;

    /// [`crate::policy::sessions::copy::rotate`].
    fn rotate(
        &self,
        key: &str,
        realm: &Realm,
        successor: &SessionDigest,
        write: Write,
    ) -> impl Future<Output = Step<bool>> + Send;

    /// Takes a copy away that nobody can use.
    fn delete(&self, key: &str) -> impl Future<Output = Step<()>> + Send;

    /// [`crate::policy::sessions::user::join`].
    fn join(
        &self,
        user: &UserKey,
        join: &Join,
        write: Write,
    ) -> impl Future<Output = Step<Joined>> + Send;

    /// [`crate::policy::sessions::user::list`].
    fn list(&self, user: &UserKey) -> impl Future<Output = Step<Listed>> + Send;

    /// [`crate::policy::sessions::user::replace`]. Always durable.
    fn replace(&self, user: &UserKey, replace: &Replace) -> impl Future<Output = Step<u64>> + Send;

    /// [`crate::policy::sessions::user::generation`].
    fn generation(&self, user: &UserKey) -> impl Future<Output = Step<Option<String>>> + Send;

    /// [`crate::policy::sessions::user::leave`].
    fn leave(
        &self,
        user: &UserKey,
        digests: &[SessionDigest],
    ) -> impl Future<Output = Step<()>> + Send;
}
