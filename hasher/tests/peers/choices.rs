//! Who computes when the home pod would rather not: final refusals, this pod's own lanes, and the
//! strategies.

use std::sync::Arc;
use std::time::Duration;

use authcluster_contract::config::{Live, Routing, RoutingStrategy};
use authcluster_contract::cost::Units;
use authcluster_hasher::live::LiveSettings;
use authcluster_hasher::work::{Routed, Who, Work as _, WorkError};

use crate::cluster::{Authority, JOBS_PER_USER, LARGE, Pod, eventually, hash, now, pods, user};
use crate::order_of;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_enough_under_way_is_refused_for_good() {
    let pods = Arc::new(pods(3, &Authority::new(), &[]).await);
    let user = order_of(&pods, &["pod-0", "pod-1", "pod-2"]);
    let mut held = Vec::new();
    for _ in 0..JOBS_PER_USER {
        let (asking, who) = (Arc::clone(&pods), Who::unknown(user.clone()));
        let deadline = now() + crate::cluster::PATIENCE;
        held.push(tokio::spawn(async move {
            // As a peer would hand it over, however long it has to wait.
            let terms = authcluster_hasher::work::Terms::until(deadline);
            asking[0].local.run(Some(&who), hash(LARGE), terms).await
        }));
    }
    let all = LARGE.units().0 * u64::from(JOBS_PER_USER);
    eventually("both are there", || pods[0].local.load() == Units(all)).await;
    let refused = pods[2].hash_for(Some(&user)).await.unwrap_err();
    assert!(matches!(refused, WorkError::UserBusy), "{refused}");
    assert_eq!(pods[2].count("forwarded", "user-busy"), 1);
    assert_eq!(pods[1].count("peer_jobs", "done"), 0, "no other pod was asked");
    let other = order_of(&pods, &["pod-1"]);
    pods[2].hash_for(Some(&other)).await.unwrap();
    held.into_iter().for_each(|held| held.abort());
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_of_ones_own_that_are_idle_are_the_least_bad() {
    let pods = pods(3, &Authority::new(), &[]).await;
    let user = order_of(&pods, &["pod-0", "pod-1", "pod-2"]);
    let busy = [pods[0].occupy(), pods[1].occupy()];
    pods[2].hash_for(Some(&user)).await.unwrap();
    let forwarded = ["refused", "done", "failed"].map(|how| pods[2].count("forwarded", how));
    assert_eq!(forwarded, [2, 0, 0]);
    drop(busy);
}

/// The same pod with another strategy.
fn with(
    pod: &Pod,
    table: &Arc<arc_swap::ArcSwap<authcluster_hasher::policy::routing::Table>>,
    strategy: RoutingStrategy,
) -> Routed {
    let routing = Routing { strategy, ..Routing::default() };
    Routed::new(
        Arc::clone(&pod.local),
        Arc::clone(table),
        LiveSettings::new(&Live { routing, ..Live::default() }, ""),
        pod.client.clone(),
        Arc::clone(&pod.metrics),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_strategies_spread_one_users_requests() {
    let pods = pods(2, &Authority::new(), &[]).await;
    let rows = pods.iter().map(|pod| (pod.local.node().to_string(), pod.address, 100));
    let table = Arc::new(arc_swap::ArcSwap::from_pointee(crate::cluster::table(rows)));
    let who = Who::unknown(user(0));
    let call = async |work: &Routed| {
        let deadline = now() + Duration::from_secs(30);
        work.compute(Some(&who), hash(crate::cluster::SMALL), deadline).await.unwrap();
    };
    let turns = with(&pods[0], &table, RoutingStrategy::WeightedRoundRobin);
    for _ in 0..20 {
        call(&turns).await;
    }
    assert_eq!(pods[1].count("peer_jobs", "done"), 10);
    // The other pod is busy, and says so in its first reply: all that follow stay here for a while.
    let loads = with(&pods[0], &table, RoutingStrategy::LeastLoaded);
    let busy = pods[1].occupy();
    let asked = pods[0].count("forwarded", "refused");
    for _ in 0..20 {
        call(&loads).await;
    }
    assert!(pods[0].count("forwarded", "refused") - asked <= 2);
    drop(busy);
    let affine = with(&pods[0], &table, RoutingStrategy::Affinity);
    let before = pods[1].count("peer_jobs", "done");
    for _ in 0..6 {
        call(&affine).await;
    }
    let handed = pods[1].count("peer_jobs", "done") - before;
    assert!(handed == 0 || handed == 6, "one user has one home: {handed}");
}
