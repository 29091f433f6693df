//! Which login replaces a user's old hash: one at a time, and none whose hash has been replaced already.
//!
//! This saves work and no more. A lock that ran out under a slow holder, or was lost with its primary, costs
//! a second hash; a status that was lost costs one, too. What keeps a password from being lost is the
//! caller's compare-and-swap on the hash that is replaced, and nothing here is needed for that
//! (bsm/redislock#93: a lock cannot promise it). So nothing here waits for replicas.

use std::time::{Duration, Instant};

use authcluster_contract::user::MigrationDigest;

use crate::formats::{Parsed, Stored};
use crate::policy::rehash::Policy;

/// A migration that wants to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Of the token that it is committed with.
    pub token: MigrationDigest,
    /// Of the hash that it replaces.
    pub replaces: MigrationDigest,
}

/// What is known of one user's migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The one that is under way.
    pub lock: Option<Kept>,
    /// The last one that was committed.
    pub status: Option<Kept>,
}

/// A migration, and until when it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub claim: Claim,
    /// Its end, in milliseconds.
    pub end_ms: i64,
}

/// Whether a migration may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It may; so it is told, however often it asks.
    Granted,
    /// The hash was replaced already: whoever presents it has read an old row.
    Replaced,
    /// Another one is under way.
    Held,
}

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is known from now on that the hash has been replaced.
    Committed,
    /// So it was already, by this token.
    Replayed,
    /// The token is unknown, or its lock has ended.
    Lost,
}

impl State {
    /// The state without what has ended.
    fn forget(&mut self, now_ms: i64) {
        self.lock.take_if(|kept| kept.end_ms <= now_ms);
        self.status.take_if(|kept| kept.end_ms <= now_ms);
    }

    /// When all of it has ended; `None` = there is nothing.
    #[must_use]
    pub fn end_ms(&self) -> Option<i64> {
        [&self.lock, &self.status].into_iter().flatten().map(|kept| kept.end_ms).max()
    }
}

/// May this migration begin? The twin of `begin_migration.lua`.
pub fn begin(state: &mut State, claim: &Claim, lock_ms: i64, now_ms: i64) -> Begun {
    state.forget(now_ms);
    if state.status.as_ref().is_some_and(|status| status.claim.replaces == claim.replaces) {
        return Begun::Replaced;
    }
    match &state.lock {
        Some(lock) if lock.claim == *claim => Begun::Granted,
        Some(_) => Begun::Held,
        None => {
            state.lock = Some(Kept { claim: claim.clone(), end_ms: now_ms + lock_ms });
            Begun::Granted
        }
    }
}

/// The new hash has been written. The twin of `commit_migration.lua`.
pub fn commit(
    state: &mut State,
    token: &MigrationDigest,
    status_ms: i64,
    now_ms: i64,
) -> Committed {
    state.forget(now_ms);
    if let Some(lock) = state.lock.take_if(|lock| lock.claim.token == *token) {
        state.status = Some(Kept { claim: lock.claim, end_ms: now_ms + status_ms });
        return Committed::Committed;
    }
    match &state.status {
        Some(status) if status.claim.token == *token => Committed::Replayed,
        Some(_) | None => Committed::Lost,
    }
}

/// There will be no new hash; says whether the lock was there. The twin of `release_migration.lua`.
pub fn release(state: &mut State, token: &MigrationDigest, now_ms: i64) -> bool {
    state.forget(now_ms);
    state.lock.take_if(|lock| lock.claim.token == *token).is_some()
}

/// What the new hash of a user is made with: as the policy says. Where that would be less work than the old one
/// took, because the old one has more memory and fewer passes, or the other way round, the greater of each: a
/// hash is never replaced by one that is cheaper to guess at. Nor by one without the pepper that it has.
#[must_use]
pub fn new_hash(stored: &Stored, policy: &Policy) -> Policy {
    let old = match stored.parsed() {
        Parsed::Argon2(hash) => hash.cost,
        Parsed::Wrapped(wrapped) => wrapped.hash.cost,
        Parsed::Legacy(_) => return policy.clone(),
    };
    let Policy { mut cost, pepper } = policy.in_place_of(stored);
    if cost.units() < old.units() {
        cost.memory_kib = cost.memory_kib.max(old.memory_kib);
        cost.iterations = cost.iterations.max(old.iterations);
    }
    Policy { cost, pepper }
}

/// By when a new hash must be there that takes so long on a lane: in half of the time that the request has
/// left, or in twice what the hash takes, where that is more. A queue that is longer belongs to logins: when
/// every user is due at once, after a policy was raised, their new hashes must not crowd out the logins that
/// wait for the other half.
#[must_use]
pub fn hash_deadline(now: Instant, deadline: Instant, service: Duration) -> Instant {
    let left = deadline.saturating_duration_since(now);
    now + (left / 2).max(service.saturating_mul(2)).min(left)
}

#[cfg(test)]
mod tests;
