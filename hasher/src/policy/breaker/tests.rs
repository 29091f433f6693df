//! A trace is a list of events at their times: `10 call a` lets call `a` through or not, `20 a ok`
//! ends it. What each came to is written behind it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const MIDDLE: u32 = 1 << 31;

/// Runs a trace of `ms call NAME` and `ms NAME ok|x|-`, and says what happened, event by event. Calls
/// have a second.
fn run(settings: config::Breaker, trace: &str, random: u32) -> String {
    let start = crate::clock::now();
    let mut breaker = Breaker::new(settings, start);
    let mut calls = BTreeMap::new();
    let mut said = Vec::new();
    for event in trace.split(", ") {
        let words: Vec<&str> = event.split(' ').collect();
        let now = start + Duration::from_millis(words[0].parse().expect("milliseconds"));
        let came = if words[1] == "call" {
            match breaker.admit(now, now + Duration::from_secs(1)) {
                None => "no".to_owned(),
                Some(ticket) => {
                    calls.insert(words[2], ticket);
                    "yes".to_owned()
                }
            }
        } else {
            let verdict = match words[2] {
                "ok" => Verdict::Well,
                "x" => Verdict::Failed,
                "-" => Verdict::Nothing,
                other => panic!("{other}"),
            };
            let ticket = calls.remove(words[1]).expect("a call that was let through");
            match breaker.ended(ticket, verdict, now, random) {
                None => "".to_owned(),
                Some(Change::Closed) => "closed".to_owned(),
                Some(Change::Opened { retry_after }) => format!("open {}", retry_after.as_millis()),
            }
        };
        said.push(came);
    }
    said.retain(|word| !word.is_empty());
    said.join(" ")
}

fn check(trace: &str, expect: &str) {
    let settings = config::Breaker { failures: 3, recovery_seconds: 4 };
    assert_eq!(run(settings, trace, MIDDLE), expect, "{trace}");
}

/// Three failures one after another, from this time on, a millisecond each.
fn fail(from_ms: u64) -> String {
    let one = |index: u64| {
        let at = from_ms + index;
        format!("{at} call f{index}, {at} f{index} x")
    };
    [one(0), one(1), one(2)].join(", ")
}

#[test]
fn failures_in_a_row_open_it() {
    check(&format!("{}, 3 call a", fail(0)), "yes yes yes open 1000 no");
    check(
        "0 call a, 0 a x, 1 call b, 1 b ok, 2 call c, 2 c x, 3 call d, 3 d x, 4 call e",
        "yes yes yes yes yes",
    );
}

#[test]
fn refusals_never_count() {
    // Neither for the node nor against it.
    check("0 call a, 0 a -, 1 call b, 1 b -, 2 call c, 2 c -, 3 call d", "yes yes yes yes");
    check(
        "0 call a, 0 a x, 1 call b, 1 b x, 2 call c, 2 c -, 3 call d, 3 d x, 4 call e",
        "yes yes yes yes open 1000 no",
    );
}

#[test]
fn calls_under_way_count_as_failures_to_come_gobreaker_91() {
    // Any number is under way while nothing has failed; after the first failure two more fit.
    check(
        "0 call a, 0 call b, 0 call c, 0 call d, 1 a x, 1 call e, 2 b ok, 2 call f",
        "yes yes yes yes no yes",
    );
    check("0 call a, 1 a x, 2 call b, 2 call c, 2 call d, 3 b -, 3 call e", "yes yes yes no yes");
}

#[test]
fn one_probe_at_a_time_polly_216() {
    let probes = "1001 call a, 1003 call b, 1004 call c, 1005 call d";
    check(&format!("{}, {probes}", fail(0)), "yes yes yes open 1000 no yes no no");
    check(
        &format!("{}, 1003 call a, 1004 call b, 1005 a ok, 1006 call c, 1006 call d", fail(0)),
        "yes yes yes open 1000 yes no closed yes yes",
    );
}

#[test]
fn a_probe_that_is_given_back_or_forgotten_frees_its_place_resilience4j_935() {
    check(
        &format!("{}, 1003 call a, 1004 a -, 1004 call b", fail(0)),
        "yes yes yes open 1000 yes yes",
    );
    // Forgotten: its lease ends with its deadline, and its verdict comes too late to count.
    check(
        &format!("{}, 1003 call a, 2002 call b, 2003 call c, 2004 a x, 2005 c ok", fail(0)),
        "yes yes yes open 1000 yes no yes closed",
    );
}

