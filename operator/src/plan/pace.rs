//! How soon to look again at what does not change.

use std::time::Duration;

/// Longest pause while something is awaited. As long as the one when all is well, so that a resource that
/// waits for ever costs the API server no more than one that serves.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// What is awaited is looked at again after this part of the time for which nothing has changed: what
/// comes about in the end is noticed a tenth later than it might have been.
const PART: u32 = 10;

/// The pause before the next look: what the plan asks for, and longer when nothing has changed for
/// `quiet`. Pods and everything else that is watched ends it early.
#[must_use]
pub fn pace(asked: Duration, quiet: Duration) -> Duration {
    asked.max((quiet / PART).min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    //! Pauses as a table.

    use super::*;

    #[test]
    fn pauses_grow_with_the_time_without_a_change() {
        let check = |asked_ms, quiet_s, expect_ms| {
            let (asked, quiet) = (Duration::from_millis(asked_ms), Duration::from_secs(quiet_s));
            assert_eq!(pace(asked, quiet), Duration::from_millis(expect_ms), "{quiet_s} s");
        };
        check(300, 0, 300);
        check(1_000, 0, 1_000);
        check(1_000, 10, 1_000);
        check(1_000, 30, 3_000);
        check(1_000, 150, 15_000);
        check(1_000, 86_400, 15_000);
        check(15_000, 86_400, 15_000);
        check(30_000, 86_400, 30_000);
    }
}
