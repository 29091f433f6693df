//! One attempt that was let in: a failure until it is settled, and settled exactly once.
//!
//! An attempt that is dropped unsettled, because the caller disconnected or no pod could compute, is
//! refunded in the background only if no hashing worker had begun its hash ([`HashStarted`]). Otherwise
//! it stays charged as a failure: a client that hangs up must not get hashes that no limit counts. A
//! refund that is lost ends with the time to live of what it would have changed.

use std::sync::Arc;
use std::time::Duration;

use authcluster_contract::user::{AddressKey, AddressKeys, UserKey};
use futures::future::join_all;
use tokio::sync::oneshot;

use super::counters::{Asked, Place};
use super::rates::{Named, Subject};
use super::{LimitHeaders, LimitSettings, Limiter, Throttled, user_denial};
use crate::clock;
use crate::policy::backoff::{Begun, Settled};
use crate::policy::gcra::{Rate, Reserved, Standing};
use crate::telemetry::LimitScope;
use crate::work::HashStarted;

/// What was charged for one attempt.
pub struct Reservation {
    limiter: Arc<Limiter>,
    settings: Arc<LimitSettings>,
    charged: Charged,
    /// Whether a hashing worker may have begun the attempt's hash.
    started: HashStarted,
    /// The rates that were asked, by name.
    standings: Vec<(Arc<str>, Standing)>,
}

#[derive(Clone)]
struct Charged {
    user: UserKey,
    address: Option<AddressKey>,
    grants: Vec<Grant>,
    counted: Option<Counted>,
}

/// One subject's rates.
#[derive(Clone)]
struct Grant {
    place: Place,
    subject: Subject,
    rates: Vec<Rate>,
    charge: Reserved,
}

/// What denied an attempt.
struct Denial {
    scope: LimitScope,
    retry_after: Duration,
    /// Under which it is remembered.
    key: Option<String>,
}

/// A failure in a row.
#[derive(Clone)]
struct Counted {
    place: Place,
    begun: Begun,
}

impl Reservation {
    pub(super) fn new(
        limiter: Arc<Limiter>,
        settings: Arc<LimitSettings>,
        user: UserKey,
        address: Option<AddressKey>,
    ) -> Self {
        let charged = Charged { user, address, grants: Vec::new(), counted: None };
        let (started, standings) = (HashStarted::default(), Vec::new());
        Self { limiter, settings, charged, started, standings }
    }

    /// Charges the address and the networks around it, all at once: they lie in different shards. What
    /// was charged beside a denial is given back with the rest of the attempt.
    pub(super) async fn of_address(&mut self, address: &AddressKeys) -> Result<(), Throttled> {
        let settings = Arc::clone(&self.settings);
        if !settings.rates.count_addresses() {
            return Ok(());
        }
        let limiter = Arc::clone(&self.limiter);
        let all = join_all(settings.rates.of_address(address).map(async |(subject, named)| {
            let asked = limiter.counters.reserve(&subject, &named.rates).await;
            (subject, named, asked)
        }));
        let mut denials = Vec::new();
        for (index, (subject, named, asked)) in all.await.into_iter().enumerate() {
            // Headers speak of the address itself, and of a wider network only when that denies.
            let is_said = index == 0 || !asked.reserved.admitted;
            denials.extend(self.take(subject, named, asked, is_said));
        }
        match denials.into_iter().max_by_key(|denial| denial.retry_after) {
            None => {
                limiter.metrics.limited(LimitScope::Address, true);
                Ok(())
            }
            Some(denial) => Err(self.denied(denial)),
        }
    }

    /// Says whether the address is one that the user has logged in from.
    pub(super) async fn of_failures(&mut self) -> Result<bool, Throttled> {
        let Charged { user, address, .. } = &self.charged;
        let limiter = &self.limiter;
        let (place, begun) =
            limiter.counters.begin(user, address.as_ref(), &self.settings.rules).await;
        let is_known = begun.is_known;
        let Some(wait) = begun.wait else {
            limiter.metrics.limited(LimitScope::Failures, true);
            self.charged.counted = Some(Counted { place, begun });
            return Ok(is_known);
        };
        // A known pair's denial is not that of everyone else.
        let key = if is_known { None } else { Some(user_denial(user)) };
        Err(self.denied(Denial { scope: LimitScope::Failures, retry_after: wait, key }))
    }

    pub(super) async fn of_rates(&mut self, is_known: bool) -> Result<(), Throttled> {
        let settings = Arc::clone(&self.settings);
        let user = self.charged.user.clone();
        match self.charged.address.clone() {
            Some(address) if is_known => {
                self.charge(Subject::UserAndAddress(user, address), &settings.rates.known).await
            }
            None => self.charge(Subject::User(user), &settings.rates.user).await,
            Some(address) => {
                self.charge(Subject::User(user.clone()), &settings.rates.user).await?;
                self.charge(Subject::UserAndAddress(user, address), &settings.rates.pair).await
            }
        }
    }

