//! Nodes are drained, pods are replaced and a node goes while users log in.
//!
//! The nodes of the lab are one machine with two cores, so the load is what one hasher could do alone: this
//! shows what is lost on the way, not how much goes through.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_lab::faults::Fault;
use authcluster_tests::cluster::{Cluster, Figures};
use authcluster_tests::eventually::eventually;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::say;

/// Longest time until pods are elsewhere: each has up to 30 s to end, and Redis is handed over first.
const MOVED_WITHIN: Duration = Duration::from_secs(120);

/// The nodes of the lab.
const NODES: [&str; 3] = ["node1", "node2", "node3"];

/// Logins with a session each, far below what there is capacity for.
const GENTLE: [&str; 5] = ["--rate", "15", "--sessions", "--users", "200"];

#[tokio::test]
async fn users_log_in_while_pods_and_nodes_go() -> anyhow::Result<()> {
    let requests = json!({"requests": {"cpu": "200m"}});
    let hashers = json!({"replicas": 3, "resources": requests});
    let cluster = Cluster::ready_with("rollouts", hashers).await?;
    pods_are_replaced(&cluster).await?;
    a_node_goes(&cluster, "died", Fault::Kill).await?;
    a_node_goes(&cluster, "cut", Fault::Cut).await?;
    nodes_are_drained(&cluster).await?;
    cluster.remove().await
}

fn nobody_noticed(what: &str, figures: &Figures) {
    say(what, figures);
    assert!(figures.sent > 50, "{what}: {figures:?}");
    assert_eq!(figures.failed(), 0, "{what}: {figures:?}");
}

/// Another policy needs other pods, and no login fails for it.
async fn pods_are_replaced(cluster: &Cluster) -> anyhow::Result<()> {
    let before: BTreeSet<String> = cluster.hashers().await?.into_keys().collect();
    let load = cluster.load("replaced", NODES[0], &GENTLE).await?;
    cluster.patch(json!({"spec": {"password": {"argon2id": {"memoryMiB": 12}}}})).await?;
    cluster.until_ready().await?;
    let after: BTreeSet<String> = cluster.hashers().await?.into_keys().collect();
    assert!(before.is_disjoint(&after), "{before:?} {after:?}");
    eventually("the old ones are gone", MOVED_WITHIN, || async {
        let pods: Vec<String> = cluster.pods("hasher").await?.into_keys().collect();
        anyhow::ensure!(pods.len() == after.len(), "{pods:?}");
        Ok(())
    })
    .await?;
    nobody_noticed("replaced", &load.end().await?);
    Ok(())
}

/// Any node, one after another, hashers and Redis with it.
async fn nodes_are_drained(cluster: &Cluster) -> anyhow::Result<()> {
    for (drained, other) in NODES.into_iter().zip(NODES.into_iter().cycle().skip(1)) {
        let name = format!("drained-{drained}");
        let load = cluster.load(&name, other, &GENTLE).await?;
        let world = cluster.world();
        let drain = ["drain", drained, "--ignore-daemonsets", "--delete-emptydir-data"];
        world.kubectl(&[&drain[..], &["--timeout", "180s"]].concat(), "").await?;
        for component in ["hasher", "redis"] {
            let pods = cluster.pods(component).await?;
            let on = |node: &str| {
                pods.values()
                    .filter(|pod| pod.spec.as_ref().unwrap().node_name.as_deref() == Some(node))
                    .count()
            };
            assert_eq!(on(drained), 0, "{component} on {drained}");
        }
        world.kubectl(&["uncordon", drained], "").await?;
        cluster.until_ready().await?;
        nobody_noticed(&name, &load.end().await?);
    }
    Ok(())
}

/// A node that loses its power, or its cable, takes the logins along that it was computing, and those that are
/// sent to it before anyone knows.
async fn a_node_goes(cluster: &Cluster, how: &str, fault: Fault) -> anyhow::Result<()> {
    let primaries = cluster.until_redis_is_whole(MOVED_WITHIN).await?;
    let (hashers, redis) = (cluster.pods("hasher").await?, cluster.pods("redis").await?);
    let node = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let goes = NODES.into_iter().skip(1).find(|goes| {
        let here = |pod: &Pod| node(pod).as_deref() == Some(*goes);
        let primaries = primaries.iter().filter(|primary| here(&redis[*primary])).count();
        // Two of three primaries at once are another story.
        primaries < 2 && hashers.values().any(here)
    });
    let goes = goes.context("every node but the first has two primaries or no hasher")?;
    let load = cluster.load(how, NODES[0], &GENTLE).await?;
    cluster.world().fault(fault, goes).await?;
    // The operator may have been there too, so its word does not count.
    let without = eventually("users log in without the node", MOVED_WITHIN, || async {
        let pods = cluster.pods("hasher").await?;
        anyhow::ensure!(pods.values().any(|pod| !is_ready(pod)), "nobody has noticed");
        let encoded = cluster.hash("correct horse").await?;
        cluster.log_in("alice", "correct horse", &encoded).await.map(drop)
    })
    .await;
    cluster.world().fault(Fault::Heal, goes).await?;
    without?;
    eventually("all hashers are back", MOVED_WITHIN, || async {
        let pods = cluster.pods("hasher").await?;
        anyhow::ensure!(pods.len() == 3 && pods.values().all(is_ready), "{:?}", pods.keys());
        Ok(())
    })
    .await?;
    cluster.until_redis_is_whole(MOVED_WITHIN).await?;
    cluster.until_ready().await?;
    let figures = load.end().await?;
    say(how, &figures);
    // Until Kubernetes takes its address out of the Service, a third of all new connections leads to it.
    assert!(figures.failed() * 2 < figures.sent, "{figures:?}");
    Ok(())
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
}
