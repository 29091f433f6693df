//! Rates as tables and as properties.

use proptest::prelude::*;

use super::*;

const S: i64 = 1_000_000;

fn rate(attempts: u32, period_seconds: u32) -> Rate {
    Rate { attempts, period_seconds }
}

/// Puts `attempt@second` and `refund@second` to one bucket, and says what came of each: attempts left,
/// or the wait.
#[track_caller]
fn check(rates: &[Rate], trace: &str, expect: &str) {
    let mut bucket = Bucket::new();
    let mut said = Vec::new();
    for step in trace.split(' ') {
        let (what, at) = step.split_once('@').unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
        let now = (at.parse::<f64>().unwrap() * 1e6) as i64;
        if what == "refund" {
            // As of a charge a moment ago.
            let left_us = rates.iter().map(|rate| rate.interval_us()).collect();
            let charge = Reserved { admitted: true, at_us: now, left_us };
            refund(&mut bucket, rates, &charge, now);
            said.push("-".to_owned());
        } else {
            let reserved = reserve(&mut bucket, rates, now);
            said.push(if reserved.admitted {
                reserved.standings(rates).iter().map(|it| it.remaining).min().unwrap().to_string()
            } else {
                format!("{}s", reserved.retry_after(rates).as_secs_f64())
            });
        }
    }
    assert_eq!(said.join(" "), expect, "{trace}");
}

#[test]
fn attempts_are_let_through_at_once_and_then_one_an_interval() {
    check(&[rate(3, 30)], "try@0 try@0 try@0 try@0", "2 1 0 10s");
    check(&[rate(3, 30)], "try@0 try@0 try@0 try@9.5 try@10 try@10", "2 1 0 0.5s 0 10s");
    check(&[rate(1, 60)], "try@0 try@1 try@60", "0 59s 0");
    check(&[rate(3, 30)], "try@0 try@100 try@100", "2 2 1");
}

#[test]
fn a_denied_attempt_moves_nothing() {
    check(&[rate(1, 60)], "try@0 try@10 try@20 try@30 try@60", "0 50s 40s 30s 0");
}

#[test]
fn all_rules_admit_or_none_is_charged() {
    // Two at once and three a minute: the second rule's third attempt is not lost to the first's denial.
    let both = [rate(2, 2), rate(3, 60)];
    check(&both, "try@0 try@0 try@0 try@1 try@2", "1 0 1s 0 18s");
    check(&[rate(3, 60), rate(2, 2)], "try@0 try@0 try@0 try@1 try@2", "1 0 1s 0 18s");
}

#[test]
fn a_refund_gives_one_attempt_back_and_no_more() {
    check(&[rate(2, 60)], "try@0 try@0 refund@0 try@0 try@0", "1 0 - 0 30s");
    // Twice, or without a charge: never more than a full rate.
    check(&[rate(2, 60)], "try@0 refund@0 refund@0 try@0 try@0 try@0", "1 - - 1 0 30s");
    check(&[rate(2, 60)], "refund@0 try@0 try@0 try@0", "- 1 0 30s");
    // After it has drained by itself.
    check(&[rate(2, 60)], "try@0 refund@90 try@90 try@90 try@90", "1 - 1 0 30s");
}

#[test]
fn rules_that_are_the_same_are_one() {
    // The shares of 10 and of 11 attempts in a minute, of three pods.
    let twice = [rate(10, 60).shared_by(3), rate(11, 60).shared_by(3)];
    assert_eq!(twice[0], twice[1]);
    check(&twice, "try@0 try@0 try@0 try@0 refund@0 try@0 try@0", "3 2 1 0 - 0 15s");
}

#[test]
fn a_clock_that_is_behind_costs_one_bucket_at_most() {
    let rates = [rate(3, 30)];
    let mut bucket = Bucket::from([(rates[0].field(), 1_000 * S + 30 * S)]);
    // A promoted replica five seconds behind: denied for one interval, not for six.
    let reserved = reserve(&mut bucket, &rates, 995 * S);
    assert!(!reserved.admitted);
    assert_eq!(reserved.retry_after(&rates), Duration::from_secs(10));
    assert!(reserve(&mut bucket, &rates, 1_010 * S).admitted);
}

