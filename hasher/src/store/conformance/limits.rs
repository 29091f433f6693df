//! What every store must do with attempts. The rules themselves are checked where they are decided.

#![expect(clippy::unwrap_used, reason = "a check stops where it fails")]

use std::time::Duration;

use authcluster_contract::config::Limits;
use authcluster_contract::keys::RateSubject;
use authcluster_contract::user::{AddressKey, Realm, UserKey, UserKeyMaker, UsernameCase};
use futures::future::join_all;

use super::Pass;
use crate::policy::backoff::{Begun, Rules, Settled};
use crate::policy::gcra::{Rate, Reserved};
use crate::store::Store;

/// Three at once, one each two seconds.
const RATE: Rate = Rate { attempts: 3, period_seconds: 6 };

pub(super) async fn check(store: &dyn Store, name: &str, pass: Pass<'_>) {
    attempts_at_once_are_counted_exactly(store, name).await;
    a_rate_recovers_with_time(store, name, pass).await;
    what_is_given_back_can_be_had_again(store, name).await;
    a_denial_by_one_rate_charges_no_other(store, name).await;
    failures_make_a_user_wait(store, name, pass).await;
    guesses_at_once_do_not_slip_through(store, name).await;
    a_known_address_is_let_in_whatever_others_do(store, name).await;
    what_is_taken_back_was_no_failure(store, name).await;
    a_user_can_be_forgiven(store, name).await;
}

fn keys() -> UserKeyMaker {
    UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap()
}

fn user(run: &str, name: &str) -> UserKey {
    keys().user(&Realm::new("shop").unwrap(), &format!("{run}-{name}")).unwrap()
}

fn address(last: u8) -> AddressKey {
    keys().address(&Realm::new("shop").unwrap(), [192, 0, 2, last].into()).own
}

fn rules() -> Rules {
    Rules {
        free_failures: 2,
        failures_max: 5,
        wait_max_ms: 60_000,
        ..Rules::from(&Limits::default())
    }
}

async fn reserve(store: &dyn Store, user: &UserKey) -> Reserved {
    store.reserve_rate(RateSubject::User(user), &[RATE]).await.unwrap()
}

async fn begin(store: &dyn Store, user: &UserKey, from: Option<&AddressKey>) -> Begun {
    store.begin_login(user, from, &rules()).await.unwrap()
}

async fn attempts_at_once_are_counted_exactly(store: &dyn Store, name: &str) {
    let (user, address) = (user(name, "exact"), address(1));
    let rates = [Rate { attempts: 17, period_seconds: 86_400 }];
    for subject in [
        RateSubject::User(&user),
        RateSubject::Address(&address),
        RateSubject::UserAndAddress(&user, &address),
    ] {
        let all = join_all((0..60).map(|_| store.reserve_rate(subject, &rates))).await;
        let admitted = all.iter().filter(|reserved| reserved.as_ref().unwrap().admitted).count();
        // Those of an address may be left from another run on this store.
        let fresh = !matches!(subject, RateSubject::Address(_));
        assert!(admitted == 17 || (!fresh && admitted == 0), "{subject:?}: {admitted}");
    }
}

async fn a_rate_recovers_with_time(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let user = user(name, "recovers");
    for _ in 0..3 {
        assert!(reserve(store, &user).await.admitted);
    }
    let denied = reserve(store, &user).await;
    let wait = denied.retry_after(&[RATE]);
    assert!(
        !denied.admitted && wait <= Duration::from_secs(2) && wait > Duration::ZERO,
        "{wait:?}"
    );
    // Knocking again changes nothing.
    assert!(reserve(store, &user).await.retry_after(&[RATE]) <= wait);
    pass(wait + Duration::from_millis(1)).await;
    assert!(reserve(store, &user).await.admitted);
    assert!(!reserve(store, &user).await.admitted);
}

async fn what_is_given_back_can_be_had_again(store: &dyn Store, name: &str) {
    let user = user(name, "refund");
    let rates = [Rate { attempts: 2, period_seconds: 86_400 }];
    let subject = RateSubject::User(&user);
    let try_once = async || store.reserve_rate(subject, &rates).await.unwrap();
    for _ in 0..5 {
        let reserved = try_once().await;
        assert!(reserved.admitted);
        store.refund_rate(subject, &rates, &reserved).await.unwrap();
    }
    let of_another = try_once().await;
    assert!(of_another.admitted && try_once().await.admitted);
    assert!(!try_once().await.admitted);
    // Of what is not there nothing is given back, and nothing comes to be.
    let other = user_of_nothing(name);
    let nothing = RateSubject::User(&other);
    store.refund_rate(nothing, &rates, &of_another).await.unwrap();
    assert_eq!(
        store.reserve_rate(nothing, &rates).await.unwrap().left_us,
        [rates[0].interval_us()]
    );
}

