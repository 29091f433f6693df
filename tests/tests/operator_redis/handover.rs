//! `ready`, `prestop` and the wait of an emptied primary, all without the operator.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_operator::plan::topology::{Link, PodName, Role};
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::pods::{PodOptions, RedisPod};
use futures::future::try_join_all;
use redis::aio::MultiplexedConnection;
use tokio::join;
use tokio::sync::Mutex;

use crate::cluster::{AGENT, Cluster, pod_name};

async fn assert_ready(pod: &RedisPod, expected: bool) -> anyhow::Result<()> {
    let ran = pod.run("ready").await?;
    assert_eq!(ran.code, Some(if expected { 0 } else { 1 }), "{}", ran.said);
    Ok(())
}

fn other(primary: &PodName, shard: u16) -> PodName {
    if *primary == pod_name(shard, 0) { pod_name(shard, 1) } else { pod_name(shard, 0) }
}

/// A cluster with the node timeout that the operator sets: elections that fail are not repeated soon, and
/// nobody is elected in place of a node that has just gone.
async fn formed_as_in_production(shards: u16) -> anyhow::Result<Cluster> {
    let mut options = PodOptions::of(Path::new(AGENT));
    options.config.push_str("cluster-node-timeout 5000\n");
    let mut cluster = Cluster::start_with(&options, shards, 1).await?;
    cluster.converge("the cluster forms").await?;
    Ok(cluster)
}

/// Writes one of the sessions again, at the primary that has it.
struct Writer {
    primary: MultiplexedConnection,
    key: String,
}

impl Writer {
    async fn new(cluster: &Cluster, primary: &PodName, keys: &[String]) -> anyhow::Result<Self> {
        let owners = cluster.owners().await?;
        let key = keys.iter().find(|key| owners.owner(key).is_ok_and(|it| *it.pod == *primary));
        let key = key.with_context(|| format!("{primary} has no session"))?.clone();
        let pod = cluster.pods.get(primary).context("its pod")?;
        Ok(Self { primary: pod.connect("hasher").await?, key })
    }

