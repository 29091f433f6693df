//! Every Redis key of the system. Nobody else formats one.
//!
//! Braces are literal: they are hash tags. Every key has a time to live or an owner that deletes it.

use crate::node::NodeId;
use crate::slots::{Slot, tag_of};
use crate::user::{AddressKey, UserKey};

/// Hash of every node's [`crate::node::NodeRecord`], by name.
pub const NODES: &str = "nodes";

/// Work outstanding at a node, in units. Its presence is the node's heartbeat.
#[must_use]
pub fn node_load(node: &NodeId) -> String {
    format!("node_load:{{{node}}}")
}

/// The node's capacity weight, written by the operator alone.
#[must_use]
pub fn node_capacity(node: &NodeId) -> String {
    format!("node_capacity:{{{node}}}")
}

/// What a session is stored under: SHA-256 of its id in hexadecimal, so that a dump of Redis gives
/// no usable session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionDigest(String);

impl SessionDigest {
    /// The digest of a session id.
    #[must_use]
    pub fn of(id: &str) -> Self {
        use sha2::{Digest as _, Sha256};
        Self(Sha256::digest(id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The digest that is spelled like this, if one can be.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (hex && digits.len() == 64).then(|| Self(digits.to_owned()))
    }

    /// The hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One session.
#[must_use]
pub fn session(digest: &SessionDigest) -> String {
    format!("session:{{{}}}", digest.as_str())
}

/// The copy of a critical session, in the partner of the session's own slot.
#[must_use]
pub fn session_backup(digest: &SessionDigest) -> String {
    let tag = tag_of(Slot::of_key(session(digest).as_bytes()).partner());
    format!("session_backup:{{{tag}}}:{}", digest.as_str())
}

/// A user's sessions, by expiry.
#[must_use]
pub fn user_sessions(user: &UserKey) -> String {
    format!("user_sessions:{{{}}}", user.as_str())
}

/// The value that every valid session of a user carries; revoke-all replaces it.
#[must_use]
pub fn user_generation(user: &UserKey) -> String {
    format!("user_generation:{{{}}}", user.as_str())
}

/// Held by the one who migrates a user's hash: digests of the token and of the hash that is replaced.
#[must_use]
pub fn migration_lock(user: &UserKey) -> String {
    format!("migration_lock:{{{}}}", user.as_str())
}

/// Says which hash of a user has been replaced last: `completed`, its digest, and that of the token. In the
/// slot of the lock.
#[must_use]
pub fn migration_status(user: &UserKey) -> String {
    format!("migration_status:{{{}}}", user.as_str())
}

/// Whose attempts one key counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateSubject<'a> {
    /// One user.
    User(&'a UserKey),
    /// One address.
    Address(&'a AddressKey),
    /// One user from one address.
    UserAndAddress(&'a UserKey, &'a AddressKey),
}

/// The arrival times of one subject's rates.
#[must_use]
pub fn rate(subject: RateSubject<'_>) -> String {
    match subject {
        RateSubject::User(user) => format!("rate:{{user:{}}}", user.as_str()),
        RateSubject::Address(address) => format!("rate:{{address:{}}}", address.as_str()),
        RateSubject::UserAndAddress(user, address) => {
            format!("rate:{{pair:{}:{}}}", user.as_str(), address.as_str())
        }
    }
}

/// The addresses that a user has logged in from, by the time of the last login.
#[must_use]
pub fn known_pair(user: &UserKey) -> String {
    format!("known_pair:{{{}}}", user.as_str())
}

/// A user's failures in a row. In the slot of the known pairs.
#[must_use]
pub fn login_failures(user: &UserKey) -> String {
    format!("login_failures:{{{}}}", user.as_str())
}

#[cfg(test)]
mod tests;