fn user_of_nothing(name: &str) -> UserKey {
    user(name, "nothing")
}

async fn a_denial_by_one_rate_charges_no_other(store: &dyn Store, name: &str) {
    let user = user(name, "two");
    let rates =
        [Rate { attempts: 5, period_seconds: 86_400 }, Rate { attempts: 1, period_seconds: 3_600 }];
    let subject = RateSubject::User(&user);
    assert!(store.reserve_rate(subject, &rates).await.unwrap().admitted);
    for _ in 0..10 {
        assert!(!store.reserve_rate(subject, &rates).await.unwrap().admitted);
    }
    let [first, _] = rates;
    let reserved = store.reserve_rate(subject, &[first]).await.unwrap();
    let remaining = reserved.standings(&[first]).first().map(|standing| standing.remaining);
    assert_eq!(remaining, Some(3));
}

async fn failures_make_a_user_wait(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let user = user(name, "waits");
    assert_eq!(begin(store, &user, None).await.wait, None);
    assert_eq!(begin(store, &user, None).await.failures, 2);
    let wait = begin(store, &user, None).await.wait.unwrap();
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    pass(wait + Duration::from_millis(2)).await;
    let begun = begin(store, &user, None).await;
    assert_eq!((begun.wait, begun.failures), (None, 3));
    let wait = begin(store, &user, None).await.wait.unwrap();
    assert!(wait > Duration::from_secs(1) && wait <= Duration::from_secs(2), "{wait:?}");
    store.settle_login(&user, None, &rules(), Settled::Success).await.unwrap();
    assert_eq!(begin(store, &user, None).await.failures, 1);
}

async fn guesses_at_once_do_not_slip_through(store: &dyn Store, name: &str) {
    let user = user(name, "guesses");
    let rules = Rules { free_failures: 7, failures_max: 7, ..rules() };
    let all = join_all((0..60).map(|_| store.begin_login(&user, None, &rules))).await;
    assert_eq!(all.iter().filter(|begun| begun.as_ref().unwrap().wait.is_none()).count(), 7);
}

async fn a_known_address_is_let_in_whatever_others_do(store: &dyn Store, name: &str) {
    let (user, home, away) = (user(name, "known"), address(1), address(2));
    assert!(!begin(store, &user, Some(&home)).await.is_known);
    store.settle_login(&user, Some(&home), &rules(), Settled::Success).await.unwrap();
    let rules = Rules { free_failures: 3, failures_max: 3, ..rules() };
    for turn in 1..10 {
        let begun = store.begin_login(&user, Some(&away), &rules).await.unwrap();
        assert_eq!((begun.wait.is_none(), begun.is_known), (turn <= 3, false));
    }
    let begun = store.begin_login(&user, Some(&home), &rules).await.unwrap();
    assert_eq!((begun.wait, begun.is_known, begun.failures), (None, true, 1));
    assert_eq!(begun.known, [home.as_str()]);
    store.settle_login(&user, Some(&home), &rules, Settled::Success).await.unwrap();
    assert_eq!(store.begin_login(&user, None, &rules).await.unwrap().wait, None);
}

async fn what_is_taken_back_was_no_failure(store: &dyn Store, name: &str) {
    let user = user(name, "back");
    for _ in 0..20 {
        let Begun { wait, is_known, failures, since_ms, .. } = begin(store, &user, None).await;
        assert_eq!((wait, failures), (None, 1));
        let back = Settled::TakenBack { is_known, failures, since_ms };
        store.settle_login(&user, None, &rules(), back).await.unwrap();
    }
}

async fn a_user_can_be_forgiven(store: &dyn Store, name: &str) {
    let user = user(name, "forgiven");
    assert!(!store.forget_attempts(&user).await.unwrap());
    for _ in 0..3 {
        reserve(store, &user).await;
        begin(store, &user, None).await;
    }
    assert!(store.forget_attempts(&user).await.unwrap());
    assert!(!store.forget_attempts(&user).await.unwrap());
    assert!(reserve(store, &user).await.admitted);
    assert_eq!(begin(store, &user, None).await.failures, 1);
}
