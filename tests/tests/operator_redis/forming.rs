//! A cluster is formed step by step, whatever comes between two steps, and only once.

use std::path::Path;

use authcluster_contract::slots::SlotSet;
use authcluster_operator::plan::topology::{Link, Role};
use authcluster_tests::redis::pods::PodOptions;

use crate::cluster::{AGENT, Cluster, pod_name};
use crate::scenario::live;

#[tokio::test(flavor = "multi_thread")]
async fn three_shards_form_with_a_replica_each_on_another_node() -> anyhow::Result<()> {
    let cluster = Cluster::formed(3, 1).await?;
    let (wanted, states) = (cluster.wanted()?, cluster.states().await);
    let mut owned = SlotSet::empty();
    for shard in 0..3 {
        let primary = cluster.primary(shard).await?;
        let slots = &states[&primary].slots;
        assert!(slots.len() >= 5_461, "{primary} has {slots}");
        assert!(owned.intersection(slots).is_empty());
        owned = owned.union(slots);
        let replica = [0, 1].map(|ordinal| pod_name(shard, ordinal));
        let replica = replica.into_iter().find(|pod| *pod != primary).unwrap();
        let role = Role::Replica { of: states[&primary].id.clone(), link: Link::Up };
        assert_eq!(states[&replica].role, role, "{replica}");
        assert_ne!(wanted.pods[&replica].node, wanted.pods[&primary].node);
    }
    assert_eq!(owned, SlotSet::all());
    let keys = cluster.write_sessions(20).await?;
    cluster.assert_sessions(&keys).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_lives_through_everything_in_turn() -> anyhow::Result<()> {
    let said = live(&PodOptions::of(Path::new(AGENT))).await?;
    assert!(said.contains("cluster"), "{said}");
    Ok(())
}
