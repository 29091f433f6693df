//! Who may try to log in now: what the flows ask before anyone has paid for a hash.
//!
//! Asked at the pod that the caller speaks to, before routing, key by key: the rates of the address and of
//! the networks around it, the user's failures in a row, then the user's rate and the pair's. What was charged is given back unless the
//! attempt fails, so only failures count; a denial gives back what was charged before it. The rules are
//! `policy::{gcra, backoff, work_budget}`; keys name users and addresses by HMAC, and nothing here logs
//! either.
//!
//! A known pair (`policy::backoff`) is charged on rates of its own, the user's rules among them, and not
//! on the user's: whoever uses those up from elsewhere does not lock the user out.

mod address;
mod budgets;
mod counters;
mod denials;
mod fallback;
mod headers;
mod rates;
mod reservation;
mod settings;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use authcluster_contract::cost::Units;
use authcluster_contract::keys;
use authcluster_contract::node::NodeId;
use authcluster_contract::user::{AddressKeys, UserKey};
use http::HeaderMap;
use tokio::sync::Semaphore;

pub use self::address::AddressError;
use self::budgets::Budgets;
use self::counters::Counters;
use self::denials::Denials;
pub use self::headers::LimitHeaders;
use self::rates::Subject;
pub use self::reservation::Reservation;
pub use self::settings::LimitSettings;
use crate::auth::Caller;
use crate::clock;
use crate::live::LiveSettings;
use crate::registry::SharedTable;
use crate::store::{LimitStore, StoreError};
use crate::telemetry::{LimitScope, Metrics, Tasks};

/// Refunds under way at once. One takes a round trip, so this is some ten thousand a second; beyond it
/// they are left out, and what was charged ends with time.
const SETTLING_MAX: usize = 256;

/// The limits of this pod, shared with all others through the store.
pub struct Limiter {
    live: LiveSettings,
    counters: Counters,
    denials: Mutex<Denials>,
    budgets: Budgets,
    metrics: Arc<Metrics>,
    tasks: Tasks,
    settling: Arc<Semaphore>,
}

/// What the limiter needs of this pod.
pub struct Parts {
    /// The limits in force.
    pub live: LiveSettings,
    /// Where pods count together.
    pub store: Arc<dyn LimitStore>,
    /// This pod.
    pub node: NodeId,
    /// The live pods; `None` = this one is alone.
    pub table: Option<SharedTable>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where refunds run.
    pub tasks: Tasks,
}

/// Not now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; try again in {} s", self.scope.reason(), crate::error::whole_seconds(self.retry_after))]
pub struct Throttled {
    /// What is used up.
    pub scope: LimitScope,
    /// Time until it is worth asking again.
    pub retry_after: Duration,
    /// What the answer says of the rates.
    pub headers: LimitHeaders,
}

impl Limiter {
    /// Takes what it needs.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { live, store, node, table, metrics, tasks } = parts;
        Self {
            live,
            counters: Counters::new(store, table.clone(), Arc::clone(&metrics)),
            denials: Mutex::default(),
            budgets: Budgets::new(node, table),
            metrics,
            tasks,
            settling: Arc::new(Semaphore::new(SETTLING_MAX)),
        }
    }

    /// The user's address: as the caller says, or as trusted proxies do.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn address(
        &self,
        said: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Option<IpAddr>, AddressError> {
        address::of_user(said, headers, self.live.current().limits.trusted_hops)
    }

    /// Books work that a caller asks for.
    ///
    /// # Errors
    /// [`Throttled`] when the caller has asked for more than it may.
    pub fn spend(&self, caller: &Caller, units: Units) -> Result<(), Throttled> {
        let Some(units_per_second) = caller.units_per_second else { return Ok(()) };
        let spent = self.budgets.spend(&caller.name, units, units_per_second);
        self.metrics.limited(LimitScope::Work, spent.is_ok());
        spent.map_err(|retry_after| Throttled {
            scope: LimitScope::Work,
            retry_after,
            headers: LimitHeaders::default(),
        })
    }

    /// Lets an attempt to log in through, and counts it as a failure until it is settled.
    ///
    /// # Errors
    /// [`Throttled`].
    pub async fn enter(
        self: &Arc<Self>,
        user: &UserKey,
        address: Option<AddressKeys>,
    ) -> Result<Reservation, Throttled> {
        let settings = Arc::clone(&self.live.current().limits);
        if address.is_none() && settings.rates.count_addresses() {
            self.metrics.login_without_address();
        }
        self.denied_lately(&settings, user, address.as_ref())?;
        // Whatever is charged from here on is given back when this ends early, in whichever way.
        let own = address.as_ref().map(|address| address.own.clone());
        let mut reservation = Reservation::new(Arc::clone(self), settings, user.clone(), own);
        if let Some(address) = &address {
            reservation.of_address(address).await?;
        }
        let is_known = reservation.of_failures().await?;
        reservation.of_rates(is_known).await?;
        Ok(reservation)
    }

    /// Lifts the limits of a user: failures and the user's rates, not those of addresses. Says whether
    /// there was anything to lift. Other pods may deny for a second more.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn reset(&self, user: &UserKey) -> Result<bool, StoreError> {
        let forgotten = self.counters.forget(user).await?;
        self.denials().lift(&user_denial(user));
        Ok(forgotten)
    }

    /// What was denied a moment ago is denied again, without asking the store.
    fn denied_lately(
        &self,
        settings: &LimitSettings,
        user: &UserKey,
        address: Option<&AddressKeys>,
    ) -> Result<(), Throttled> {
        if !self.counters.is_shared() {
            return Ok(());
        }
        let now = clock::now();
        let of = |subject: Subject| self.denials().of(&subject.key(), now);
        let of_user = || self.denials().of(&user_denial(user), now);
        let denied = match address {
            None => of_user(),
            Some(address) => settings
                .rates
                .of_address(address)
                .find_map(|(subject, _)| of(subject))
                .or_else(|| {
                    let exempt = self.counters.knows(user, &address.own, &settings.rules);
                    if exempt { None } else { of_user() }
                })
                .or_else(|| of(Subject::UserAndAddress(user.clone(), address.own.clone()))),
        };
        denied.map_or(Ok(()), |throttled| Err(self.throttled(throttled)))
    }

    fn throttled(&self, throttled: Throttled) -> Throttled {
        self.metrics.limited(throttled.scope, false);
        throttled
    }

    /// Every change of the map is whole, so a panic leaves it usable.
    fn denials(&self) -> MutexGuard<'_, Denials> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names the denial of everyone but known pairs, whether by the user's failures or rates.
fn user_denial(user: &UserKey) -> String {
    keys::login_failures(user)
}

#[cfg(test)]
mod tests;