    async fn charge(&mut self, subject: Subject, named: &Named) -> Result<(), Throttled> {
        if named.rates.is_empty() {
            return Ok(());
        }
        let asked = self.limiter.counters.reserve(&subject, &named.rates).await;
        let scope = subject.scope();
        if let Some(denial) = self.take(subject, named, asked, true) {
            return Err(self.denied(denial));
        }
        self.limiter.metrics.limited(scope, true);
        Ok(())
    }

    /// Takes note of what was charged, or gives back what denied it. `is_said`: headers may speak of it.
    fn take(
        &mut self,
        subject: Subject,
        named: &Named,
        asked: Asked,
        is_said: bool,
    ) -> Option<Denial> {
        let Asked { place, rates, reserved } = asked;
        if is_said {
            self.standings.extend(named.names.iter().cloned().zip(reserved.standings(&rates)));
        }
        if reserved.admitted {
            self.charged.grants.push(Grant { place, subject, rates, charge: reserved });
            return None;
        }
        let key = match &subject {
            Subject::User(user) => user_denial(user),
            Subject::Address(_) | Subject::UserAndAddress(..) => subject.key(),
        };
        let retry_after = reserved.retry_after(&rates);
        Some(Denial { scope: subject.scope(), retry_after, key: Some(key) })
    }

    /// Counts the denial, and remembers it under its key for a moment.
    fn denied(&self, denial: Denial) -> Throttled {
        let Denial { scope, retry_after, key } = denial;
        let throttled = Throttled { scope, retry_after, headers: self.headers() };
        if let Some(key) = key {
            self.limiter.denials().add(key, &throttled, clock::now());
        }
        self.limiter.throttled(throttled)
    }

    /// What an answer says of the rates while this is charged.
    fn headers(&self) -> LimitHeaders {
        self.said(|standing| standing)
    }

    /// Whether the user has logged in from this address lately.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.charged.counted.as_ref().is_some_and(|counted| counted.begun.is_known)
    }

    /// The flag that is to travel with the attempt's job.
    #[must_use]
    pub fn started(&self) -> HashStarted {
        self.started.clone()
    }

    /// What an answer says if the attempt ends here, unsettled.
    #[must_use]
    pub fn headers_if_dropped(&self) -> LimitHeaders {
        if self.started.may_have_begun() { self.headers() } else { self.headers_when_refunded() }
    }

    /// What an answer says once everything is given back.
    #[must_use]
    pub fn headers_when_refunded(&self) -> LimitHeaders {
        self.said(Standing::refunded)
    }

    fn said(&self, after: impl Fn(Standing) -> Standing) -> LimitHeaders {
        let standings = self.standings.iter().map(|(name, standing)| (&**name, after(*standing)));
        let tightest =
            standings.min_by_key(|(_, it)| (it.remaining, std::cmp::Reverse(it.empty_in)));
        self.settings.rates.headers(tightest)
    }

    /// The password was wrong, or there is no such user: everything stays charged.
    #[must_use]
    pub fn failed(mut self) -> LimitHeaders {
        self.charged.grants.clear();
        self.charged.counted = None;
        self.headers()
    }

    /// The password was right. What was charged is given back, also when the future is dropped; it ends
    /// when that is done, so that the next login finds it done.
    pub async fn succeeded(mut self) {
        if let Some(done) = self.settle(true) {
            // An error says that the other end is gone, which is what this waits for.
            drop(done.await);
        }
    }

    /// Gives back in a task of its own what has not been given back yet.
    fn settle(&mut self, success: bool) -> Option<oneshot::Receiver<()>> {
        let charged = Charged {
            grants: std::mem::take(&mut self.charged.grants),
            counted: self.charged.counted.take(),
            ..self.charged.clone()
        };
        if charged.grants.is_empty() && charged.counted.is_none() {
            return None;
        }
        // A runtime that has ended takes no tasks.
        let running = tokio::runtime::Handle::try_current().is_ok();
        let permit = Arc::clone(&self.limiter.settling).try_acquire_owned();
        let (true, Ok(permit)) = (running, permit) else {
            self.limiter.metrics.refund_left_out();
            return None;
        };
        let (done, receiver) = oneshot::channel();
        let (limiter, settings) = (Arc::clone(&self.limiter), Arc::clone(&self.settings));
        self.limiter.tasks.spawn("refund", async move {
            charged.give_back(&limiter, &settings, success).await;
            drop((permit, done));
        });
        Some(receiver)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.started.may_have_begun() {
            self.settle(false);
        }
    }
}

impl Charged {
    async fn give_back(self, limiter: &Limiter, settings: &LimitSettings, success: bool) {
        let refunds = join_all(self.grants.iter().map(|grant| {
            let Grant { place, subject, rates, charge } = grant;
            limiter.counters.refund(*place, subject, rates, charge)
        }));
        let settled = async {
            let Some(Counted { place, begun }) = &self.counted else { return };
            let Begun { is_known, failures, since_ms, .. } = *begun;
            let settled = if success {
                Settled::Success
            } else {
                Settled::TakenBack { is_known, failures, since_ms }
            };
            let address = self.address.as_ref();
            let rules = &settings.rules;
            limiter.counters.settle(*place, (&self.user, address), rules, settled).await;
        };
        futures::join!(refunds, settled);
    }
}
