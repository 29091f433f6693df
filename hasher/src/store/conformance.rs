//! What every store must do, as checks over the trait: the store in memory runs them with a clock
//! that is moved by hand, a real Redis Cluster with time that passes.

#![expect(clippy::unwrap_used, reason = "a check stops where it fails")]

use std::time::Duration;

use authcluster_contract::cost::Units;
use authcluster_contract::keys::SessionDigest;
use authcluster_contract::limits::HEARTBEAT_TTL_MS;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};
use futures::future::BoxFuture;

use super::{NodeEntry, Session, Standing, Store};

/// Lets so much time pass for the store.
pub type Pass<'a> = &'a (dyn Fn(Duration) -> BoxFuture<'static, ()> + Sync);

/// Long beside a call on a busy machine, short enough to wait for.
const IDLE: Duration = Duration::from_secs(2);

fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

fn session(absolute_timeout: Duration) -> Session {
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap();
    Session {
        user: keys.user(&realm("shop"), "alice").unwrap(),
        realm: realm("shop"),
        username: "Alice".to_owned(),
        data: "{\"role\":\"editor\"} \u{1f600} \r\n".to_owned(),
        idle_timeout: IDLE,
        absolute_timeout,
    }
}

/// Runs all checks on a store that answers. `name` keeps the sessions and nodes of two runs on one
/// store apart; a name of a node may start with it.
pub async fn check_all(store: &dyn Store, name: &str, pass: Pass<'_>) {
    assert_eq!(store.standing(), Standing::Reachable);
    a_session_may_be_created_anew(store, name).await;
    a_short_session_is_never_idle_longer(store, name, pass).await;
    a_node_is_seen_with_its_load_until_it_withdraws(store, name).await;
    a_node_without_a_heartbeat_keeps_its_record_alone(store, name, pass).await;
    a_session_is_given_back_as_it_was_kept(store, name).await;
    a_session_of_another_realm_is_not_there(store, name).await;
    a_revoked_session_is_gone(store, name).await;
    a_session_ends_when_it_is_idle(store, name, pass).await;
    a_session_ends_at_last(store, name, pass).await;
}

async fn a_session_is_given_back_as_it_was_kept(store: &dyn Store, name: &str) {
    let digest = SessionDigest::of(&format!("{name}-kept"));
    let kept = session(Duration::from_secs(60));
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
    store.create_session(&digest, &kept).await.unwrap();
    let live = store.introspect_session(&digest, &kept.realm).await.unwrap().unwrap();
    assert_eq!((live.username, live.data), (kept.username, kept.data));
    assert!(live.expires_in <= IDLE && live.expires_in > Duration::ZERO);
}

async fn a_session_of_another_realm_is_not_there(store: &dyn Store, name: &str) {
    let digest = SessionDigest::of(&format!("{name}-realm"));
    let kept = session(Duration::from_secs(60));
    store.create_session(&digest, &kept).await.unwrap();
    assert!(store.introspect_session(&digest, &realm("other")).await.unwrap().is_none());
    assert!(!store.revoke_session(&digest, &realm("other")).await.unwrap());
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_some());
}

async fn a_revoked_session_is_gone(store: &dyn Store, name: &str) {
    let digest = SessionDigest::of(&format!("{name}-revoked"));
    let kept = session(Duration::from_secs(60));
    store.create_session(&digest, &kept).await.unwrap();
    assert!(store.revoke_session(&digest, &kept.realm).await.unwrap());
    assert!(!store.revoke_session(&digest, &kept.realm).await.unwrap());
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
}

async fn a_session_ends_when_it_is_idle(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let digest = SessionDigest::of(&format!("{name}-idle"));
    let kept = session(Duration::from_secs(60));
    store.create_session(&digest, &kept).await.unwrap();
    for _ in 0..3 {
        pass(IDLE / 2).await;
        assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_some());
    }
    pass(IDLE + IDLE / 4).await;
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
}