#[test]
fn recovery_doubles_up_to_its_limit_and_starts_over_once_it_was_well() {
    check(
        &format!(
            "{}, 1003 call a, 1003 a x, 3003 call b, 3003 b x, 7003 call c, 7003 c x, 11003 call d",
            fail(0)
        ),
        "yes yes yes open 1000 yes open 2000 yes open 4000 yes open 4000 yes",
    );
    let back = format!("{}, 1003 call a, 1003 a x, 3003 call b, 3003 b ok", fail(0));
    let said = "yes yes yes open 1000 yes open 2000 yes closed";
    check(&format!("{back}, {}", fail(4000)), &format!("{said} yes yes yes open 4000"));
    check(&format!("{back}, {}", fail(5004)), &format!("{said} yes yes yes open 1000"));
}

#[test]
fn a_verdict_on_an_earlier_stage_means_nothing() {
    // `a` started before it opened.
    check(
        "0 call a, 0 call b, 0 call c, 0 call d, 1 b x, 1 c x, 1 d x, 2 a ok, 3 call e, \
         1002 call e, 1003 e ok",
        "yes yes yes yes open 1000 no yes closed",
    );
}

#[test]
fn pods_try_at_different_times_failsafe_go_142() {
    let opened = |random| {
        let settings = config::Breaker { failures: 1, recovery_seconds: 60 };
        run(settings, "0 call a, 0 a x", random)
    };
    assert_eq!(opened(0), "yes open 750");
    assert_eq!(opened(MIDDLE), "yes open 1000");
    assert_eq!(opened(u32::MAX), "yes open 1249");
}

#[test]
fn states_are_told_with_their_beginnings() {
    let start = crate::clock::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut breaker = Breaker::new(config::Breaker { failures: 1, recovery_seconds: 60 }, start);
    assert_eq!(breaker.state(at(5)), (State::Closed, at(0)));
    let call = breaker.admit(at(5), at(9)).expect("closed");
    breaker.ended(call, Verdict::Failed, at(6), MIDDLE);
    assert_eq!(breaker.state(at(7)), (State::Open, at(6)));
    assert_eq!(breaker.state(at(1_006)), (State::HalfOpen, at(1_006)));
    assert_eq!(breaker.state(at(2_000)), (State::HalfOpen, at(1_006)));
}

#[test]
fn more_than_half_of_the_capacity() {
    let check = |nodes: &[(u64, bool)], expect: bool| {
        assert_eq!(mostly_open(nodes.iter().copied()), expect, "{nodes:?}");
    };
    check(&[], false);
    check(&[(100, true), (100, false)], false);
    check(&[(100, true), (101, false)], true);
    check(&[(100, true), (50, false), (60, false)], true);
    check(&[(u64::MAX, false), (u64::MAX, true)], false);
}

proptest! {
    /// Whatever happens to calls, the number of those let through to a node that never answers well is
    /// bounded: before it opens by `failures` more than were under way at the first failure, and
    /// afterwards by one for each time it was open.
    #[test]
    fn a_dead_node_collects_no_callers(
        failures in 1_u32..8,
        steps in proptest::collection::vec((0_u64..400, any::<bool>(), any::<u32>()), 1..200),
    ) {
        let start = crate::clock::now();
        let settings = config::Breaker { failures, recovery_seconds: 60 };
        let mut breaker = Breaker::new(settings, start);
        let (mut now, mut under_way) = (start, Vec::new());
        let (mut passed, mut opened) = (0_u32, 0_u32);
        for (ms, call, random) in steps {
            now += Duration::from_millis(ms);
            if call && under_way.len() < 2 {
                if let Some(ticket) = breaker.admit(now, now + Duration::from_secs(1)) {
                    under_way.push(ticket);
                    passed += 1;
                }
            } else if let Some(ticket) = under_way.pop() {
                let changed = breaker.ended(ticket, Verdict::Failed, now, random);
                opened += u32::from(changed.is_some());
            }
            // Two were under way at the first failure; a lease that ran out lets one more through.
            prop_assert!(passed <= failures + 2 + 2 * opened, "{passed} {opened}");
        }
    }
}