#[test]
fn what_has_drained_is_not_given_back() {
    let refundable =
        |left_s: i64, elapsed_s: i64| refundable_us(rate(6, 60), left_s * S, elapsed_s * S) / S;
    assert_eq!(refundable(10, 0), 10);
    assert_eq!(refundable(10, 4), 6, "alone in its bucket, it has begun to drain");
    assert_eq!(refundable(10, 11), 0);
    assert_eq!(refundable(60, 50), 10, "behind five others, it has not");
    assert_eq!(refundable(60, 55), 5);
}

#[test]
fn a_key_lives_as_long_as_it_means_something() {
    let mut bucket = Bucket::new();
    assert_eq!(ttl_ms(&bucket, 0), None);
    reserve(&mut bucket, &[rate(2, 60), rate(1, 5)], 0);
    assert_eq!(ttl_ms(&bucket, 0), Some(30_000));
    assert_eq!(ttl_ms(&bucket, 29_999_001), Some(1));
    assert_eq!(ttl_ms(&bucket, 30 * S), None);
    // Another version's rule, from a clock far ahead.
    bucket.insert("1/1".to_owned(), i64::MAX);
    assert_eq!(ttl_ms(&bucket, 0), Some(86_400_000));
}

#[test]
fn a_share_is_rounded_up_and_never_nothing() {
    let share = |attempts, pods| rate(attempts, 60).shared_by(pods).attempts;
    assert_eq!((share(10, 3), share(1, 3), share(9, 3), share(5, 0)), (4, 1, 3, 5));
}

fn rates() -> impl Strategy<Value = Vec<Rate>> {
    prop::collection::vec((1_u32..20, 1_u32..120).prop_map(|(a, p)| rate(a, p)), 1..4)
}

proptest! {
    /// In any period no rule lets through more than its attempts twice: a full bucket and what drains
    /// from it; and at once never more than its attempts.
    #[test]
    fn no_window_holds_more_than_its_share(
        rates in rates(),
        gaps in prop::collection::vec(0_i64..10 * S, 1..200),
    ) {
        let (mut bucket, mut now, mut admitted) = (Bucket::new(), 0, Vec::new());
        for gap in gaps {
            now += gap;
            if reserve(&mut bucket, &rates, now).admitted {
                admitted.push(now);
            }
        }
        for rate in &rates {
            for (index, start) in admitted.iter().enumerate() {
                for (count, end) in admitted[index..].iter().enumerate() {
                    let allowed = i64::from(rate.attempts) + (end - start) / rate.interval_us();
                    prop_assert!(i64::try_from(count).unwrap() < allowed, "{rate:?}");
                }
            }
        }
    }

    /// With a charge and its refund, a bucket is never emptier than if the attempt had not been, and
    /// with no other attempt in between it is exactly so.
    #[test]
    fn a_refund_is_exact_or_short(
        rates in rates(),
        before in prop::collection::vec(0_i64..5 * S, 0..20),
        between in prop::collection::vec(0_i64..5 * S, 0..20),
        pause in 0_i64..20 * S,
    ) {
        let (mut with, mut now) = (Bucket::new(), 0);
        for gap in before {
            now += gap;
            reserve(&mut with, &rates, now);
        }
        let mut without = with.clone();
        let charge = reserve(&mut with, &rates, now);
        prop_assume!(charge.admitted);
        for gap in &between {
            now += gap;
            // Only attempts that both admit, so that both have seen the same.
            let (mut a, mut b) = (with.clone(), without.clone());
            if reserve(&mut a, &rates, now).admitted && reserve(&mut b, &rates, now).admitted {
                (with, without) = (a, b);
            }
        }
        now += pause;
        refund(&mut with, &rates, &charge, now);
        for rate in &rates {
            let (with, without) = (left_us(&with, *rate, now), left_us(&without, *rate, now));
            prop_assert!(with >= without, "{rate:?}: {with} < {without}");
            if between.is_empty() {
                prop_assert_eq!(with, without);
            }
        }
    }
}
