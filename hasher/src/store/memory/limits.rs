//! Rates and failures of one pod: the policy itself, on maps that cannot grow for ever.
//!
//! Also what a pod counts with while it cannot reach the others (`limits::fallback`).

use std::sync::Mutex;
use std::time::Instant;

use authcluster_contract::keys::{self, RateSubject};
use authcluster_contract::user::{AddressKey, UserKey};
use futures::FutureExt as _;
use futures::future::ready;

use super::expiring::Expiring;
use super::{MemoryStore, lock};
use crate::clock;
use crate::policy::backoff::{self, ANYONE, Attempts, Begun, Count, Memory, Rules, Settled};
use crate::policy::gcra::{self, Bucket, Rate, Reserved};
use crate::store::{LimitStore, StoreFuture};

/// Most subjects with a rate at once. At some 300 bytes each they take 6 MiB, a tenth of what a pod has
/// beside its arenas. Beyond it those that would be forgotten soonest are, which are those with the
/// fewest attempts.
const SUBJECTS_MAX: usize = 20_000;

/// Most users with failures or known addresses at once. At some 600 bytes each they take 12 MiB. Beyond it
/// those that were tried longest ago are forgotten: at a pod that is alone, whoever wants to be forgotten
/// must pay for as many hashes.
const USERS_MAX: usize = 20_000;

/// Rates and failures in memory.
pub(crate) struct MemoryLimits {
    /// Where the time of the policy begins.
    start: Instant,
    buckets: Mutex<Expiring<Bucket>>,
    attempts: Mutex<Expiring<Attempts>>,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            start: clock::now(),
            buckets: Mutex::new(Expiring::new(SUBJECTS_MAX)),
            attempts: Mutex::new(Expiring::new(USERS_MAX)),
        }
    }
}

impl MemoryLimits {
    fn now_us(&self) -> i64 {
        let passed = clock::now().saturating_duration_since(self.start);
        i64::try_from(passed.as_micros()).unwrap_or(i64::MAX / 2)
    }

    fn now_ms(&self) -> i64 {
        self.now_us() / 1_000
    }

    fn bucket<T>(&self, key: &str, change: impl FnOnce(&mut Bucket, i64) -> T) -> T {
        let now_us = self.now_us();
        lock(&self.buckets).change(key, now_us / 1_000, |bucket| {
            let answer = change(bucket, now_us);
            let end_ms = gcra::ttl_ms(bucket, now_us).map(|life| (now_us + 999) / 1_000 + life);
            (answer, end_ms)
        })
    }

    fn user<T>(&self, user: &UserKey, change: impl FnOnce(&mut Attempts, i64) -> T) -> T {
        let now_ms = self.now_ms();
        lock(&self.attempts).change(user.as_str(), now_ms, |attempts| {
            let answer = change(attempts, now_ms);
            let end_ms = attempts.end_ms();
            (answer, (end_ms > now_ms).then_some(end_ms))
        })
    }

    pub(crate) fn reserve(&self, subject: RateSubject<'_>, rates: &[Rate]) -> Reserved {
        self.bucket(&keys::rate(subject), |bucket, now_us| gcra::reserve(bucket, rates, now_us))
    }

    pub(crate) fn refund(&self, subject: RateSubject<'_>, rates: &[Rate], charge: &Reserved) {
        self.bucket(&keys::rate(subject), |bucket, now_us| {
            gcra::refund(bucket, rates, charge, now_us);
        });
    }

    pub(crate) fn begin(
        &self,
        user: &UserKey,
        address: Option<&AddressKey>,
        rules: &Rules,
    ) -> Begun {
        let address = address.map(AddressKey::as_str);
        // The maps are bounded by `USERS_MAX`, so free memory is no concern here.
        self.user(user, |attempts, now_ms| {
            backoff::begin(attempts, rules, address, Memory::Free, now_ms)
        })
    }

    pub(crate) fn settle(
        &self,
        user: &UserKey,
        address: Option<&AddressKey>,
        rules: &Rules,
        settled: Settled,
    ) {
        let address = address.map(AddressKey::as_str);
        self.user(user, |attempts, now_ms| {
            backoff::settle(attempts, rules, address, settled, now_ms);
        });
    }

    pub(crate) fn forget(&self, user: &UserKey) -> bool {
        let had_failures = self.user(user, |attempts, _| {
            let had = !attempts.counts.is_empty();
            attempts.counts.clear();
            had
        });
        let key = keys::rate(RateSubject::User(user));
        let had_attempts = self.bucket(&key, |bucket, _| {
            let had = !bucket.is_empty();
            bucket.clear();
            had
        });
        had_failures || had_attempts
    }

    /// Takes over what the shared store said of a user, to go on from there when it is lost.
    pub(crate) fn learn(
        &self,
        user: &UserKey,
        address: Option<&AddressKey>,
        rules: &Rules,
        begun: &Begun,
    ) {
        self.user(user, |attempts, now_ms| {
            attempts.pairs = begun.known.iter().map(|known| (known.clone(), now_ms)).collect();
            attempts.pairs_end_ms = now_ms + rules.known_ms;
            let subject = address.filter(|_| begun.is_known).map_or(ANYONE, AddressKey::as_str);
            let last_ms = if begun.wait.is_none() { now_ms } else { now_ms - begun.since_ms };
            let count = Count { failures: begun.failures, last_ms };
            let life_ms = backoff::life_ms(rules, begun.failures, Memory::Free);
            attempts.count(subject, count, now_ms + life_ms);
        });
    }

    /// Whether an address is known, as far as this pod has heard.
    pub(crate) fn knows(&self, user: &UserKey, address: &AddressKey, rules: &Rules) -> bool {
        let oldest_ms = self.now_ms() - rules.known_ms;
        let attempts = lock(&self.attempts);
        let pairs = attempts.get(user.as_str()).map(|attempts| &attempts.pairs);
        let last_ms = pairs.and_then(|pairs| pairs.get(address.as_str()));
        last_ms.is_some_and(|last_ms| *last_ms > oldest_ms)
    }
}

impl LimitStore for MemoryStore {
    fn reserve_rate<'a>(
        &'a self,
        subject: RateSubject<'a>,
        rates: &'a [Rate],
    ) -> StoreFuture<'a, Reserved> {
        ready(Ok(self.limits.reserve(subject, rates))).boxed()
    }

    fn refund_rate<'a>(
        &'a self,
        subject: RateSubject<'a>,
        rates: &'a [Rate],
        charge: &'a Reserved,
    ) -> StoreFuture<'a, ()> {
        self.limits.refund(subject, rates, charge);
        ready(Ok(())).boxed()
    }

    fn begin_login<'a>(
        &'a self,
        user: &'a UserKey,
        address: Option<&'a AddressKey>,
        rules: &'a Rules,
    ) -> StoreFuture<'a, Begun> {
        ready(Ok(self.limits.begin(user, address, rules))).boxed()
    }

    fn settle_login<'a>(
        &'a self,
        user: &'a UserKey,
        address: Option<&'a AddressKey>,
        rules: &'a Rules,
        settled: Settled,
    ) -> StoreFuture<'a, ()> {
        self.limits.settle(user, address, rules, settled);
        ready(Ok(())).boxed()
    }

    fn forget_attempts<'a>(&'a self, user: &'a UserKey) -> StoreFuture<'a, bool> {
        ready(Ok(self.limits.forget(user))).boxed()
    }
}
