//! Traces of answers and failures: `a@0` is an answer at 0 ms, `p@0` one while other shards are not connected
//! to, `f@0` a failure.

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
        let turn = match what {
            "a" => watch.answered(now, || true),
            "p" => watch.answered(now, || false),
            "f" => watch.failed("timed out".to_owned(), now),
            other => panic!("{other}"),
        };
        for (is, word) in [(turn.found, "found"), (turn.lost, "lost")] {
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
    check("f@0 f@100", expect!["never: timed out"]);
    check("a@0 a@10", expect!["found@0 reachable"]);
    check("a@0 f@10 f@900", expect!["found@0 reachable"]);
    check("a@0 f@10 f@1010", expect!["found@0 lost@1010 lost: timed out"]);
    check("a@0 f@10 f@1010 f@1020 a@1030", expect!["found@0 lost@1010 found@1030 reachable"]);
}

#[test]
fn at_the_start_all_shards_count_for_a_while() {
    check("p@0 p@100", expect!["never: not all of its shards answer yet"]);
    check("p@0 a@100 p@200", expect!["found@100 reachable"]);
    check("p@0 f@100 p@4999", expect!["never: timed out"]);
    check("p@0 p@5000", expect!["found@5000 reachable"]);
    // Later one shard is enough.
    check("a@0 f@10 f@1010 p@1020", expect!["found@0 lost@1010 found@1020 reachable"]);
}
