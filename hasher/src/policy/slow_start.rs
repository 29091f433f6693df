//! A node that is new gets its share by and by.
//!
//! Its caches, connections and page tables are cold, and its price is the one of an idle machine. So
//! other pods let it refuse sooner: at first it takes a forwarded request only when a lane is free, and
//! within [`RAMP`] the wait that it may impose grows to the usual one. Weights stay what they are, so no
//! user moves twice.

use std::time::{Duration, Instant};

/// Time until a node that is new is treated like the others. The live price has seen hundreds of jobs
/// by then; much longer, and a scale-up in a storm helps late.
pub const RAMP: Duration = Duration::from_secs(10);

/// The wait above which a node is to refuse: `full`, or a part of it when the node has been there only
/// since a short while. `None` = it was there before this pod.
#[must_use]
pub fn refuse_after(full: Duration, since: Option<Instant>, now: Instant) -> Duration {
    let Some(since) = since else { return full };
    let age = now.saturating_duration_since(since).min(RAMP);
    full.mul_f64(age.as_secs_f64() / RAMP.as_secs_f64())
}

#[cfg(test)]
mod tests {
    //! Ages and what they mean for 50 ms.

    use super::*;

    #[test]
    fn the_wait_grows_with_the_nodes_age() {
        let start = crate::clock::now();
        let check = |since: Option<Instant>, age_ms: u64, expect_ms: u64| {
            let full = Duration::from_millis(50);
            let now = start + Duration::from_millis(age_ms);
            let wait = refuse_after(full, since, now);
            assert_eq!(wait, Duration::from_millis(expect_ms), "{since:?} {age_ms}");
        };
        check(None, 0, 50);
        check(Some(start), 0, 0);
        check(Some(start), 1_000, 5);
        check(Some(start), 5_000, 25);
        check(Some(start), 10_000, 50);
        check(Some(start), 1_000_000, 50);
        // Clocks of one pod do not go back, but a table may be newer than a request.
        check(Some(start + Duration::from_secs(1)), 0, 0);
    }
}
