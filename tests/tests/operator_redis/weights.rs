//! Weights and records of hashers, at whoever owns their slots.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use authcluster_contract::keys;
use authcluster_contract::node::NodeId;
use authcluster_contract::weights::Weight;
use authcluster_operator::apply::redis::Leading;
use authcluster_operator::apply::weights::write_weights;
use authcluster_operator::clock::Clock;
use authcluster_operator::lease::Fence;
use authcluster_operator::observe::redis::Reach;
use authcluster_operator::observe::redis::store::observe_store;
use authcluster_operator::plan::seen::Known;
use authcluster_operator::redis_client::Access;
use authcluster_tests::redis::pods::{PORT, password};
use zeroize::Zeroizing;

use crate::cluster::Cluster;

const RECORD: &str =
    r#"{"address":"10.0.0.1:8444","lanes":2,"speed":100,"offered":0,"version":"0.1.0"}"#;

async fn reach(cluster: &Cluster) -> anyhow::Result<Reach> {
    let access = Access::new(PORT, Zeroizing::new(password("operator")));
    Ok(Reach { access, owners: cluster.owners().await? })
}

/// A hasher says of itself what `value` says.
async fn register(cluster: &Cluster, reach: &Reach, id: &str, value: &str) -> anyhow::Result<()> {
    let pod = cluster.pods.get(reach.owners.owner(keys::NODES)?.pod).context("the owner")?;
    let mut connection = pod.connect("hasher").await?;
    let command = redis::cmd("HSET").arg(keys::NODES).arg(id).arg(value).to_owned();
    Ok(command.query_async::<()>(&mut connection).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_are_written_read_and_removed_in_every_shard() -> anyhow::Result<()> {
    let cluster = Cluster::formed(3, 0).await?;
    let reach = reach(&cluster).await?;
    let ids: BTreeSet<NodeId> =
        (0..12).map(|index| format!("demo-hasher-{index}").parse().unwrap()).collect();
    for id in &ids {
        register(&cluster, &reach, id.as_str(), RECORD).await?;
    }
    register(&cluster, &reach, "demo-hasher-odd", "{}").await?;
    let read = async || observe_store(&reach.access, &reach.owners, BTreeSet::new()).await;

    let (nodes, weights) = read().await;
    assert_eq!(nodes.known().unwrap().len(), ids.len(), "a record that cannot be read is none");
    assert_eq!(weights, Known::Known(BTreeMap::new()));

    let fence = Fence::until(Clock.instant() + std::time::Duration::from_secs(60));
    let leading = Leading { fence: &fence, clock: Clock };
    let weight = |id: &NodeId| Weight::from_capacity(id.as_str().len() as u64);
    let changes = ids.iter().map(|id| (id.clone(), Some(weight(id)))).collect();
    write_weights(&reach, leading, &changes).await?;
    let expected = ids.iter().map(|id| (id.clone(), weight(id))).collect();
    assert_eq!(read().await.1, Known::Known(expected));

    let gone = ids.iter().take(11).map(|id| (id.clone(), None)).collect();
    write_weights(&reach, leading, &gone).await?;
    write_weights(&reach, leading, &gone).await?;
    let (nodes, weights) = read().await;
    assert_eq!((nodes.known().unwrap().len(), weights.known().unwrap().len()), (1, 1));
    let nodes = observe_store(&reach.access, &reach.owners, ids.clone()).await.1;
    assert_eq!(nodes.known().unwrap().len(), 1, "no weight is left behind without its record");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_owner_nothing_is_known() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(1, 0).await?;
    let unformed = reach(&cluster).await?;
    let (nodes, _) = observe_store(&unformed.access, &unformed.owners, BTreeSet::new()).await;
    assert_eq!(nodes, Known::Unknown("the Redis Cluster is not formed".to_owned()));
    cluster.converge("it forms").await?;
    let formed = reach(&cluster).await?;
    let (nodes, weights) = observe_store(&formed.access, &formed.owners, BTreeSet::new()).await;
    assert_eq!((nodes, weights), (Known::Known([].into()), Known::Known([].into())));
    cluster.pods.values_mut().try_for_each(|pod| pod.kill())?;
    let (nodes, weights) = observe_store(&formed.access, &formed.owners, BTreeSet::new()).await;
    assert!(matches!((nodes, weights), (Known::Unknown(_), Known::Unknown(_))));
    Ok(())
}
