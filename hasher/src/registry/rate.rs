//! The rate of offered work: what callers asked of this pod, refused or not, in units per second.
//!
//! The difference over one interval of records, not a smoothed one: the autoscaler has a window of
//! its own, and two would only answer later.

use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use authcluster_contract::limits::RECORD_INTERVAL_MS;

/// A shorter window says more of chance than of callers: a record that is written again soon, after
/// a failure, repeats the last rate.
const WINDOW_MIN: Duration = Duration::from_millis(RECORD_INTERVAL_MS * 9 / 10);

/// The rate since the last window.
#[derive(Debug)]
pub(super) struct OfferedRate {
    total: Units,
    since: Instant,
    rate: u64,
}

impl OfferedRate {
    pub(super) fn new(total: Units, now: Instant) -> Self {
        Self { total, since: now, rate: 0 }
    }

    /// The rate in units per second, with all that was offered until `now`.
    pub(super) fn update(&mut self, total: Units, now: Instant) -> u64 {
        let window = now.saturating_duration_since(self.since);
        if WINDOW_MIN <= window {
            let work = u128::from(total.saturating_sub(self.total).0);
            let rate = work * 1_000 / window.as_millis().max(1);
            *self = Self { total, since: now, rate: u64::try_from(rate).unwrap_or(u64::MAX) };
        }
        self.rate
    }
}

#[cfg(test)]
mod tests {
    //! One pod's work over time.

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some moment to count from")]
    fn work_over_time() {
        let start = Instant::now();
        let mut rate = OfferedRate::new(Units(100), start);
        let mut check = |ms: u64, total: u64, expect: u64| {
            let seen = rate.update(Units(total), start + Duration::from_millis(ms));
            assert_eq!(seen, expect, "{total} at {ms}");
        };
        check(0, 100, 0);
        check(1_000, 9_000, 0);
        check(5_000, 50_100, 10_000);
        check(5_500, 50_200, 10_000);
        check(10_000, 50_100, 0);
        check(20_000, u64::MAX, 1_844_674_407_370_950_151);
    }
}
