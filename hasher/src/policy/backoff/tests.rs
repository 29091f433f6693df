//! Waits as tables, and what an attacker can and cannot do.

use proptest::prelude::*;

use super::*;

fn rules() -> Rules {
    Rules::from(&Limits::default())
}

const HOME: Option<&str> = Some("home");
const ELSEWHERE: Option<&str> = Some("elsewhere");

fn failed(attempts: &mut Attempts, address: Option<&str>, now_ms: i64) -> Option<Duration> {
    begin(attempts, &rules(), address, Memory::Free, now_ms).wait
}

fn succeeded(attempts: &mut Attempts, address: Option<&str>, now_ms: i64) {
    assert_eq!(begin(attempts, &rules(), address, Memory::Free, now_ms).wait, None);
    settle(attempts, &rules(), address, Settled::Success, now_ms);
}

#[test]
fn after_the_free_failures_waits_double_up_to_their_bound() {
    let mut attempts = Attempts::default();
    for _ in 0..10 {
        assert_eq!(failed(&mut attempts, ELSEWHERE, 0), None);
    }
    let mut now_ms = 0;
    for expect_s in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        let wait = failed(&mut attempts, ELSEWHERE, now_ms);
        assert_eq!(wait, Some(Duration::from_secs(expect_s)));
        now_ms += i64::try_from(expect_s).unwrap() * 1_000;
        assert!(failed(&mut attempts, ELSEWHERE, now_ms - 1).is_some());
        assert_eq!(failed(&mut attempts, ELSEWHERE, now_ms), None);
    }
}

#[test]
fn guesses_at_once_do_not_slip_through() {
    let mut attempts = Attempts::default();
    let admitted = (0..200).filter(|_| failed(&mut attempts, None, 5).is_none()).count();
    assert_eq!(admitted, 10);
}

#[test]
fn at_the_most_failures_only_known_addresses_are_let_in() {
    let mut attempts = Attempts::default();
    succeeded(&mut attempts, HOME, 0);
    let mut now_ms = 0;
    let mut let_in = 0;
    for _ in 0..1_000 {
        now_ms += 900_000;
        let_in += usize::from(failed(&mut attempts, ELSEWHERE, now_ms).is_none());
    }
    assert_eq!(let_in, 100);
    assert_eq!(failed(&mut attempts, None, now_ms), Some(Duration::from_secs(900)));
    // Its owner logs in as if nothing had been, and that ends it.
    succeeded(&mut attempts, HOME, now_ms);
    assert_eq!(failed(&mut attempts, ELSEWHERE, now_ms), None);
}

#[test]
fn a_known_address_has_a_count_of_its_own() {
    let mut attempts = Attempts::default();
    succeeded(&mut attempts, HOME, 0);
    for _ in 0..10 {
        assert_eq!(failed(&mut attempts, HOME, 0), None);
    }
    assert_eq!(failed(&mut attempts, HOME, 0), Some(Duration::from_secs(1)));
    assert_eq!(failed(&mut attempts, ELSEWHERE, 0), None);
    let begun = begin(&mut attempts, &rules(), HOME, Memory::Free, 1_000);
    assert_eq!((begun.wait, begun.failures, begun.known), (None, 11, vec!["home".to_owned()]));
}

fn taken_back(begun: &Begun) -> Settled {
    let Begun { is_known, failures, since_ms, .. } = *begun;
    Settled::TakenBack { is_known, failures, since_ms }
}

#[test]
fn what_was_taken_back_was_never_there() {
    let mut attempts = Attempts::default();
    for _ in 0..12 {
        begin(&mut attempts, &Rules { free_failures: 100, ..rules() }, None, Memory::Free, 0);
    }
    let before = attempts.clone();
    let begun = begin(&mut attempts, &rules(), None, Memory::Free, 4_000);
    assert_eq!((begun.wait, begun.failures, begun.since_ms), (None, 13, 4_000));
    let back = taken_back(&begun);
    settle(&mut attempts, &rules(), None, back, 5_000);
    assert_eq!(attempts.counts, before.counts);
    // Someone came in between: the count is right, and the wait runs from the later attempt.
    let first = begin(&mut attempts, &rules(), None, Memory::Free, 4_000);
    assert_eq!(begin(&mut attempts, &rules(), None, Memory::Free, 60_000).wait, None);
    let back = taken_back(&first);
    settle(&mut attempts, &rules(), None, back, 61_000);
    assert_eq!(attempts.counts[ANYONE], Count { failures: 13, last_ms: 60_000 });
    // Of a count that has ended meanwhile nothing comes back.
    let mut attempts = Attempts::default();
    settle(&mut attempts, &rules(), None, back, 0);
    assert_eq!(attempts, Attempts::default());
}

