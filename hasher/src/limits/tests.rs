//! Attempts from the flows' side, on paused time: one pod alone, and several that share a store which can
//! go away.

mod networks;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use authcluster_contract::config::{Limits, Live, RateRule, RateScope};
use authcluster_contract::keys::RateSubject;
use authcluster_contract::node::NodeRecord;
use authcluster_contract::user::{AddressKey, AddressKeys, Realm, UserKeyMaker, UsernameCase};

use super::*;
use crate::policy::backoff::{Begun, Rules, Settled};
use crate::policy::gcra::{Rate, Reserved};
use crate::policy::routing::{NodeSeen, Table};
use crate::store::StoreFuture;
use crate::store::memory::MemoryStore;

/// What pods share: counts calls, can be far, and can go away.
#[derive(Default)]
struct Shared {
    store: MemoryStore,
    away: AtomicBool,
    way_ms: AtomicU64,
    calls: AtomicUsize,
}

impl Shared {
    fn or_away<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a MemoryStore) -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) {
            Box::pin(async { Err(StoreError::Unreachable("away".into())) })
        } else {
            let way = Duration::from_millis(self.way_ms.load(Ordering::Relaxed));
            Box::pin(async move {
                tokio::time::sleep(way).await;
                call(&self.store).await
            })
        }
    }
}

impl LimitStore for Shared {
    fn reserve_rate<'a>(
        &'a self,
        subject: RateSubject<'a>,
        rates: &'a [Rate],
    ) -> StoreFuture<'a, Reserved> {
        self.or_away(move |store| store.reserve_rate(subject, rates))
    }

    fn refund_rate<'a>(
        &'a self,
        subject: RateSubject<'a>,
        rates: &'a [Rate],
        charge: &'a Reserved,
    ) -> StoreFuture<'a, ()> {
        self.or_away(move |store| store.refund_rate(subject, rates, charge))
    }

    fn begin_login<'a>(
        &'a self,
        user: &'a UserKey,
        address: Option<&'a AddressKey>,
        rules: &'a Rules,
    ) -> StoreFuture<'a, Begun> {
        self.or_away(move |store| store.begin_login(user, address, rules))
    }

    fn settle_login<'a>(
        &'a self,
        user: &'a UserKey,
        address: Option<&'a AddressKey>,
        rules: &'a Rules,
        settled: Settled,
    ) -> StoreFuture<'a, ()> {
        self.or_away(move |store| store.settle_login(user, address, rules, settled))
    }

    fn forget_attempts<'a>(&'a self, user: &'a UserKey) -> StoreFuture<'a, bool> {
        self.or_away(move |store| store.forget_attempts(user))
    }
}

/// A table of so many pods of equal weight.
fn table(pods: usize) -> SharedTable {
    let seen = |index| NodeSeen {
        node: format!("pod-{index}").parse().unwrap(),
        record: NodeRecord {
            address: ([10, 0, 0, 1], 8444).into(),
            lanes: 1,
            speed: 1_000,
            offered: 0,
            version: String::new(),
            config: String::new(),
        },
        load: Some(Units::ZERO),
        weight: None,
    };
    let table = Table::default().next((0..pods).map(seen).collect(), None);
    Arc::new(Arc::new(table).into())
}

fn limits(rules: &[(RateScope, u32, u32)]) -> Limits {
    let rule = |&(scope, attempts, period_seconds)| RateRule { scope, attempts, period_seconds };
    let mut limits = Limits { rules: rules.iter().map(rule).collect(), ..Limits::default() };
    // Out of the way, where rates are what is tested.
    limits.backoff.free_failures = 100;
    limits
}

fn live(limits: &Limits) -> LiveSettings {
    LiveSettings::new(&Live { limits: limits.clone(), ..Live::default() }, "")
}

/// The rules that a pod goes by.
fn rules(pod: &Limiter) -> Rules {
    pod.live.current().limits.rules
}

/// Several pods on one store.
fn pods(config: &Limits, count: usize) -> (Arc<Shared>, Vec<Arc<Limiter>>) {
    let (store, table) = (Arc::new(Shared::default()), table(count));
    let pod = |index| {
        let parts = Parts {
            live: live(config),
            store: Arc::clone(&store) as _,
            node: format!("pod-{index}").parse().unwrap(),
            table: Some(Arc::clone(&table)),
            metrics: Arc::default(),
            tasks: Tasks::default(),
        };
        Arc::new(Limiter::new(parts))
    };
    let limiters = (0..count).map(pod).collect();
    (store, limiters)
}

fn alone(config: &Limits) -> Arc<Limiter> {
    let parts = Parts {
        live: live(config),
        store: Arc::new(MemoryStore::new()),
        node: "local".parse().unwrap(),
        table: None,
        metrics: Arc::default(),
        tasks: Tasks::default(),
    };
    Arc::new(Limiter::new(parts))
}

