//! The operator dies at any time, and the next one goes on from what it finds.

use std::time::Duration;

use anyhow::Context as _;
use authcluster_tests::cluster::{Cluster, OPERATOR_NAMESPACE, World};
use authcluster_tests::eventually::eventually;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams};

/// Longest time until the operator does what is waited for.
const WITHIN: Duration = Duration::from_secs(90);

/// Kinds of steps that a formation takes, in the events of the resource; the operator is killed as soon
/// as it has begun one.
const POINTS: [&str; 4] = ["Generate", "AddSlots", "Meet", "Replicate"];

#[tokio::test]
async fn the_operator_is_killed_while_it_forms_a_cluster() -> anyhow::Result<()> {
    Cluster::applied("restarts").await?;
    let world = World::get().await?;
    for point in POINTS {
        eventually(&format!("a step {point}"), WITHIN, || async {
            let reasons = [
                "get",
                "events",
                "-n",
                "restarts",
                "-o",
                "jsonpath={range .items[*]}{.reason} {end}",
            ];
            let reasons = world.kubectl(&reasons, "").await?;
            anyhow::ensure!(reasons.split(' ').any(|reason| reason == point), "{reasons}");
            Ok(())
        })
        .await?;
        kill_operator(world).await?;
    }
    let cluster = Cluster::becomes_ready("restarts").await?;
    let status = cluster.status().await?;
    let redis = status.redis.context("no status of Redis")?;
    assert_eq!((redis.shards, redis.slots_covered), (3, 16_384));
    cluster.until_redis_is_whole(Duration::from_secs(10)).await?;
    let encoded = cluster.hash("correct horse").await?;
    cluster.log_in("alice", "correct horse", &encoded).await?;
    cluster.remove().await
}

/// Ends its pod at once: nothing in it is told, and its lease has to run out.
async fn kill_operator(world: &World) -> anyhow::Result<()> {
    let pods: Api<Pod> = Api::namespaced(world.client()?, OPERATOR_NAMESPACE);
    for pod in pods.list(&ListParams::default()).await? {
        let name = pod.metadata.name.context("a pod without a name")?;
        pods.delete(&name, &DeleteParams::default().grace_period(0)).await?;
    }
    Ok(())
}