#[test]
fn addresses_are_known_for_a_while_and_not_too_many() {
    let mut attempts = Attempts::default();
    let names: Vec<String> = (0..20).map(|index| format!("a{index:02}")).collect();
    for (name, now_ms) in names.iter().zip(0..) {
        succeeded(&mut attempts, Some(name), now_ms);
    }
    let known: Vec<&str> = attempts.pairs.keys().map(String::as_str).collect();
    let expect: Vec<&str> = names[4..].iter().map(String::as_str).collect();
    assert_eq!(known, expect, "the latest sixteen");
    let later = 90 * DAY_MS + 10;
    assert_eq!(begin(&mut attempts, &rules(), None, Memory::Free, later).known.len(), 9);
    settle(&mut attempts, &rules(), HOME, Settled::Success, later);
    assert_eq!(attempts.pairs.len(), 10);
    // Nobody has come for so long.
    assert_eq!(attempts.end_ms(), later + 90 * DAY_MS);
    let begun = begin(&mut attempts, &rules(), HOME, Memory::Free, later + 90 * DAY_MS);
    assert_eq!((begun.is_known, begun.failures, begun.known), (false, 1, vec![]));
}

#[test]
fn a_clock_that_is_behind_costs_one_wait_at_most() {
    let mut attempts = Attempts::default();
    for _ in 0..11 {
        begin(&mut attempts, &Rules { free_failures: 100, ..rules() }, None, Memory::Free, 100_000);
    }
    assert_eq!(failed(&mut attempts, None, 95_000), Some(Duration::from_secs(2)));
}

#[test]
fn the_life_of_a_count_depends_on_the_count_and_on_free_memory() {
    let check = |failures, memory, expect_s: i64| {
        assert_eq!(life_ms(&rules(), failures, memory), expect_s * 1_000, "{failures} {memory:?}");
    };
    let hour = 3_600;
    for (memory, few) in [(Memory::Free, hour), (Memory::NearlyFull, 60)] {
        check(1, memory, few);
        check(9, memory, few);
        // A wait of a second, of 512 s, and the longest.
        check(10, memory, hour);
        check(19, memory, 5_120);
        check(20, memory, 9_000);
        check(99, memory, 9_000);
        check(100, memory, 30 * 24 * hour);
        check(1_000, memory, 30 * 24 * hour);
    }
    let no_free = Rules { free_failures: 0, ..rules() };
    assert_eq!(life_ms(&no_free, 1, Memory::NearlyFull), hour * 1_000);
}

#[test]
fn an_attempt_does_not_shorten_the_life_of_another_count() {
    let mut attempts = Attempts::default();
    succeeded(&mut attempts, HOME, 0);
    let locked = Rules { failures_max: 1, free_failures: 1, ..rules() };
    begin(&mut attempts, &locked, ELSEWHERE, Memory::Free, 0);
    let end_ms = attempts.counts_end_ms;
    assert_eq!(end_ms, 30 * DAY_MS);
    begin(&mut attempts, &rules(), HOME, Memory::NearlyFull, 1_000);
    assert_eq!(attempts.counts_end_ms, end_ms);
    // When the long-lived count ends, nothing of its life is left for the next.
    settle(&mut attempts, &rules(), HOME, Settled::Success, 2_000);
    begin(&mut attempts, &rules(), HOME, Memory::Free, 3_000);
    assert_eq!(attempts.counts_end_ms, 3_000 + 3_600_000);
}

proptest! {
    /// However an attacker spreads attempts over time and addresses that are not known, no more are
    /// let in than the waits allow, and never more than the most.
    #[test]
    fn failures_in_a_row_are_bounded(
        gaps in prop::collection::vec(0_i64..2_000_000, 1..400),
        addresses in prop::collection::vec("[a-d]", 400),
    ) {
        let mut attempts = Attempts::default();
        succeeded(&mut attempts, HOME, 0);
        let (mut now_ms, mut times) = (0, Vec::new());
        for (gap, address) in gaps.iter().zip(&addresses) {
            now_ms += gap;
            if failed(&mut attempts, Some(address), now_ms).is_none() {
                times.push(now_ms);
            }
        }
        prop_assert!(times.len() <= 100);
        for (index, pair) in times.windows(2).enumerate() {
            let failures = i64::try_from(index).unwrap() + 1;
            prop_assert!(pair[1] - pair[0] >= wait_ms(&rules(), failures));
        }
        prop_assert_eq!(failed(&mut attempts, HOME, now_ms), None, "the owner is let in");
    }
}