async fn a_session_ends_at_last(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let digest = SessionDigest::of(&format!("{name}-absolute"));
    let kept = session(IDLE + IDLE / 2);
    store.create_session(&digest, &kept).await.unwrap();
    for _ in 0..2 {
        pass(IDLE / 2).await;
        assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_some());
    }
    pass(IDLE / 2 + IDLE / 4).await;
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
}

async fn a_session_may_be_created_anew(store: &dyn Store, name: &str) {
    let digest = SessionDigest::of(&format!("{name}-anew"));
    let first = session(Duration::from_secs(60));
    store.create_session(&digest, &first).await.unwrap();
    let second = Session { realm: realm("other"), data: String::new(), ..first.clone() };
    store.create_session(&digest, &second).await.unwrap();
    assert!(store.introspect_session(&digest, &first.realm).await.unwrap().is_none());
    let live = store.introspect_session(&digest, &second.realm).await.unwrap().unwrap();
    assert_eq!(live.data, "");
}

async fn a_short_session_is_never_idle_longer(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let digest = SessionDigest::of(&format!("{name}-short"));
    let kept = session(IDLE / 2);
    store.create_session(&digest, &kept).await.unwrap();
    let live = store.introspect_session(&digest, &kept.realm).await.unwrap().unwrap();
    assert!(live.expires_in <= IDLE / 2, "{:?}", live.expires_in);
    pass(IDLE * 3 / 4).await;
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
    assert!(!store.revoke_session(&digest, &kept.realm).await.unwrap());
}

fn record(offered: u64) -> NodeRecord {
    NodeRecord {
        address: ([10, 0, 0, 1], 8444).into(),
        lanes: 2,
        speed: 8_000,
        offered,
        version: "0.1.0".to_owned(),
    }
}

async fn seen(store: &dyn Store, node: &NodeId) -> Option<NodeEntry> {
    store.read_nodes().await.unwrap().into_iter().find(|entry| entry.node == *node)
}

async fn a_node_is_seen_with_its_load_until_it_withdraws(store: &dyn Store, name: &str) {
    let node: NodeId = format!("{name}-node").parse().unwrap();
    assert_eq!(seen(store, &node).await, None);
    store.announce_node(&node, &record(0)).await.unwrap();
    let entry = |record, load| NodeEntry { node: node.clone(), record, load, weight: None };
    assert_eq!(seen(store, &node).await, Some(entry(record(0), None)));
    store.publish_load(&node, Units(38)).await.unwrap();
    assert_eq!(seen(store, &node).await, Some(entry(record(0), Some(Units(38)))));
    store.announce_node(&node, &record(100)).await.unwrap();
    store.publish_load(&node, Units::ZERO).await.unwrap();
    assert_eq!(seen(store, &node).await, Some(entry(record(100), Some(Units::ZERO))));
    store.withdraw_node(&node).await.unwrap();
    assert_eq!(seen(store, &node).await, None);
    store.withdraw_node(&node).await.unwrap();
}

async fn a_node_without_a_heartbeat_keeps_its_record_alone(
    store: &dyn Store,
    name: &str,
    pass: Pass<'_>,
) {
    let nodes = ["b", "a"].map(|end| format!("{name}-{end}").parse::<NodeId>().unwrap());
    let [b, a] = &nodes;
    for node in &nodes {
        store.announce_node(node, &record(0)).await.unwrap();
        store.publish_load(node, Units(1)).await.unwrap();
    }
    let time = Duration::from_millis(HEARTBEAT_TTL_MS);
    pass(time / 2).await;
    store.publish_load(b, Units(2)).await.unwrap();
    pass(time * 6 / 10).await;
    assert_eq!(seen(store, a).await.unwrap().load, None);
    assert_eq!(seen(store, b).await.unwrap().load, Some(Units(2)));
    let names: Vec<NodeId> =
        store.read_nodes().await.unwrap().into_iter().map(|entry| entry.node).collect();
    assert!(names.is_sorted(), "{names:?}");
    for node in &nodes {
        store.withdraw_node(node).await.unwrap();
    }
}
