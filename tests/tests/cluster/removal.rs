//! The resource goes, and nothing of it is left.

use std::time::Duration;

use authcluster_operator::api::AuthCluster;
use authcluster_tests::cluster::Cluster;
use authcluster_tests::eventually::eventually;
use kube::api::DeleteParams;

/// What Kubernetes itself puts into each namespace.
const OF_KUBERNETES: [&str; 2] = ["serviceaccount/default", "configmap/kube-root-ca.crt"];

#[tokio::test]
async fn a_deleted_resource_leaves_nothing_behind() -> anyhow::Result<()> {
    let cluster = Cluster::ready("removal").await?;
    let found = what_is_there(&cluster).await?;
    for kind in ["statefulset.apps/", "persistentvolumeclaim/", "secret/", "pod/", "lease"] {
        let expected = kind != "lease";
        assert_eq!(found.iter().any(|name| name.starts_with(kind)), expected, "{kind}: {found:?}");
    }
    let api = cluster.api::<AuthCluster>();
    let resource = api.get(Cluster::NAME).await?;
    assert_eq!(resource.metadata.finalizers, None, "without the operator it could not go");
    api.delete(Cluster::NAME, &DeleteParams::default()).await?;
    eventually("nothing is left", Duration::from_secs(120), || async {
        let left = what_is_there(&cluster).await?;
        anyhow::ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
    .await?;
    cluster.remove().await
}

/// Everything in the namespace, of every kind that the API server knows and lists, but what Kubernetes
/// puts there and what tells of the past.
async fn what_is_there(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let world = cluster.world();
    let kinds = ["api-resources", "--verbs=list", "--namespaced", "-o", "name"];
    let kinds = world.kubectl(&kinds, "").await?;
    let kinds: Vec<&str> = kinds
        .lines()
        .filter(|kind| !kind.starts_with("events") && !kind.ends_with("metrics.k8s.io"))
        .collect();
    let args = ["get", &kinds.join(","), "-n", cluster.namespace(), "-o", "name"];
    let names = world.kubectl(&args, "").await?;
    Ok(names.lines().filter(|name| !OF_KUBERNETES.contains(name)).map(ToOwned::to_owned).collect())
}
