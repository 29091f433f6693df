//! Where attempts are counted: in the store that pods share, and when that is away, here.
//!
//! While the store is away each pod lets through its share of every rate, attempts / live pods rounded
//! up and at least one, and goes on from the failures and known addresses that it last heard of. So N
//! pods let through, once for each time the store goes, at most attempts + N - 1 more than the rate.

use std::sync::{Arc, Mutex, PoisonError};

use authcluster_contract::user::{AddressKey, UserKey};

use super::fallback::Fallback;
use super::rates::Subject;
use crate::clock;
use crate::policy::backoff::{Begun, Rules, Settled};
use crate::policy::gcra::{Rate, Reserved};
use crate::registry::SharedTable;
use crate::store::memory::MemoryLimits;
use crate::store::{LimitStore, StoreError};
use crate::telemetry::{Metrics, chain};

/// Where one attempt was counted, and so where it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Shared,
    Here,
}

/// What came of one attempt at one subject's rates.
pub(super) struct Asked {
    pub(super) place: Place,
    /// The rates that were asked: here, this pod's share.
    pub(super) rates: Vec<Rate>,
    pub(super) reserved: Reserved,
}

pub(super) struct Counters {
    store: Arc<dyn LimitStore>,
    /// The live pods; `None` = this one is alone, and its store is its memory.
    table: Option<SharedTable>,
    here: MemoryLimits,
    fallback: Mutex<Fallback>,
    metrics: Arc<Metrics>,
}

impl Counters {
    pub(super) fn new(
        store: Arc<dyn LimitStore>,
        table: Option<SharedTable>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (here, fallback) = (MemoryLimits::default(), Mutex::default());
        Self { store, table, here, fallback, metrics }
    }

    /// Whether other pods count in the same place.
    pub(super) fn is_shared(&self) -> bool {
        self.table.is_some()
    }

    /// One attempt at a subject's rates.
    pub(super) async fn reserve(&self, subject: &Subject, rates: &[Rate]) -> Asked {
        if let Some(reserved) = self.shared(self.store.reserve_rate(subject.as_ref(), rates)).await
        {
            return Asked { place: Place::Shared, rates: rates.to_vec(), reserved };
        }
        let pods = self.table.as_ref().map_or(1, |table| table.load().rows().len());
        let rates: Vec<Rate> = rates.iter().map(|rate| rate.shared_by(pods)).collect();
        let reserved = self.here.reserve(subject.as_ref(), &rates);
        Asked { place: Place::Here, rates, reserved }
    }

    /// Gives back what is left of a charge.
    pub(super) async fn refund(
        &self,
        place: Place,
        subject: &Subject,
        rates: &[Rate],
        charge: &Reserved,
    ) {
        match place {
            Place::Here => self.here.refund(subject.as_ref(), rates, charge),
            Place::Shared => {
                let refunded = self.store.refund_rate(subject.as_ref(), rates, charge);
                self.shared(refunded).await;
            }
        }
    }

    /// Whether a user may be tried from an address now.
    pub(super) async fn begin(
        &self,
        user: &UserKey,
        address: Option<&AddressKey>,
        rules: &Rules,
    ) -> (Place, Begun) {
        match self.shared(self.store.begin_login(user, address, rules)).await {
            Some(begun) => {
                if self.is_shared() {
                    self.here.learn(user, address, rules, &begun);
                }
                (Place::Shared, begun)
            }
            None => (Place::Here, self.here.begin(user, address, rules)),
        }
    }

    /// The end of an attempt that did not fail.
    pub(super) async fn settle(
        &self,
        place: Place,
        (user, address): (&UserKey, Option<&AddressKey>),
        rules: &Rules,
        settled: Settled,
    ) {
        if self.is_shared() {
            self.here.settle(user, address, rules, settled);
        }
        if place == Place::Shared {
            self.shared(self.store.settle_login(user, address, rules, settled)).await;
        }
    }

    /// Forgets a user's failures and rates, here too.
    pub(super) async fn forget(&self, user: &UserKey) -> Result<bool, StoreError> {
        let here = self.here.forget(user);
        Ok(self.store.forget_attempts(user).await? || here)
    }

    /// Whether an address is known, as far as this pod has heard.
    pub(super) fn knows(&self, user: &UserKey, address: &AddressKey, rules: &Rules) -> bool {
        self.here.knows(user, address, rules)
    }

    /// What the store answers; `None` when it does not. It bounds its calls itself.
    async fn shared<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        let answer = call.await;
        let now = clock::now();
        let mut fallback = self.fallback.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(answer) => {
                if fallback.answered(now) {
                    self.metrics.limits_shared(true);
                    tracing::info!("limits are counted over all pods again");
                }
                Some(answer)
            }
            Err(error) => {
                if fallback.failed(now) {
                    self.metrics.limits_shared(false);
                    let error = chain(&error);
                    tracing::warn!(error, "limits are counted by this pod alone, for its share");
                }
                None
            }
        }
    }
}