fn keys() -> UserKeyMaker {
    UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap()
}

fn user(name: &str) -> UserKey {
    keys().user(&Realm::new("shop").unwrap(), name).unwrap()
}

fn from(last: u8) -> Option<AddressKeys> {
    Some(at(&format!("192.0.2.{last}")))
}

fn own(last: u8) -> Option<AddressKey> {
    from(last).map(|address| address.own)
}

fn at(address: &str) -> AddressKeys {
    keys().address(&Realm::new("shop").unwrap(), address.parse().unwrap())
}

/// A wrong password.
async fn fail(
    pod: &Arc<Limiter>,
    name: &str,
    address: Option<AddressKeys>,
) -> Result<(), Throttled> {
    pod.enter(&user(name), address).await.map(|attempt| drop(attempt.failed()))
}

/// The right one.
async fn succeed(pod: &Arc<Limiter>, name: &str, address: Option<AddressKeys>) {
    pod.enter(&user(name), address).await.unwrap().succeeded().await;
}

/// Lets tasks in the background end.
async fn settled(pod: &Arc<Limiter>) {
    while pod.settling.available_permits() < SETTLING_MAX {
        tokio::task::yield_now().await;
    }
}

fn scope_of(result: Result<(), Throttled>) -> Option<LimitScope> {
    result.err().map(|throttled| throttled.scope)
}

#[tokio::test(start_paused = true)]
async fn only_failures_count() {
    let pod = alone(&limits(&[(RateScope::User, 2, 60), (RateScope::Address, 2, 60)]));
    for _ in 0..20 {
        succeed(&pod, "alice", from(1)).await;
        // The caller goes away, or no pod can compute.
        drop(pod.enter(&user("alice"), from(1)).await.unwrap());
        settled(&pod).await;
    }
    // She is known at that address by now; from elsewhere it is the same.
    for _ in 0..20 {
        drop(pod.enter(&user("alice"), from(2)).await.unwrap());
        settled(&pod).await;
    }
    for _ in 0..2 {
        assert_eq!(fail(&pod, "alice", from(1)).await, Ok(()));
    }
    assert_eq!(scope_of(fail(&pod, "alice", from(1)).await), Some(LimitScope::Address));
}

/// Also when a store fails later, or the caller's connection does.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_dropped_after_its_hash_began_stays_charged() {
    let pod = alone(&limits(&[(RateScope::User, 3, 60), (RateScope::Address, 3, 60)]));
    for expect in 1..=3 {
        let attempt = pod.enter(&user("alice"), from(1)).await.unwrap();
        attempt.started().begin();
        assert_ne!(attempt.headers_if_dropped(), attempt.headers_when_refunded());
        drop(attempt);
        settled(&pod).await;
        let begun = pod.counters.begin(&user("alice"), own(1).as_ref(), &rules(&pod)).await.1;
        // One more by asking.
        assert_eq!(begun.failures, 2 * expect);
    }
    assert_eq!(scope_of(fail(&pod, "bob", from(1)).await), Some(LimitScope::Address));
    assert_eq!(scope_of(fail(&pod, "alice", from(2)).await), Some(LimitScope::User));
    // A right password is refunded all the same: its hash began, too.
    tokio::time::advance(Duration::from_secs(60)).await;
    for _ in 0..20 {
        let attempt = pod.enter(&user("alice"), from(3)).await.unwrap();
        attempt.started().begin();
        attempt.succeeded().await;
    }
}

