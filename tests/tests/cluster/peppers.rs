//! A team gives its hashes a pepper: hashes of before move to it, and a hand that slips breaks no login.

use std::time::Duration;

use anyhow::Context as _;
use authcluster_tests::cluster::Cluster;
use authcluster_tests::eventually::eventually;
use serde_json::{Value, json};

/// Longest time until a pod has taken the place of one that was deleted, and until something is said.
const WITHIN: Duration = Duration::from_secs(60);

const PEPPER: &str = "cGVwcGVyIHBlcHBlciBwZXBwZXIgcGVwcGVy";
const OTHER: &str = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI=";

/// `,keyid=` and the base64 of `2026`.
const KEY_ID: &str = ",keyid=MjAyNg$";

#[tokio::test]
async fn hashes_get_a_pepper_and_a_slip_breaks_no_login() -> anyhow::Result<()> {
    let hasher = json!({"replicas": 1, "resources": {"requests": {"cpu": "200m"}}});
    let cluster = Cluster::ready_with("peppers", hasher).await?;
    let before = cluster.hash("correct horse").await?;
    assert!(!before.contains("keyid"), "{before}");
    in_two_steps(&cluster).await?;
    let with = migrated(&cluster, &before).await?;
    a_value_is_replaced(&cluster, &with).await?;
    cluster.remove().await
}

/// Every hasher has it before any makes a hash with it.
async fn in_two_steps(cluster: &Cluster) -> anyhow::Result<()> {
    let pepper = format!("--from-literal=2026={PEPPER}");
    let create = ["create", "secret", "generic", "pepper", &pepper, "-n", cluster.namespace()];
    cluster.world().kubectl(&create, "").await?;
    for reference in [json!({"name": "pepper"}), json!({"name": "pepper", "currentKey": "2026"})] {
        cluster.patch(json!({"spec": {"password": {"pepperSecretRef": reference}}})).await?;
        cluster.until_ready().await?;
    }
    assert!(cluster.hash("correct horse").await?.contains(KEY_ID));
    Ok(())
}

async fn login(cluster: &Cluster, encoded: &str) -> anyhow::Result<Value> {
    let body = json!({
        "username": "alice", "password": "correct horse", "encoded": encoded, "migrate": true,
    });
    let answer = cluster.post(cluster.service().await?, "/v1/login", body).await?;
    anyhow::ensure!(answer.status == 200, "{answer:?}");
    Ok(answer.json())
}

/// A user who logs in gets a hash with the pepper, once.
async fn migrated(cluster: &Cluster, before: &str) -> anyhow::Result<String> {
    let answer = login(cluster, before).await?;
    assert_eq!((&answer["match"], &answer["reasons"]), (&json!(true), &json!(["pepper"])));
    let rehash = &answer["rehash"];
    assert_eq!(rehash["replaces"], before, "{answer}");
    let with = rehash["encoded"].as_str().context("no new hash")?.to_owned();
    assert!(with.contains(KEY_ID), "{with}");
    let commit = json!({"username": "alice", "commit": rehash["commit"]});
    let service = cluster.service().await?;
    let committed = cluster.post(service, "/v1/migrations/commit", commit).await?.json();
    assert_eq!(committed["committed"], true, "{committed}");
    let again = login(cluster, before).await?;
    assert_eq!((&again["match"], again.get("rehash")), (&json!(true), None), "{again}");
    Ok(with)
}

/// The pod that takes the place of one that goes has the pepper that hashes were made with.
async fn a_value_is_replaced(cluster: &Cluster, with: &str) -> anyhow::Result<()> {
    let patch = |value: &str| json!({"stringData": {"2026": value}}).to_string();
    let replace = async |value: &str| {
        let patch = patch(value);
        let words = ["patch", "secret", "pepper", "--type=merge", "--patch", &patch];
        let words = [&words[..], &["-n", cluster.namespace()]].concat();
        cluster.world().kubectl(&words, "").await
    };
    replace(OTHER).await?;
    eventually("it is said", WITHIN, || async {
        let plan = cluster.status().await?.plan.unwrap_or_default();
        let said = "waiting: Secret pepper has another value for 2026 than the hashers";
        anyhow::ensure!(plan.starts_with(said), "{plan}");
        Ok(())
    })
    .await?;
    let old = cluster.hashers().await?.into_keys().next().context("no hasher")?;
    cluster.delete_pod(&old).await?;
    eventually("another pod answers", WITHIN, || async {
        let pods = cluster.pods("hasher").await?;
        anyhow::ensure!(pods.len() == 1 && !pods.contains_key(&old), "{:?}", pods.keys());
        let answer = login(cluster, with).await?;
        // Not another time: a right password is never wrong.
        assert_eq!(answer, json!({"match": true, "needs_rehash": false, "reasons": []}));
        Ok(())
    })
    .await?;
    replace(PEPPER).await?;
    cluster.until_ready().await
}
