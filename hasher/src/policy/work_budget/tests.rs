//! What a budget lets in over time.

#![expect(clippy::disallowed_methods, reason = "any moment will do to start from")]

use super::*;

/// Units let in during `seconds` at an offer of one job of `units` each 10 ms.
fn let_in(units: u64, units_per_second: u64, share: Share, seconds: u64) -> u64 {
    let start = Instant::now();
    let mut account = Account::default();
    let admitted = |turn: &u64| {
        let now = start + Duration::from_millis(10 * turn);
        account.spend(Units(units), units_per_second, share, now).is_ok()
    };
    (0..seconds * 100).filter(admitted).count() as u64 * units
}

#[test]
fn over_time_no_more_is_let_in_than_the_budget() {
    // Ten seconds' worth, the second that it may be ahead, and the last job.
    assert_eq!(let_in(38, 380, Share::WHOLE, 10), 38 * 110);
    assert_eq!(let_in(38, 380, Share { own: 1, all: 2 }, 10), 38 * 55);
    // A job larger than a second's worth is let in, and paid for.
    assert_eq!(let_in(1_000, 100, Share::WHOLE, 100), 1_000 * 11);
    // Less than the budget passes whole.
    assert_eq!(let_in(1, 1_000, Share::WHOLE, 10), 1_000);
}

#[test]
fn a_refusal_says_when_to_come_back_and_is_not_owed() {
    let start = Instant::now();
    let mut account = Account::default();
    account.spend(Units(300), 100, Share::WHOLE, start).unwrap();
    for _ in 0..3 {
        let wait = account.spend(Units(300), 100, Share::WHOLE, start).unwrap_err();
        assert_eq!(wait, Duration::from_secs(2));
    }
    account.spend(Units(1), 100, Share::WHOLE, start + Duration::from_secs(2)).unwrap();
}

#[test]
fn nothing_overflows() {
    let mut account = Account::default();
    let share = Share { own: 0, all: u64::MAX };
    account.spend(Units(u64::MAX), 1, share, Instant::now()).unwrap();
    assert!(account.spend(Units(u64::MAX), 1, share, Instant::now()).is_err());
}
