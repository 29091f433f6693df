//! What breaks a cluster that was formed, and that it heals with every session there.

use std::time::Duration;

use authcluster_operator::plan::topology::{Next, PodName, StallReason, Storage};
use authcluster_tests::eventually::eventually;

use crate::cluster::{Cluster, pod_name};

/// An election needs the node timeout of a second, a vote, and luck with their random delays.
const ELECTION: Duration = Duration::from_secs(30);

/// Waits until another pod than `old` is the primary of its shard.
async fn successor(cluster: &Cluster, shard: u16, old: &PodName) -> anyhow::Result<PodName> {
    eventually("a replica is elected", ELECTION, || async {
        let primary = cluster.primary(shard).await?;
        anyhow::ensure!(primary != *old, "{primary} still is");
        Ok(primary)
    })
    .await
}

/// A session at a time: `cluster_state` is ok again a moment after the election.
async fn sessions_come_back(cluster: &Cluster, keys: &[String]) -> anyhow::Result<()> {
    eventually("the sessions are back", ELECTION, || cluster.assert_sessions(keys)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_comes_back_as_a_replica() -> anyhow::Result<()> {
    let mut cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let old = cluster.primary(1).await?;
    cluster.pod(&old)?.kill()?;
    let waits = |next: &Next, _: &_| matches!(next, Next::Wait(_));
    cluster.until("nothing is done while Redis elects", waits).await?;
    let new = successor(&cluster, 1, &old).await?;
    sessions_come_back(&cluster, &keys).await?;
    cluster.pod(&old)?.started().await?;
    cluster.converge("the old primary is a replica").await?;
    assert_eq!(cluster.primary(1).await?, new);
    cluster.assert_sessions(&keys).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_comes_back_empty_elsewhere_is_replaced_and_forgotten() -> anyhow::Result<()>
{
    let mut cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let old = cluster.primary(2).await?;
    let id = cluster.states().await[&old].id.clone();
    cluster.pod(&old)?.kill()?;
    cluster.pod(&old)?.lose_data(false)?;
    cluster.pod(&old)?.move_away()?;
    cluster.pod(&old)?.started().await?;
    cluster.converge("the new node is the replica").await?;
    for (pod, state) in cluster.states().await {
        assert!(!state.peers.contains_key(&id), "{pod} still knows {id}");
    }
    assert_ne!(cluster.primary(2).await?, old);
    cluster.assert_sessions(&keys).await
}

/// Another node at the address of a primary: nobody finds the primary failed, so nobody is elected
/// until the operator asks for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_comes_back_empty_at_its_address_at_once_is_replaced() -> anyhow::Result<()>
{
    let mut cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let old = cluster.primary(2).await?;
    cluster.pod(&old)?.kill()?;
    cluster.pod(&old)?.lose_data(false)?;
    cluster.pod(&old)?.started().await?;
    cluster.steps.clear();
    cluster.converge("the new node is the replica").await?;
    assert!(!cluster.steps.contains(&"AddSlots"), "{:?}", cluster.steps);
    assert_ne!(cluster.primary(2).await?, old);
    cluster.assert_sessions(&keys).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lost_its_data_copies_it_again() -> anyhow::Result<()> {
    let mut cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let primary = cluster.primary(0).await?;
    let replica = if primary == pod_name(0, 0) { pod_name(0, 1) } else { pod_name(0, 0) };
    let id = cluster.states().await[&replica].id.clone();
    cluster.pod(&replica)?.kill()?;
    cluster.pod(&replica)?.lose_data(false)?;
    cluster.pod(&replica)?.started().await?;
    cluster.converge("the replica is in sync again").await?;
    let states = cluster.states().await;
    assert_ne!(states[&replica].id, id);
    assert_eq!(states[&replica].keys, states[&primary].keys);
    assert_eq!(cluster.primary(0).await?, primary);
    cluster.assert_sessions(&keys).await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pods_with_new_addresses_find_each_other() -> anyhow::Result<()> {
    let mut cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let names: Vec<PodName> = cluster.pods.keys().cloned().collect();
    for name in &names {
        cluster.pod(name)?.kill()?;
        cluster.pod(name)?.move_away()?;
    }
    for name in &names {
        cluster.pod(name)?.start()?;
    }
    cluster.steps.clear();
    cluster.converge("all know each other's new addresses").await?;
    assert!(cluster.steps.contains(&"Meet"), "{:?}", cluster.steps);
    assert!(!cluster.steps.contains(&"AddSlots"), "{:?}", cluster.steps);
    cluster.assert_sessions(&keys).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formed_cluster_whose_volumes_are_all_empty_is_not_formed_again() -> anyhow::Result<()> {
    let mut cluster = Cluster::formed(3, 1).await?;
    let names: Vec<PodName> = cluster.pods.keys().cloned().collect();
    for name in &names {
        cluster.pod(name)?.kill()?;
        cluster.pod(name)?.lose_data(false)?;
    }
    for name in &names {
        cluster.pod(name)?.started().await?;
    }
    cluster.steps.clear();
    let lost =
        |next: &Next, _: &_| matches!(next, Next::Stalled(StallReason::DataLost { shard: _ }));
    cluster.until("it says that data is lost", lost).await?;
    assert_eq!(cluster.steps, Vec::<&str>::new());
    assert_eq!(cluster.states().await.values().filter(|state| state.is_fresh()).count(), 6);
    cluster.data_loss_accepted = true;
    cluster.converge("it starts anew once a person has said so").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_shard_without_storage_starts_anew_beside_the_others() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(3, 0).await?;
    cluster.storage = Storage::Ephemeral;
    cluster.converge("it forms").await?;
    let keys = cluster.write_sessions(20).await?;
    let pod = pod_name(1, 0);
    cluster.pod(&pod)?.kill()?;
    cluster.pod(&pod)?.lose_data(false)?;
    cluster.pod(&pod)?.move_away()?;
    cluster.pod(&pod)?.started().await?;
    cluster.steps.clear();
    cluster.converge("the shard has its slots again").await?;
    let mut last = None;
    for key in &keys {
        last = cluster.assert_sessions(std::slice::from_ref(key)).await.err().or(last);
    }
    let steps = &cluster.steps;
    assert!(steps.starts_with(&["SetConfigEpoch", "AddSlots", "Meet"]), "{steps:?}");
    Ok(())
}
