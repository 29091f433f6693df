//! Hashers follow the load, up at once and down after the window, and work follows the capacity.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use authcluster_operator::api::AuthCluster;
use authcluster_tests::cluster::Cluster;
use authcluster_tests::eventually::eventually;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;

use super::say;

/// Longest time until a number of pods is there: one evaluation is at most 15 s apart from the next, and a
/// pod starts in some seconds.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(90);

/// Longest time between two evaluations.
const EVALUATION: Duration = Duration::from_secs(15);

/// Window of the scale-down, in seconds.
const WINDOW_SECONDS: u32 = 30;

/// Work of a login at the default policy: 19 MiB and two passes.
const UNITS: f64 = 38.0;

#[tokio::test]
async fn hashers_follow_the_load() -> anyhow::Result<()> {
    let hasher = json!({
        "replicas": 1, "resources": {"requests": {"cpu": "200m"}},
        "autoscaling": {
            "minReplicas": 1, "maxReplicas": 3, "targetUtilizationPercent": 40,
            "scaleDownStabilizationSeconds": WINDOW_SECONDS,
        },
    });
    let cluster = Cluster::ready_with("scaling", hasher).await?;
    assert_eq!(cluster.hashers().await?.len(), 1);
    // As much as asks for two, at a target of 40 %, by what one does while nothing else runs. Beside the load's
    // generator it does less, and more may be asked for.
    let capacity = capacity(&cluster).await?;
    let logins = format!("{:.1}", capacity * 0.55 / UNITS);
    let load = cluster.load("ramp", "node1", &["--rate", &logins, "--users", "500"]).await?;
    asked_for(&cluster, 2..=3).await?;
    cluster.until_ready().await?;
    let figures = load.end().await?;
    say(&format!("{logins} logins/s at one hasher of {capacity} units/s"), &figures);
    assert!(figures.failed() * 10 < figures.sent, "{figures:?}");
    let down = timed(asked_for(&cluster, 1..=1)).await?;
    say("one hasher again after the load", down);
    // What was asked for last before its end counts from then, at most one evaluation earlier.
    let window = Duration::from_secs(u64::from(WINDOW_SECONDS));
    assert!(window - EVALUATION <= down, "{down:?}");
    cluster.until_ready().await?;
    an_autoscaler_takes_over(&cluster).await?;
    cluster.remove().await
}

/// A `HorizontalPodAutoscaler` begins with the number in force, sets it, and hands it back. It brings a number
/// within its bounds without asking for a metric, so none has to be made up.
async fn an_autoscaler_takes_over(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.patch(json!({"spec": {"hasher": {"autoscaling": null}}})).await?;
    cluster.until_ready().await?;
    asked_for(cluster, 1..=1).await?;
    let scaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "login", "namespace": cluster.namespace()},
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "authcluster.dev/v1alpha1", "kind": "AuthCluster", "name": Cluster::NAME,
            },
            "minReplicas": 3, "maxReplicas": 4,
        },
    });
    cluster.world().kubectl(&["apply", "-f", "-"], &scaler.to_string()).await?;
    asked_for(cluster, 3..=3).await?;
    cluster.until_ready().await?;
    assert_eq!(cluster.hashers().await?.len(), 3);
    let delete = ["delete", "hpa", "login", "-n", cluster.namespace()];
    cluster.world().kubectl(&delete, "").await?;
    // The operator begins with the autoscaler's number, and goes down from there after the window only.
    let autoscaling = json!({
        "minReplicas": 1, "maxReplicas": 3, "targetUtilizationPercent": 40,
        "scaleDownStabilizationSeconds": WINDOW_SECONDS,
    });
    cluster.patch(json!({"spec": {"hasher": {"autoscaling": autoscaling}}})).await?;
    let down = timed(asked_for(cluster, 1..=1)).await?;
    assert!(Duration::from_secs(u64::from(WINDOW_SECONDS)) - EVALUATION <= down, "{down:?}");
    cluster.until_ready().await
}

/// Waits until the operator asks for so many hashers, where Kubernetes is asked and where people look.
async fn asked_for(cluster: &Cluster, replicas: RangeInclusive<i32>) -> anyhow::Result<()> {
    eventually(&format!("{replicas:?} are asked for"), FOLLOWS_WITHIN, || async {
        let deployment = cluster.api::<Deployment>().get("login-hasher").await?;
        let asked = deployment.spec.and_then(|spec| spec.replicas);
        anyhow::ensure!(asked.is_some_and(|asked| replicas.contains(&asked)), "{asked:?}");
        let scale = cluster.api::<AuthCluster>().get_scale(Cluster::NAME).await?;
        let shown = scale.spec.and_then(|spec| spec.replicas);
        anyhow::ensure!(shown == asked, "{shown:?} in the scale subresource");
        Ok(())
    })
    .await
}

