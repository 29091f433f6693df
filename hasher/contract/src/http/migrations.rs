//! Bodies of what moves users from an old hash to a new one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secret::SecretString;

/// A new hash for a user whose stored one is weaker than the policy asks for. It counts from the moment
/// that the caller has written it, with a compare-and-swap: `encoded` goes where `replaces` still stands,
/// and nowhere else, so that no password that was changed meanwhile is lost.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehash {
    /// The new hash, a PHC string.
    pub encoded: String,
    /// The stored hash, byte for byte as the request had it: what a compare-and-swap compares with. A
    /// digest of it would be of no use there, and the caller has the hash already.
    pub replaces: String,
    /// For `/v1/migrations/commit`, once `encoded` has been written.
    pub commit: String,
}

impl fmt::Debug for Rehash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rehash(..)")
    }
}

/// `POST /v1/migrations/commit`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitRequest {
    /// Whose hash was written. Not looked at beside a `user_id`.
    pub username: Option<String>,
    /// Whose hash was written, as the caller's own id of the user; as in the request that offered the hash.
    pub user_id: Option<String>,
    /// What came with it.
    pub commit: SecretString,
}

/// Answer to `POST /v1/migrations/commit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitReply {
    /// Whether it is known from now on that this hash has been replaced; the same when it is said twice.
    /// `false`: the token is none of this user's, or too much time has passed. What was written stands;
    /// all that is lost is that another login which still brings the old hash may be offered a new one,
    /// whose compare-and-swap then finds nothing to do.
    pub committed: bool,
}
