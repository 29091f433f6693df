//! Migrations of one pod's users: the policy itself, on a map that cannot grow for ever.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use authcluster_contract::user::{MigrationDigest, UserKey};
use futures::FutureExt as _;
use futures::future::ready;

use super::expiring::Expiring;
use super::{MemoryStore, lock};
use crate::clock;
use crate::policy::migration::{self, Begun, Claim, Committed, State};
use crate::store::{MigrationStore, StoreFuture};

/// Most users at once. At some 400 bytes each they take 8 MiB. Beyond it those that would be forgotten
/// soonest are, which costs each a second hash at most.
const USERS_MAX: usize = 20_000;

/// Locks and replaced hashes in memory.
pub(super) struct MemoryMigrations {
    /// Where the time of the policy begins.
    start: Instant,
    users: Mutex<Expiring<State>>,
}

impl Default for MemoryMigrations {
    fn default() -> Self {
        Self { start: clock::now(), users: Mutex::new(Expiring::new(USERS_MAX)) }
    }
}

impl MemoryMigrations {
    fn user<T>(&self, user: &UserKey, change: impl FnOnce(&mut State, i64) -> T) -> T {
        let now_ms = whole_ms(clock::now().saturating_duration_since(self.start));
        lock(&self.users).change(user.as_str(), now_ms, |state| {
            let answer = change(state, now_ms);
            (answer, state.end_ms())
        })
    }
}

fn whole_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2)
}

impl MigrationStore for MemoryStore {
    fn begin_migration<'a>(
        &'a self,
        user: &'a UserKey,
        claim: &'a Claim,
        lock: Duration,
    ) -> StoreFuture<'a, Begun> {
        let begin = |state: &mut State, now| migration::begin(state, claim, whole_ms(lock), now);
        ready(Ok(self.migrations.user(user, begin))).boxed()
    }

    fn commit_migration<'a>(
        &'a self,
        user: &'a UserKey,
        token: &'a MigrationDigest,
        status: Duration,
    ) -> StoreFuture<'a, Committed> {
        let commit =
            |state: &mut State, now| migration::commit(state, token, whole_ms(status), now);
        ready(Ok(self.migrations.user(user, commit))).boxed()
    }

    fn release_migration<'a>(
        &'a self,
        user: &'a UserKey,
        token: &'a MigrationDigest,
    ) -> StoreFuture<'a, bool> {
        let release = |state: &mut State, now| migration::release(state, token, now);
        ready(Ok(self.migrations.user(user, release))).boxed()
    }
}
