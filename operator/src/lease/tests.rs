//! Who leads, as a table; what a fence allows, on a clock that the test moves. Two operators against a
//! real API server are in the workspace's `tests/tests/apiserver`.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::time::{Instant, advance};

use super::{Fence, LeaseTimes, Record, Step, next_step};

fn held_by(holder: &str) -> Option<Record> {
    Some(Record {
        holder: (!holder.is_empty()).then(|| holder.to_owned()),
        renewed_at: Some(Timestamp::UNIX_EPOCH),
        duration: Duration::from_secs(15),
    })
}

#[test]
fn a_lease_is_taken_only_when_it_is_free_or_has_run_out() {
    let check = |seen: Option<Record>, unchanged_ms: u64, expect: Step| {
        let step = next_step("me", seen.as_ref(), Duration::from_millis(unchanged_ms));
        assert_eq!(step, expect, "{seen:?} unchanged for {unchanged_ms} ms");
    };
    check(None, 0, Step::Create);
    check(held_by(""), 0, Step::Take);
    check(held_by("me"), 0, Step::Renew);
    check(held_by("me"), 60_000, Step::Renew);
    check(held_by("other"), 0, Step::Wait);
    check(held_by("other"), 14_999, Step::Wait);
    check(held_by("other"), 15_000, Step::Take);
    // A name that only begins alike is another's.
    check(held_by("me-2"), 0, Step::Wait);
}

#[test]
fn a_lease_without_a_duration_is_free() {
    let record =
        Record { holder: Some("x".to_owned()), renewed_at: None, duration: Duration::ZERO };
    assert_eq!(next_step("me", Some(&record), Duration::ZERO), Step::Take);
}

#[test]
fn times_are_safe_when_a_last_call_ends_within_the_lease() {
    let check = |renew_deadline_ms, call_timeout_ms, expect: bool| {
        let times = LeaseTimes {
            renew_deadline: Duration::from_millis(renew_deadline_ms),
            call_timeout: Duration::from_millis(call_timeout_ms),
            ..LeaseTimes::DEFAULT
        };
        assert_eq!(times.are_safe(), expect, "{times:?}");
    };
    check(10_000, 4_000, true);
    check(10_000, 5_000, false);
    check(5_000, 1_000, false);
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "the paused clock of this test")]
async fn a_command_starts_only_when_it_would_end_within_the_lease() {
    let fence = Fence::until(Instant::now() + Duration::from_secs(15));
    let check = |timeout_s, expect: bool| {
        let allowed = fence.allows(Instant::now(), Duration::from_secs(timeout_s));
        assert_eq!(allowed, expect, "{timeout_s} s");
    };
    check(14, true);
    check(15, false);
    advance(Duration::from_secs(10)).await;
    check(4, true);
    check(5, false);
    advance(Duration::from_secs(60)).await;
    check(0, false);
    assert_eq!(fence.remaining(Instant::now()), Duration::ZERO);
}
