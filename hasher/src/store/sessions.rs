//! Sessions, as every store keeps them.

use std::time::Duration;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey};

use super::StoreFuture;

/// Where sessions are kept.
pub trait SessionStore: Send + Sync + 'static {
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