#[expect(clippy::disallowed_methods, reason = "how long it took is what is tested")]
async fn timed(done: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    done.await?;
    Ok(began.elapsed())
}

/// What the hashers can do, in units per second, once the operator has told it.
async fn capacity(cluster: &Cluster) -> anyhow::Result<f64> {
    let status = cluster.status().await?;
    let capacity = status.hashers.unwrap_or_default().capacity_units_per_second;
    Ok(capacity.context("no capacity")? as f64)
}

/// Nodes of the lab, and what their pods may use together, in thousandths of a core. The load is made on the
/// first one.
const UNEQUAL: [(&str, u32); 3] = [("node1", 800), ("node2", 500), ("node3", 250)];

/// Longest time until weights have followed speeds that have changed: each is told after a change of a tenth
/// and at most every 30 s.
const SETTLED_WITHIN: Duration = Duration::from_secs(150);

#[tokio::test]
async fn work_follows_the_capacity_of_unequal_nodes() -> anyhow::Result<()> {
    let pool = |(node, _): (&str, u32)| json!({"name": node, "nodeSelector": {"kubernetes.io/hostname": node}});
    let hasher = json!({
        "resources": {"requests": {"cpu": "200m"}}, "pools": UNEQUAL.map(pool),
    });
    let cluster = Cluster::ready_with("shares", hasher).await?;
    for (node, milli) in UNEQUAL {
        cluster.world().limit_cpu(node, Some(milli)).await?;
    }
    let shared = shares_become_weights(&cluster).await;
    for (node, _) in UNEQUAL {
        cluster.world().limit_cpu(node, None).await?;
    }
    shared?;
    cluster.remove().await
}

/// With more work than they can do together, each does its share. With less, those do more of it that
/// have room sooner, which is as it should be.
async fn shares_become_weights(cluster: &Cluster) -> anyhow::Result<()> {
    let hashers = cluster.hashers().await?;
    let rate = too_much(cluster).await?;
    let load = cluster.load("shares", "node1", &["--rate", &rate, "--users", "5000"]).await?;
    let shares =
        eventually("the shares of work are those of the weights", SETTLED_WITHIN, || async {
            // Weights follow what jobs take, so both are taken over the same while.
            let before = done(cluster).await?;
            let mut weights: Vec<f64> = Vec::new();
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            for _ in 0..20 {
                ticks.tick().await;
                let any = hashers.values().next().context("no hasher")?;
                let seen = cluster.send(*any, "/v1/nodes", Some(cluster.token()), None).await?;
                let seen = seen.json()["nodes"].as_array().context("no nodes")?.clone();
                weights.resize(seen.len(), 0.0);
                for (sum, node) in weights.iter_mut().zip(&seen) {
                    *sum += node["weight"].as_f64().context("no weight")?;
                }
            }
            let after = done(cluster).await?;
            let work: Vec<f64> = after.iter().map(|(name, done)| done - before[name]).collect();
            let shares = (shares(&work), shares(&weights));
            let apart = shares
                .0
                .iter()
                .zip(&shares.1)
                .any(|(work, weight)| (work - weight).abs() > weight * 0.1);
            anyhow::ensure!(
                work.len() == weights.len() && !apart,
                "{shares:.2?} of {work:?} and {weights:?}"
            );
            Ok(shares)
        })
        .await;
    let figures = load.end().await?;
    say(&format!("{rate} logins/s, more than they can do"), &figures);
    say("shares of work and of weights", shares?);
    assert!(figures.failed() * 20 > figures.sent, "not more than they could do: {figures:?}");
    Ok(())
}

/// Logins per second that they refuse a good part of, found by trying.
async fn too_much(cluster: &Cluster) -> anyhow::Result<String> {
    let mut rate = capacity(cluster).await? / UNITS;
    for doubled in 0..6 {
        let (name, asked) = (format!("probe-{doubled}"), format!("{rate:.1}"));
        let load = cluster.load(&name, "node1", &["--rate", &asked, "--users", "5000"]).await?;
        let mut ticks = tokio::time::interval(Duration::from_secs(8));
        ticks.tick().await;
        ticks.tick().await;
        let figures = load.end().await?;
        say(&format!("{asked} logins/s"), &figures);
        if figures.failed() * 5 > figures.sent {
            return Ok(asked);
        }
        rate *= 2.0;
    }
    anyhow::bail!("they can do everything")
}

/// Work that each hasher has done, by its name.
async fn done(cluster: &Cluster) -> anyhow::Result<BTreeMap<String, f64>> {
    let mut done = BTreeMap::new();
    for name in cluster.hashers().await?.into_keys() {
        let units = cluster.metric(&name, "authcluster_hasher_done_units_total ").await?;
        done.insert(name, units);
    }
    Ok(done)
}

fn shares(parts: &[f64]) -> Vec<f64> {
    let sum: f64 = parts.iter().sum();
    parts.iter().map(|part| part / sum).collect()
}
