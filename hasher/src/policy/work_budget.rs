//! How much work a caller may ask for: a rate in units of work, kept by each pod for its own share.
//!
//! Like a bank account with an overdraft: a job is let in while the caller owes less than a second's
//! worth, and then owes its units, however many. So a large job is not refused for ever by a small
//! budget, and over time no more is let in than the budget. What is refused is not owed.
//!
//! Shared by weight and not through the store: work is spread over the pods by weight anyway, and a call
//! for each request would cost more than the bound is worth.

use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;

/// A caller may be ahead of its budget by so much.
const AHEAD: Duration = Duration::from_secs(1);

/// What a caller owes, as the moment when it is through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    through: Option<Instant>,
}

/// A part of the whole: this pod's weight, and that of all pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// This pod's.
    pub own: u64,
    /// All pods', this one among them.
    pub all: u64,
}

impl Share {
    /// Of a pod that is alone.
    pub const WHOLE: Self = Self { own: 1, all: 1 };
}

impl Account {
    /// Lets a job in and books it, or says when to come back.
    ///
    /// # Errors
    /// The time until the caller owes little enough.
    pub fn spend(
        &mut self,
        units: Units,
        units_per_second: u64,
        share: Share,
        now: Instant,
    ) -> Result<(), Duration> {
        let owed =
            self.through.map_or(Duration::ZERO, |through| through.saturating_duration_since(now));
        if let Some(wait) = owed.checked_sub(AHEAD).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        // A pod without a weight still answers for what it is sent.
        let (own, all) = (share.own.max(1), share.all.max(1));
        let rate = u128::from(units_per_second.max(1)) * u128::from(own.min(all));
        let whole_us = u128::from(units.0) * 1_000_000;
        let cost_us = whole_us.saturating_mul(u128::from(all)) / rate;
        // A year ahead is far enough for every bound, and fits every clock.
        let cost = Duration::from_micros(u64::try_from(cost_us).unwrap_or(u64::MAX).min(YEAR_US));
        self.through = Some(now + owed + cost);
        Ok(())
    }
}

const YEAR_US: u64 = 365 * 86_400 * 1_000_000;

#[cfg(test)]
mod tests;
