//! Rates and failures: each call is one script over one subject.

pub mod wire;

use authcluster_contract::keys::{self, RateSubject};
use authcluster_contract::user::{AddressKey, UserKey};
use futures::FutureExt as _;
use redis::{ParsingError, Value};

use super::script::{BEGIN_LOGIN, REFUND_RATE, RESERVE_RATE, SETTLE_LOGIN, Script};
use super::{RedisStore, corrupt, slot};
use crate::policy::backoff::{Begun, Memory, Rules, Settled};
use crate::policy::gcra::{Rate, Reserved};
use crate::store::{LimitStore, StoreError, StoreFuture};

impl RedisStore {
    async fn limit<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[String],
    ) -> Result<T, StoreError> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.link.run(script, key, &arguments).await
    }

    /// Over the known pairs and the failures of a user.
    async fn of_user<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        user: &UserKey,
        mut arguments: Vec<String>,
    ) -> Result<T, StoreError> {
        arguments.insert(0, keys::login_failures(user));
        self.limit(script, &keys::known_pair(user), &arguments).await
    }

    async fn reserve(
        &self,
        subject: RateSubject<'_>,
        rates: &[Rate],
    ) -> Result<Reserved, StoreError> {
        let arguments = wire::reserve(rates);
        let answer: Value = self.limit(&RESERVE_RATE, &keys::rate(subject), &arguments).await?;
        sense(wire::reserved(answer, rates.len()))
    }

    async fn refund(
        &self,
        subject: RateSubject<'_>,
        rates: &[Rate],
        charge: &Reserved,
    ) -> Result<(), StoreError> {
        let arguments = wire::refund(rates, charge);
        self.limit(&REFUND_RATE, &keys::rate(subject), &arguments).await
    }

    async fn begin(
        &self,
        user: &UserKey,
        address: Option<&AddressKey>,
        rules: &Rules,
    ) -> Result<Begun, StoreError> {
        let nearly_full = self.link.is_nearly_full(slot(&keys::login_failures(user)));
        let memory = if nearly_full { Memory::NearlyFull } else { Memory::Free };
        let arguments = wire::begin(address.map(AddressKey::as_str), rules, memory);
        sense(wire::begun(self.of_user(&BEGIN_LOGIN, user, arguments).await?))
    }

    async fn settle(
        &self,
        user: &UserKey,
        address: Option<&AddressKey>,
        rules: &Rules,
        settled: Settled,
    ) -> Result<(), StoreError> {
        let arguments = wire::settle(address.map(AddressKey::as_str), rules, settled);
        self.of_user(&SETTLE_LOGIN, user, arguments).await
    }

    async fn forget(&self, user: &UserKey) -> Result<bool, StoreError> {
        let keys = [keys::login_failures(user), keys::rate(RateSubject::User(user))];
        let mut forgotten = 0_u64;
        for key in keys {
            forgotten += self.link.ask::<u64>(slot(&key), redis::cmd("DEL").arg(&key)).await?;
        }
        Ok(forgotten > 0)
    }
}

fn sense<T>(read: Result<T, ParsingError>) -> Result<T, StoreError> {
    read.map_err(|error| corrupt(Box::new(error)))
}

impl LimitStore for RedisStore {
    fn reserve_rate<'a>(
        &'a self,
        subject: RateSubject<'a>,
        rates: &'a [Rate],
    ) -> StoreFuture<'a, Reserved> {
        self.reserve(subject, rates).boxed()
    }

    fn refund_rate<'a>(
        &'a self,
        subject: RateSubject<'a>,
        rates: &'a [Rate],
        charge: &'a Reserved,
    ) -> StoreFuture<'a, ()> {
        self.refund(subject, rates, charge).boxed()
    }

    fn begin_login<'a>(
        &'a self,
        user: &'a UserKey,
        address: Option<&'a AddressKey>,
        rules: &'a Rules,
    ) -> StoreFuture<'a, Begun> {
        self.begin(user, address, rules).boxed()
    }

    fn settle_login<'a>(
        &'a self,
        user: &'a UserKey,
        address: Option<&'a AddressKey>,
        rules: &'a Rules,
        settled: Settled,
    ) -> StoreFuture<'a, ()> {
        self.settle(user, address, rules, settled).boxed()
    }

    fn forget_attempts<'a>(&'a self, user: &'a UserKey) -> StoreFuture<'a, bool> {
        self.forget(user).boxed()
    }
}
