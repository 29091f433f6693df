//! Steps that are no longer what they were made for, and steps without a lease.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use authcluster_contract::slots::SlotSet;
use authcluster_operator::apply::redis::{Error, Leading, apply_step};
use authcluster_operator::clock::Clock;
use authcluster_operator::lease::Fence;
use authcluster_operator::plan::topology::{PodName, RedisStep, Target};

use crate::cluster::{Cluster, pod_name};

async fn target(cluster: &Cluster, pod: &PodName) -> anyhow::Result<Target> {
    let ip = cluster.pods.get(pod).context("a pod")?.ip().into();
    Ok(Target { pod: pod.clone(), ip, id: cluster.id(pod).await? })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_for_one_node_and_for_what_it_was_then() -> anyhow::Result<()> {
    let cluster = Cluster::formed(3, 1).await?;
    let before = cluster.observe().await;
    let primary = cluster.primary(0).await?;
    let replica = if primary == pod_name(0, 0) { pod_name(0, 1) } else { pod_name(0, 0) };
    let (owner, copy) = (target(&cluster, &primary).await?, target(&cluster, &replica).await?);
    let stranger = Target { id: copy.id.clone(), ..owner.clone() };
    let slots = SlotSet::all();
    let from = BTreeSet::new;

    let meet =
        |at: &Target, other: &Target| RedisStep::Meet { at: at.clone(), other: other.clone() };
    for step in [meet(&stranger, &copy), meet(&copy, &stranger)] {
        let refusal = cluster.take(&step).await.unwrap_err();
        assert!(matches!(refusal, Error::OtherNode { .. }), "{refusal}");
    }
    let step = RedisStep::AddSlots { at: copy.clone(), slots: slots.clone(), from: from() };
    let refusal = cluster.take(&step).await.unwrap_err();
    assert!(matches!(refusal, Error::NotPrimary(_)), "{refusal}");
    let step = RedisStep::AddSlots { at: owner.clone(), slots, from: from() };
    let refusal = cluster.take(&step).await.unwrap_err();
    assert!(matches!(refusal, Error::Owned { .. }), "{refusal}");
    let step = RedisStep::Replicate { at: owner.clone(), of: copy };
    let refusal = cluster.take(&step).await.unwrap_err();
    assert!(matches!(refusal, Error::NotPrimary(_)), "{refusal}");

    let after = cluster.observe().await;
    let slots =
        |seen: &authcluster_operator::plan::topology::Seen| format!("{:?}", seen.nodes.keys());
    assert_eq!(slots(&before), slots(&after));
    assert_eq!(cluster.primary(0).await?, primary);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_without_a_lease() -> anyhow::Result<()> {
    let cluster = Cluster::start(1, 0).await?;
    let at = target(&cluster, &pod_name(0, 0)).await?;
    let fence = Fence::until(Clock.instant());
    let leading = Leading { fence: &fence, clock: Clock };
    let step = RedisStep::SetConfigEpoch { at, epoch: 7 };
    let refusal = apply_step(cluster.access(), leading, &step).await.unwrap_err();
    assert!(matches!(refusal, Error::Fenced), "{refusal}");
    assert_eq!(cluster.states().await[&pod_name(0, 0)].my_epoch, 0);
    cluster.take(&step).await?;
    assert_eq!(cluster.states().await[&pod_name(0, 0)].my_epoch, 7);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_pod_and_command_and_no_password() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(1, 0).await?;
    let at = target(&cluster, &pod_name(0, 0)).await?;
    cluster.pod(&pod_name(0, 0))?.kill()?;
    let refusal = cluster.take(&RedisStep::BumpEpoch { at }).await.unwrap_err();
    let words = authcluster_operator::error::chain(&refusal);
    assert!(words.starts_with("demo-redis-0-0 does not answer AUTH: "), "{words}");
    assert!(!words.contains("password"), "{words}");
    Ok(())
}

/// Commands that destroy data or a cluster, or take a primary's place without votes.
const DESTRUCTIVE: &[&str] = &[
    "FLUSHALL",
    "FLUSHDB",
    "FLUSHSLOTS",
    "TAKEOVER",
    "\"SHUTDOWN\"",
    "\"DEBUG\"",
    "SWAPDB",
    "RESTORE",
    "\"MIGRATE\"",
    "\"RESET\"",
    "\"KEYS\"",
    "REPLICAOF",
    "SLAVEOF",
];

#[test]
fn the_operator_holds_no_destructive_command() {
    let mut sources = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../operator"), &mut sources).unwrap();
    assert!(sources.len() > 50, "found only {} files", sources.len());
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        // The unit tests of the agent's users, at the end of their file, name what is forbidden.
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (index, line) in product.lines().enumerate() {
            let found = destructive(line);
            assert!(found.is_none(), "{}:{}: {found:?}", path.display(), index + 1);
        }
    }
}

/// The first destructive command that a line of code holds.
fn destructive(line: &str) -> Option<&'static str> {
    let code = line.split("//").next().unwrap_or_default().to_uppercase();
    DESTRUCTIVE.iter().copied().find(|word| code.contains(word))
}

#[test]
fn a_destructive_command_would_be_found() {
    for line in ["    cluster(\"reset\")", "redis::cmd(\"FLUSHALL\")", "\"cluster|flushslots\","] {
        assert!(destructive(line).is_some(), "{line}");
    }
    assert!(destructive("cluster(\"FAILOVER\").arg(\"FORCE\"), // never TAKEOVER").is_none());
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, sources)?;
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            sources.push(path);
        }
    }
    Ok(())
}
