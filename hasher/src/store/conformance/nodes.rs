//! What every store must do with nodes.

#![expect(clippy::unwrap_used, reason = "a check stops where it fails")]

use std::time::Duration;

use authcluster_contract::cost::Units;
use authcluster_contract::limits::HEARTBEAT_TTL_MS;
use authcluster_contract::node::{NodeId, NodeRecord};

use super::Pass;
use crate::store::{NodeEntry, Store};

pub(super) async fn check(store: &dyn Store, name: &str, pass: Pass<'_>) {
    a_node_is_seen_with_its_load_until_it_withdraws(store, name).await;
    a_node_without_a_heartbeat_keeps_its_record_alone(store, name, pass).await;
}

fn record(offered: u64) -> NodeRecord {
    NodeRecord {
        address: ([10, 0, 0, 1], 8444).into(),
        lanes: 2,
        speed: 8_000,
        offered,
        version: "0.1.0".to_owned(),
        config: String::new(),
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
