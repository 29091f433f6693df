//! Backlogs, and what they mean for one more job of 10 ms that may take 100 ms.

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// `lanes`: ms until each is free, `-` for idle; `queued`: ms of each waiting job.
fn decide(lanes: &str, queued: &[u64], change: impl FnOnce(&mut Ask, Instant)) -> String {
    // The one place where a test of this module needs a real moment to count from.
    let now = crate::clock::now();
    let lanes = lanes.split_whitespace().map(|lane| lane.parse().ok().map(|left| now + ms(left)));
    let mut ask =
        Ask { service: ms(10), service_at_best: ms(10), deadline: now + ms(100), wait_max: None };
    change(&mut ask, now);
    match admit(now, lanes, queued.iter().map(|queued| ms(*queued)), ask) {
        Decision::Admit => "admit".to_owned(),
        Decision::Refuse { wait } => format!("wait {}", wait.as_millis()),
    }
}

#[test]
fn a_job_is_admitted_when_it_finishes_before_its_deadline() {
    let check = |lanes: &str, queued: &[u64], expect: &str| {
        assert_eq!(decide(lanes, queued, |_, _| {}), expect, "{lanes} {queued:?}");
    };
    check("-", &[], "admit");
    // A quarter more than is predicted still fits.
    check("72", &[], "admit");
    check("73", &[], "wait 73");
    check("0", &[72], "admit");
    check("0", &[73], "wait 73");
    // Two lanes share the queue: 50 goes to the idle one, 30 behind it or beside it.
    check("- 40", &[50, 30], "admit");
    check("40 40", &[60, 60], "wait 100");
    check("40 10", &[60, 60], "admit");
    check("200 200 -", &[], "admit");
    check("", &[], &format!("wait {}", (Duration::MAX / 2).as_millis()));
}

#[test]
fn a_peer_that_wants_no_queue_is_told_how_long_it_is() {
    let check = |lanes: &str, wait_max: u64, expect: &str| {
        let decided = decide(lanes, &[], |ask, _| ask.wait_max = Some(ms(wait_max)));
        assert_eq!(decided, expect, "{lanes} {wait_max}");
    };
    check("50", 50, "admit");
    check("51", 50, "wait 51");
    check("-", 0, "admit");
}

#[test]
fn a_price_that_has_gone_too_high_does_not_close_an_idle_pod() {
    let dear = |ask: &mut Ask, _: Instant| ask.service = ms(500);
    assert_eq!(decide("-", &[], dear), "admit");
    assert_eq!(decide("1", &[], dear), "wait 491");
}

#[test]
fn what_a_slow_pod_takes_longer_counts_as_a_wait() {
    let check = |lanes: &str, service_ms: u64, expect: &str| {
        let decided = decide(lanes, &[], |ask, _| {
            ask.service = ms(service_ms);
            ask.wait_max = Some(ms(50));
        });
        assert_eq!(decided, expect, "{lanes} {service_ms}");
    };
    check("-", 10, "admit");
    check("-", 60, "admit");
    check("-", 61, "wait 51");
    check("20", 40, "admit");
    check("21", 40, "wait 51");
    // Quicker than at start is no credit.
    check("51", 5, "wait 51");
}

#[test]
fn a_price_is_believed_while_work_confirms_it() {
    let start = crate::clock::now();
    let check = |is_busy: bool, done_ms: Option<u64>, expect: bool| {
        let (now, done) = (start + ms(2_000), done_ms.map(|at| start + ms(at)));
        assert_eq!(is_confirmed(now, is_busy, done), expect, "{is_busy} {done_ms:?}");
    };
    check(true, None, true);
    check(false, None, false);
    check(false, Some(1_001), true);
    check(false, Some(1_000), false);
}

#[test]
fn what_can_never_be_in_time_is_refused_even_when_idle() {
    let decided = decide("-", &[], |ask, now| ask.deadline = now + ms(9));
    assert_eq!(decided, "wait 0");
}
