//! Circuit breakers over real sockets: a peer that is gone is left alone, and called again once it is
//! back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use authcluster_hasher::peer;
use authcluster_hasher::policy::breaker::State;
use authcluster_hasher::policy::routing::RouteKey;
use authcluster_hasher::telemetry::{Metrics, Tasks};
use authcluster_hasher::work::{Who, Work as _};
use tokio::net::TcpListener;

use crate::cluster::{Authority, PATIENCE, Pod, SMALL, hash, now, pods, table};

/// Where nobody listens yet.
async fn vacant() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// The users of one ghost; it weighs as much as a pod.
fn users_of(
    ghost: &str,
    pods: &[Pod],
    ghosts: &[(&str, SocketAddr)],
) -> impl Iterator<Item = usize> + use<> {
    let rows = pods.iter().map(|pod| (pod.local.node().to_string(), pod.address, 100));
    let ghosts = ghosts.iter().map(|(node, at)| ((*node).to_owned(), *at, 100));
    let table = table(rows.chain(ghosts));
    let ghost = ghost.to_owned();
    (0..).filter(move |number| {
        let rows = table.by_affinity(RouteKey::of(&crate::cluster::user(*number)));
        rows.first().is_some_and(|row| row.node.as_str() == ghost)
    })
}

fn state(pod: &Pod, node: &str) -> State {
    let nodes = pod.work.nodes();
    let known = nodes.iter().find(|known| known.entry.node.as_str() == node).unwrap();
    known.breaker.unwrap().0
}

async fn ask(pod: &Pod, user: usize) {
    pod.hash_for(Some(&crate::cluster::user(user))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_peer_is_left_alone_and_called_again_once_it_is_back() {
    let authority = Authority::new();
    let address = vacant().await;
    let pods = pods(2, &authority, &[("ghost", address, 100)]).await;
    let mut users = users_of("ghost", &pods, &[("ghost", address)]);
    for user in users.by_ref().take(4) {
        ask(&pods[0], user).await;
        assert_eq!(state(&pods[0], "ghost"), State::Closed);
    }
    let opens = now();
    ask(&pods[0], users.next().unwrap()).await;
    let mut asked = 0;
    for user in users.by_ref().take(20) {
        ask(&pods[0], user).await;
        let metrics = pods[0].metrics.encode(&pods[0].local).unwrap();
        let seen = (state(&pods[0], "ghost"), pods[0].count("forwarded", "failed"));
        // Its first recovery less a quarter: on a machine that was slower a probe may have been sent.
        if Duration::from_millis(750) <= opens.elapsed() {
            break;
        }
        asked += 1;
        assert_eq!(seen, (State::Open, 5));
        assert!(metrics.contains("authcluster_hasher_breakers_open 1\n"), "{metrics}");
        assert!(metrics.contains("authcluster_hasher_breaker_opened_total 1\n"), "{metrics}");
    }
    assert!(asked > 0, "nothing was seen of it");
    // Each router has its own.
    assert_eq!(state(&pods[1], "ghost"), State::Closed);

    let failed = pods[0].count("forwarded", "failed");
    let listener = TcpListener::bind(address).await.unwrap();
    let (metrics, tasks) = (Arc::new(Metrics::new()), Tasks::default());
    let server = peer::server(Arc::clone(&pods[1].local), &authority.peer(), metrics);
    let stop = tasks.draining().cancelled_owned();
    tokio::spawn(server.serve(listener, tasks, stop));
    let began = now();
    while state(&pods[0], "ghost") != State::Closed {
        assert!(began.elapsed() < PATIENCE, "it is never called again");
        ask(&pods[0], users.next().unwrap()).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(pods[0].count("forwarded", "failed"), failed);
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_reaches_less_than_half_computes_by_itself() {
    let ghosts = [("ghost-a", vacant().await), ("ghost-b", vacant().await)];
    let weighed = ghosts.map(|(node, at)| (node, at, 100));
    let pods = pods(1, &Authority::new(), &weighed).await;
    let began = now();
    for (ghost, _) in &ghosts {
        for user in users_of(ghost, &pods, &ghosts).take(5) {
            ask(&pods[0], user).await;
        }
    }
    let mut asked = 0;
    for user in 0..20 {
        ask(&pods[0], user).await;
        let failed = pods[0].count("forwarded", "failed");
        if Duration::from_millis(750) <= began.elapsed() {
            break;
        }
        asked += 1;
        assert_eq!(failed, 10);
    }
    assert!(asked > 0, "nothing was seen of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_go_away_say_nothing_of_a_peer() {
    // It takes connections and never says a word.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = mute.local_addr().unwrap();
    let pods = pods(1, &Authority::new(), &[("mute", at, 100)]).await;
    for user in users_of("mute", &pods, &[("mute", at)]).take(20) {
        let who = Who::unknown(crate::cluster::user(user));
        let call = pods[0].work.compute(Some(&who), hash(SMALL), now() + PATIENCE);
        // Polled once, so that it is under way.
        assert!(futures::poll!(std::pin::pin!(call)).is_pending());
    }
    assert_eq!(state(&pods[0], "mute"), State::Closed);
    assert_eq!(pods[0].count("forwarded", "failed"), 0);
}
