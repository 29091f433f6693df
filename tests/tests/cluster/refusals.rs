//! A resource that cannot be is refused before anything is done, in words that say what to change.

use authcluster_tests::cluster::World;
use serde_json::{Value, json};

/// What kubectl says when it applies `spec`.
async fn refusal(spec: Value) -> anyhow::Result<String> {
    let world = World::get().await?;
    let resource = json!({
        "apiVersion": "authcluster.dev/v1alpha1", "kind": "AuthCluster",
        "metadata": {"name": "refused", "namespace": "default"}, "spec": spec,
    });
    match world.kubectl(&["apply", "-f", "-"], &resource.to_string()).await {
        Ok(said) => anyhow::bail!("accepted: {said}"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

#[tokio::test]
async fn a_resource_that_cannot_be_is_refused() -> anyhow::Result<()> {
    let check = async |spec: Value, words: &str| {
        let said = refusal(spec.clone()).await?;
        assert!(said.contains(words), "{spec}: {said}");
        anyhow::Ok(())
    };
    check(json!({"redis": {"shard": 3}}), "unknown field \"spec.redis.shard\"").await?;
    check(json!({"redis": {"shards": 2}}), "spec.redis").await?;
    check(json!({"redis": {"shards": "three"}}), "spec.redis.shards").await?;
    check(json!({"hasher": {"replicas": -1}}), "spec.hasher.replicas").await?;
    check(json!({"password": {"argon2id": {"iterations": 0}}}), "spec.password.argon2id.iterations")
        .await
}
