//! Traces of answers and failures: `a3@0` is an answer in part 3 of the slots at 0 ms, `f3@0` a
//! failure.

use expect_test::{Expect, expect};

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value")]
#[expect(clippy::disallowed_methods, reason = "some moment to count from")]
fn check(trace: &str, expect: Expect) {
    let (mut watch, start) = (Watch::default(), Instant::now());
    let mut seen = Vec::new();
    for event in trace.split(' ') {
        let (what, at) = event.split_once('@').unwrap();
        let now = start + Duration::from_millis(at.parse().unwrap());
        let (what, part) = what.split_at(1);
        let slot = Slot::new(part.parse::<u16>().unwrap() * SLOTS_PER_PART).unwrap();
        let turn = match what {
            "a" => watch.answered(slot),
            "f" => watch.failed(slot, "timed out".to_owned(), now),
            other => panic!("{other}"),
        };
        for (is, word) in [(turn.found, "found"), (turn.lost, "lost"), (turn.rebuild, "rebuild")] {
            if is {
                seen.push(format!("{word}@{at}"));
            }
        }
    }
    seen.push(match watch.standing() {
        Standing::Reachable => "reachable".to_owned(),
        Standing::Lost(reason) => format!("lost: {reason}"),
        Standing::NeverReached(reason) => format!("never: {reason}"),
    });
    expect.assert_eq(&seen.join(" "));
}

#[test]
fn a_store_is_found_and_lost_and_found() {
    check("f0@0 f0@100", expect!["never: timed out"]);
    check("a0@0 a1@10", expect!["found@0 reachable"]);
    check("a0@0 f0@10 f0@900", expect!["found@0 reachable"]);
    check("a0@0 f0@10 f1@1010", expect!["found@0 lost@1010 lost: timed out"]);
    check("a0@0 f0@10 f1@1010 f1@1020 a2@1030", expect!["found@0 lost@1010 found@1030 reachable"]);
}

#[test]
fn one_shard_that_hangs_is_not_a_lost_store_but_a_bad_connection() {
    check(
        "a0@0 f5@10 a0@500 f5@600 a0@900 f5@1010 a0@1020 f5@1100 a0@1500 f5@2100",
        expect!["found@0 rebuild@1010 rebuild@2100 reachable"],
    );
    check("a0@0 f5@10 a5@500 f5@1010 a5@1500", expect!["found@0 reachable"]);
}

#[test]
fn waits_double_up_to_a_bound() {
    let mut backoff = Backoff::default();
    let waits: Vec<_> = (0..8).map(|_| backoff.next(127).as_millis()).collect();
    assert!(waits[0] > 90 && waits[0] < 110, "{waits:?}");
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
    assert_eq!(backoff.next(255), WAIT_MAX * 5 / 4);
    assert_eq!(backoff.next(0), WAIT_MAX * 3 / 4);
}