/// A charge drains by the store's clock, whatever its answer took to get here.
#[tokio::test(start_paused = true)]
async fn a_slow_answer_leaves_nothing_charged() {
    let rules = [(RateScope::User, 1, 3_600), (RateScope::Address, 1, 3_600)];
    let (store, pods) = pods(&limits(&rules), 2);
    store.way_ms.store(100, Ordering::Relaxed);
    let attempt = pods[0].enter(&user("alice"), from(1)).await.unwrap();
    store.way_ms.store(0, Ordering::Relaxed);
    attempt.succeeded().await;
    assert_eq!(fail(&pods[1], "bob", from(1)).await, Ok(()));
    assert_eq!(fail(&pods[1], "alice", from(2)).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_denial_gives_back_what_was_charged_before_it() {
    let pod = alone(&limits(&[(RateScope::User, 1, 60), (RateScope::Address, 3, 60)]));
    assert_eq!(fail(&pod, "alice", from(1)).await, Ok(()));
    for _ in 0..10 {
        assert_eq!(scope_of(fail(&pod, "alice", from(1)).await), Some(LimitScope::User));
        settled(&pod).await;
    }
    assert_eq!(fail(&pod, "bob", from(1)).await, Ok(()));
    assert_eq!(fail(&pod, "carol", from(1)).await, Ok(()));
    assert_eq!(scope_of(fail(&pod, "dave", from(1)).await), Some(LimitScope::Address));
    // Nor was a denial a failure in a row.
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(fail(&pod, "alice", from(1)).await, Ok(()));
    let begun = pod.counters.begin(&user("alice"), None, &rules(&pod)).await.1;
    assert_eq!(begun.failures, 3);
}

#[tokio::test(start_paused = true)]
async fn an_attacker_does_not_lock_out_the_owner() {
    let mut config = limits(&[(RateScope::User, 5, 3_600), (RateScope::UserAndAddress, 3, 3_600)]);
    config.backoff.free_failures = 3;
    let (_, pods) = pods(&config, 3);
    succeed(&pods[0], "alice", from(1)).await;
    let mut let_in = 0;
    for turn in 0..200_u8 {
        let attack = fail(&pods[usize::from(turn % 3)], "alice", from(50 + turn)).await;
        let_in += u32::from(attack.is_ok());
        // At whichever pod, at any time.
        succeed(&pods[usize::from(turn / 3 % 3)], "alice", from(1)).await;
    }
    assert_eq!(let_in, 5, "her logins end the failures in a row, and not the rate");
    // The owner's own address has the user's rates and waits for itself.
    for _ in 0..3 {
        assert_eq!(fail(&pods[0], "alice", from(1)).await, Ok(()));
    }
    assert_eq!(scope_of(fail(&pods[1], "alice", from(1)).await), Some(LimitScope::Failures));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(scope_of(fail(&pods[1], "alice", from(1)).await), Some(LimitScope::UserAndAddress));
}

#[tokio::test(start_paused = true)]
async fn without_an_address_the_users_rules_apply() {
    let pod = alone(&limits(&[
        (RateScope::User, 2, 60),
        (RateScope::Address, 1, 60),
        (RateScope::UserAndAddress, 1, 60),
    ]));
    assert_eq!(fail(&pod, "alice", None).await, Ok(()));
    assert_eq!(fail(&pod, "alice", None).await, Ok(()));
    assert_eq!(scope_of(fail(&pod, "alice", None).await), Some(LimitScope::User));
    assert_eq!(fail(&pod, "bob", from(1)).await, Ok(()));
    assert_eq!(scope_of(fail(&pod, "bob", from(1)).await), Some(LimitScope::Address));
}

#[tokio::test(start_paused = true)]
async fn a_flood_costs_the_store_nothing_and_an_owner_a_second_at_most() {
    let (store, pods) = pods(&limits(&[(RateScope::User, 1, 3_600)]), 2);
    assert_eq!(fail(&pods[0], "alice", from(1)).await, Ok(()));
    assert!(fail(&pods[0], "alice", from(1)).await.is_err());
    settled(&pods[0]).await;
    let calls = store.calls.load(Ordering::Relaxed);
    for last in 0..250 {
        let denied = fail(&pods[0], "alice", from(last)).await.unwrap_err();
        assert!(denied.retry_after > Duration::from_secs(3_500), "{denied:?}");
    }
    assert_eq!(store.calls.load(Ordering::Relaxed), calls);
    // Her limits are lifted at another pod.
    assert!(pods[1].reset(&user("alice")).await.unwrap());
    assert!(fail(&pods[0], "alice", from(1)).await.is_err());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(fail(&pods[0], "alice", from(1)).await, Ok(()));
    // At this one it is at once.
    assert!(fail(&pods[0], "alice", from(1)).await.is_err());
    assert!(pods[0].reset(&user("alice")).await.unwrap());
    assert_eq!(fail(&pods[0], "alice", from(1)).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_known_pair_is_asked_about_in_a_flood() {
    let (_, pods) = pods(&limits(&[(RateScope::User, 1, 3_600)]), 1);
    succeed(&pods[0], "alice", from(1)).await;
    assert_eq!(fail(&pods[0], "alice", from(2)).await, Ok(()));
    assert!(fail(&pods[0], "alice", from(2)).await.is_err());
    succeed(&pods[0], "alice", from(1)).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_store_each_pod_has_its_share() {
    let (store, pods) = pods(&limits(&[(RateScope::User, 10, 3_600)]), 3);
    let admitted = async || {
        let mut admitted = 0;
        for turn in 0..300 {
            admitted += usize::from(fail(&pods[turn % 3], "alice", from(1)).await.is_ok());
        }
        admitted
    };
    assert_eq!(admitted().await, 10);
    store.away.store(true, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(1)).await;
    // Attempts + pods - 1, once.
    assert_eq!(admitted().await, 12);
    assert_eq!(admitted().await, 0);
    // It is back: what was counted before still is.
    store.away.store(false, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(admitted().await, 0);
}

#[tokio::test(start_paused = true)]
async fn without_the_store_failures_and_known_pairs_are_as_last_heard() {
    let mut config = limits(&[]);
    config.backoff.free_failures = 2;
    let (store, pods) = pods(&config, 2);
    succeed(&pods[0], "alice", from(1)).await;
    assert_eq!(fail(&pods[0], "alice", from(2)).await, Ok(()));
    assert_eq!(fail(&pods[1], "alice", from(2)).await, Ok(()));
    store.away.store(true, Ordering::Relaxed);
    assert_eq!(scope_of(fail(&pods[1], "alice", from(3)).await), Some(LimitScope::Failures));
    succeed(&pods[1], "alice", from(1)).await;
    // What it gave back here, it gave back here alone.
    store.away.store(false, Ordering::Relaxed);
    tokio::time::advance(Duration::from_millis(900)).await;
    let waits = fail(&pods[0], "alice", from(3)).await.unwrap_err();
    assert_eq!(
        (waits.scope, waits.retry_after),
        (LimitScope::Failures, Duration::from_millis(100))
    );
    // Resetting by hand says so when it cannot.
    store.away.store(true, Ordering::Relaxed);
    assert!(pods[0].reset(&user("alice")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_success_is_settled_once_also_when_its_caller_goes_away() {
    let pod = alone(&limits(&[(RateScope::Address, 2, 60)]));
    assert_eq!(fail(&pod, "alice", from(1)).await, Ok(()));
    let attempt = pod.enter(&user("alice"), from(1)).await.unwrap();
    let mut settling = Box::pin(attempt.succeeded());
    assert!(futures::poll!(settling.as_mut()).is_pending());
    drop(settling);
    settled(&pod).await;
    // One given back, not two.
    assert_eq!(fail(&pod, "bob", from(1)).await, Ok(()));
    assert!(fail(&pod, "bob", from(1)).await.is_err());
    let begun = pod.counters.begin(&user("alice"), own(1).as_ref(), &rules(&pod)).await.1;
    assert_eq!((begun.failures, begun.is_known), (1, true));
}

#[tokio::test(start_paused = true)]
async fn more_refunds_at_once_than_allowed_are_left_out() {
    let pod = alone(&limits(&[(RateScope::User, 1, 60)]));
    let permits = Arc::clone(&pod.settling).try_acquire_many_owned(256).unwrap();
    drop(pod.enter(&user("alice"), None).await.unwrap());
    drop(permits);
    assert!(fail(&pod, "alice", None).await.is_err());
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(fail(&pod, "alice", None).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_callers_work_is_bounded_by_this_pods_share() {
    let (_, pods) = pods(&limits(&[]), 2);
    let mut caller = Caller::everyone("shop").unwrap();
    caller.units_per_second = Some(100);
    let mut admitted = 0;
    for _ in 0..1_000 {
        admitted += u64::from(pods[0].spend(&caller, Units(10)).is_ok());
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    // Half of 100 units a second for ten seconds, and the second that it may be ahead.
    assert!((55..=56).contains(&admitted), "{admitted}");
    pods[0].spend(&caller, Units(1_000)).unwrap();
    let denied = pods[0].spend(&caller, Units(10)).unwrap_err();
    assert_eq!(denied.scope, LimitScope::Work);
    caller.units_per_second = None;
    pods[0].spend(&caller, Units(u64::MAX)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn other_limits_are_in_force_at_once_and_settle_nothing_twice() {
    let before = limits(&[(RateScope::User, 1, 60)]);
    let pod = alone(&before);
    let attempt = pod.enter(&user("alice"), None).await.unwrap();
    let after = limits(&[(RateScope::User, 2, 60), (RateScope::User, 3, 3_600)]);
    let live = Live { limits: after, ..Live::default() };
    assert!(pod.live.replace(&live, ""));
    assert!(!pod.live.replace(&live, ""));
    // Charged on the old rate alone, it is given back there alone.
    attempt.succeeded().await;
    assert_eq!(fail(&pod, "alice", None).await, Ok(()));
    assert_eq!(fail(&pod, "alice", None).await, Ok(()));
    assert_eq!(scope_of(fail(&pod, "alice", None).await), Some(LimitScope::User));
    pod.live.replace(&Live { limits: before, ..Live::default() }, "");
    assert_eq!(fail(&pod, "bob", None).await, Ok(()));
    assert_eq!(scope_of(fail(&pod, "bob", None).await), Some(LimitScope::User));
}