    async fn write(&mut self) -> anyhow::Result<()> {
        let mut command = redis::cmd("SET");
        command.arg(&self.key).arg(&self.key);
        Ok(command.query_async(&mut self.primary).await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_is_a_node_that_has_its_data() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(1, 1).await?;
    for pod in cluster.pods.values() {
        assert_ready(pod, false).await?;
    }
    cluster.converge("it forms").await?;
    for pod in cluster.pods.values() {
        assert_ready(pod, true).await?;
    }
    let primary = cluster.primary(0).await?;
    let replica = other(&primary, 0);
    cluster.pod(&primary)?.kill()?;
    assert_ready(&cluster.pods[&primary], false).await?;
    eventually("a replica without its primary is not ready", Duration::from_secs(10), || async {
        let ran = cluster.pods[&replica].run("ready").await?;
        anyhow::ensure!(ran.code == Some(1), "{ran:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_is_handed_over_before_its_pod_ends() -> anyhow::Result<()> {
    let mut cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let primary = cluster.primary(0).await?;
    let ran = cluster.pods[&primary].run("prestop").await?;
    assert_eq!((ran.code, ran.said.as_str()), (Some(0), "redis-agent: handed over\n"));
    let new = cluster.primary(0).await?;
    assert_eq!(new, other(&primary, 0), "prestop comes back after the hand-over");
    let ran = cluster.pods[&primary].run("prestop").await?;
    assert_eq!(ran.said, "redis-agent: nothing to hand over\n", "a replica has nothing");
    cluster.pod(&primary)?.kill()?;
    eventually("the sessions are there", Duration::from_secs(10), || {
        cluster.assert_sessions(&keys)
    })
    .await?;
    cluster.pod(&primary)?.started().await?;
    cluster.converge("the pod is a replica").await
}

#[tokio::test(flavor = "multi_thread")]
async fn primaries_that_end_at_once_hand_over_one_after_another() -> anyhow::Result<()> {
    let cluster = formed_as_in_production(5).await?;
    let keys = cluster.write_sessions(50).await?;
    let primaries = try_join_all((0..5).map(|shard| cluster.primary(shard))).await?;
    let ending = primaries.iter().map(|primary| cluster.pods[primary].run("prestop"));
    for ran in try_join_all(ending).await? {
        assert_eq!(ran.said, "redis-agent: handed over\n");
    }
    for pod in cluster.pods.values() {
        assert!(!pod.log().contains("Manual failover timed out"), "{}", pod.log());
    }
    cluster.assert_sessions(&keys).await
}

/// Hands a shard over while another stands before its primary in the queue, and then does not any more.
async fn assert_waits_for_its_turn(cluster: &Cluster, shard: u16) -> anyhow::Result<()> {
    let primary = cluster.primary(shard).await?;
    let pod = |name: &PodName| cluster.pods.get(name).context("a pod");
    let mut referee = pod(&cluster.referee().await?)?.connect("operator").await?;
    let mut enter = redis::cmd("CLIENT");
    enter.arg("SETNAME").arg("handover-test").query_async::<()>(&mut referee).await?;
    let queue = Mutex::new(referee);
    let told = async {
        eventually("the agent has stood there for a second", Duration::from_secs(10), || async {
            let mut list = redis::cmd("CLIENT");
            let clients: String = list.arg("LIST").query_async(&mut *queue.lock().await).await?;
            let agent = |client: &&str| {
                client.contains("name=handover-") && !client.contains("name=handover-test")
            };
            let agent = clients.lines().find(agent).context("nobody is there")?;
            anyhow::ensure!(!agent.contains(" age=0 "), "{agent}");
            Ok(())
        })
        .await?;
        // The agent looks every fifty milliseconds, and one that is asked takes over within a few.
        let log = pod(&other(&primary, shard))?.log();
        assert!(!log.contains("Manual failover"), "{log}");
        drop(queue);
        anyhow::Ok(())
    };
    let (ran, told) = join!(pod(&primary)?.run("prestop"), told);
    told?;
    assert_eq!(ran?.said, "redis-agent: handed over\n");
    assert_eq!(cluster.primary(shard).await?, other(&primary, shard));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_waits_for_its_turn_to_hand_over() -> anyhow::Result<()> {
    let cluster = Cluster::formed(3, 1).await?;
    assert_waits_for_its_turn(&cluster, 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_whose_referee_is_gone_is_kept_by_another() -> anyhow::Result<()> {
    let mut cluster = formed_as_in_production(3).await?;
    let referee = cluster.referee().await?;
    let shard = if referee == pod_name(0, 0) || referee == pod_name(0, 1) { 1 } else { 0 };
    cluster.pod(&referee)?.kill()?;
    assert_waits_for_its_turn(&cluster, shard).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_behind_takes_over_once_it_has_everything() -> anyhow::Result<()> {
    let cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let primary = cluster.primary(0).await?;
    let mut writer = Writer::new(&cluster, &primary, &keys).await?;
    let held = Mutex::new(cluster.pods[&other(&primary, 0)].hold_back().await?);
    writer.write().await?;
    let told = async {
        eventually("the agent looks again and again", Duration::from_secs(10), || async {
            let asked = held.lock().await.asked().await?;
            anyhow::ensure!(asked > 2, "{asked}");
            Ok(())
        })
        .await?;
        // A hand-over that has begun would not let it through.
        writer.write().await?;
        held.into_inner().let_go().await
    };
    let (ran, told) = join!(cluster.pods[&primary].run("prestop"), told);
    told?;
    assert_eq!(ran?.said, "redis-agent: handed over\n");
    eventually("the sessions are there", Duration::from_secs(10), || cluster.assert_sessions(&keys))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_hears_nothing_is_not_in_sync() -> anyhow::Result<()> {
    // Nobody is elected without a majority, so the replica stays one.
    let mut cluster = Cluster::formed(1, 1).await?;
    let primary = cluster.primary(0).await?;
    let replica = other(&primary, 0);
    cluster.pod(&primary)?.freeze()?;
    // Redis takes ten seconds to say so.
    eventually("neither agent nor operator trusts it", Duration::from_secs(9), || async {
        let ran = cluster.pods[&replica].run("ready").await?;
        anyhow::ensure!(ran.said.contains("heard nothing of its primary"), "{}", ran.said);
        let role = &cluster.states().await[&replica].role;
        anyhow::ensure!(matches!(role, Role::Replica { link: Link::Down, .. }), "{role:?}");
        Ok(())
    })
    .await?;
    cluster.pod(&primary)?.thaw()?;
    cluster.converge("it hears of its primary again").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_whose_replica_stays_behind_ends_all_the_same() -> anyhow::Result<()> {
    let cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let primary = cluster.primary(0).await?;
    let mut writer = Writer::new(&cluster, &primary, &keys).await?;
    let _held = cluster.pods[&other(&primary, 0)].hold_back().await?;
    writer.write().await?;
    let ran = cluster.pods[&primary].run("prestop").await?;
    assert_eq!(ran.code, Some(0));
    assert!(ran.said.contains("no replica is in sync after 30s"), "{}", ran.said);
    assert_eq!(cluster.primary(0).await?, primary);
    writer.write().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_without_a_replica_ends_all_the_same() -> anyhow::Result<()> {
    let mut cluster = Cluster::formed(3, 1).await?;
    let primary = cluster.primary(0).await?;
    cluster.pod(&other(&primary, 0))?.kill()?;
    let ran = cluster.pods[&primary].run("prestop").await?;
    assert_eq!(ran.code, Some(0));
    assert!(ran.said.contains("no replica answers"), "{}", ran.said);
    assert_eq!(cluster.primary(0).await?, primary);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_primary_waits_until_its_replica_has_taken_over() -> anyhow::Result<()> {
    let mut cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let primary = cluster.primary(1).await?;
    cluster.pod(&primary)?.kill()?;
    cluster.pod(&primary)?.lose_data(true)?;
    // At once: without the wait the server would be back before anyone missed it.
    cluster.pod(&primary)?.start()?;
    cluster.pods[&primary].answers(Duration::from_secs(40)).await?;
    let log = cluster.pods[&primary].log();
    assert!(log.contains("a replica has taken over; starting as its replica"), "{log}");
    assert_eq!(cluster.primary(1).await?, other(&primary, 1));
    cluster.converge("the pod is a replica with all data").await?;
    cluster.assert_sessions(&keys).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_copied_from_an_empty_node_at_a_primarys_address() -> anyhow::Result<()> {
    let mut cluster = Cluster::formed(3, 1).await?;
    let keys = cluster.write_sessions(20).await?;
    let primary = cluster.primary(1).await?;
    let replica = other(&primary, 1);
    let held = cluster.states().await[&replica].keys;
    cluster.pod(&primary)?.kill()?;
    cluster.pod(&primary)?.lose_data(false)?;
    cluster.pod(&primary)?.started().await?;
    // The operator is away, and nobody elects the replica: another node answers at the address.
    eventually("the replica asks for a copy", Duration::from_secs(10), || async {
        let log = cluster.pods[&replica].log();
        anyhow::ensure!(log.contains("NOPERM"), "{log}");
        Ok(())
    })
    .await?;
    assert_ready(&cluster.pods[&primary], false).await?;
    assert_eq!(cluster.states().await[&replica].keys, held);
    cluster.converge("the operator is back, and the empty node is the replica").await?;
    assert_eq!(cluster.primary(1).await?, replica);
    cluster.assert_sessions(&keys).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_primary_whose_replica_is_gone_as_well_does_not_wait_for_ever()
-> anyhow::Result<()> {
    let mut cluster = Cluster::start_holding(1, 3, 1).await?;
    cluster.converge("it forms").await?;
    let primary = cluster.primary(1).await?;
    let replica = other(&primary, 1);
    let keys = cluster.write_sessions(20).await?;
    let id = cluster.id(&primary).await?;
    cluster.pod(&replica)?.kill()?;
    cluster.pod(&primary)?.kill()?;
    cluster.pod(&primary)?.lose_data(true)?;
    cluster.pod(&primary)?.started().await?;
    let log = cluster.pods[&primary].log();
    assert!(log.contains("no replica has taken over in time; starting as a new node"), "{log}");
    assert_ne!(cluster.id(&primary).await?, id);
    // The replica still has everything, and nobody gave its slots away meanwhile.
    cluster.steps.clear();
    cluster.pod(&replica)?.started().await?;
    cluster.converge("the replica was elected, and the emptied pod copies it").await?;
    assert_eq!(cluster.primary(1).await?, replica);
    assert!(!cluster.steps.contains(&"AddSlots"), "{:?}", cluster.steps);
    cluster.assert_sessions(&keys).await
}
