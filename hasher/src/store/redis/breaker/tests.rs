//! Traces in milliseconds: `+@0` a connection is made, `-@0` a try to make one fails, `x1@0`
//! connection 1 is lost, `a@0` an answer, `t1:5@160` a call sent over connection 1 at 5 runs out of
//! time at 160, `?@0` a caller comes, `h@0` it is asked whether there may have been a hand-over. Shown is what happens to each.

use expect_test::{Expect, expect};

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value")]
#[expect(clippy::disallowed_methods, reason = "some moment to count from")]
fn check(trace: &str, expect: Expect) {
    let start = Instant::now();
    let moment = |text: &str| start + Duration::from_millis(text.parse().unwrap());
    let mut breaker = Breaker::new(start);
    let mut seen = Vec::new();
    for event in trace.split(' ') {
        let (what, at) = event.split_once('@').unwrap();
        let now = moment(at);
        let number = |text: &str| LineNumber(text.parse().unwrap());
        match what.split_at(1) {
            ("+", _) => seen.push(format!("{at} is {}", breaker.mended(now).0)),
            ("-", _) => breaker.not_mended(now),
            ("a", _) => breaker.answered(now),
            ("h", _) => seen.push(format!("{at} {}", breaker.broke_lately(now))),
            ("x", line) if breaker.lost(number(line), now) => seen.push(format!("{at} breaks")),
            ("x", _) => {}
            ("t", call) => {
                let (line, sent) = call.split_once(':').unwrap();
                if breaker.silent(number(line), moment(sent), now) {
                    seen.push(format!("{at} breaks"));
                }
            }
            ("?", _) => seen.push(match breaker.admit(now) {
                Admit::Pass(LineNumber(number)) => format!("{at} pass {number}"),
                Admit::Wait(time) => format!("{at} wait {}", time.as_millis()),
                Admit::Refuse => format!("{at} refuse"),
            }),
            other => panic!("{other:?}"),
        }
    }
    expect.assert_eq(&seen.join(", "));
}

#[test]
fn callers_wait_until_the_first_try_has_ended() {
    check("?@0 ?@300 +@310 ?@310", expect!["0 wait 500, 300 wait 200, 310 is 1, 310 pass 1"]);
    check("?@499 ?@500", expect!["499 wait 1, 500 refuse"]);
    check("-@3 ?@3", expect!["3 refuse"]);
}

#[test]
fn a_lost_connection_is_waited_for_once_and_together() {
    check(
        "+@0 x1@100 ?@100 ?@190 ?@200 x1@201 ?@201 +@250 ?@250",
        expect![
            "0 is 1, 100 breaks, 100 wait 100, 190 wait 10, 200 refuse, 201 refuse, 250 is 2, 250 pass 2"
        ],
    );
    check("+@0 x1@100 -@101 ?@101", expect!["0 is 1, 100 breaks, 101 refuse"]);
    // Calls of the old connection say nothing of the new one.
    check("+@0 x1@10 +@12 x1@13 t1:5@160 ?@160", expect!["0 is 1, 10 breaks, 12 is 2, 160 pass 2"]);
}

#[test]
fn a_primary_that_just_broke_may_have_handed_over() {
    check("h@0 h@199 h@200", expect!["0 true, 199 true, 200 false"]);
    check(
        "+@0 h@0 x1@100 -@101 h@299 h@300 +@400 h@400",
        expect!["0 is 1, 0 false, 100 breaks, 299 true, 300 false, 400 is 2, 400 false"],
    );
}

#[test]
fn silence_breaks_it_and_one_slow_answer_does_not() {
    check("+@0 t1:100@250 ?@250 ?@350", expect!["0 is 1, 250 breaks, 250 wait 100, 350 refuse"]);
    check("+@0 a@120 t1:100@250 ?@250", expect!["0 is 1, 250 pass 1"]);
    check("+@0 a@90 t1:100@250 t1:101@251 ?@350", expect!["0 is 1, 250 breaks, 350 refuse"]);
}

#[test]
fn waits_double_up_to_a_bound_and_end_at_a_longer_one() {
    let mut backoff = Backoff::default();
    let waits: Vec<_> = (0..60).map(|_| backoff.next(127).as_millis()).collect();
    assert!(waits[0] > 45 && waits[0] < 55, "{waits:?}");
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
    assert!(waits[49] < 250 && waits[59] > 900, "{waits:?}");
    assert_eq!(backoff.next(255), WAIT_MAX * 5 / 4);
    assert_eq!(backoff.next(0), WAIT_MAX * 3 / 4);
}
