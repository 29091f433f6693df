//! The objects that samples become, as a real API server takes them: valid, and restricted as the Pod
//! Security Standard asks.

use authcluster_tests::apiserver::ApiServer;
use serde_json::json;

/// A namespace that warns of, and refuses, pods that are not restricted.
fn restricted(name: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {
            "pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/warn": "restricted",
        }},
    })
    .to_string()
}

/// A Deployment that is as good as ours but for one line.
fn unrestricted() -> String {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "loose", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "loose"}},
            "template": {
                "metadata": {"labels": {"app": "loose"}},
                "spec": {"containers": [{"name": "a", "image": "a"}]},
            },
        },
    })
    .to_string()
}

#[tokio::test]
async fn objects_of_samples_are_valid_and_restricted() -> anyhow::Result<()> {
    let server = ApiServer::get().await?;
    let made = server.kubectl(&["create", "--filename=-"], &restricted("shop")).await?;
    anyhow::ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let args = ["apply", "--server-side", "--dry-run=server", "--filename=-"];
    for (sample, objects) in [
        ("default", include_str!("../../../operator/tests/golden/default.yaml")),
        ("pools", include_str!("../../../operator/tests/golden/pools.yaml")),
    ] {
        let output = server.kubectl(&args, objects).await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success() && errors.is_empty(), "{sample}: {errors}");
        let applied = String::from_utf8(output.stdout)?;
        assert_eq!(applied.lines().count(), objects.matches("---\n").count(), "{applied}");
    }
    let loose = server.kubectl(&args, &unrestricted()).await?;
    let warning = String::from_utf8_lossy(&loose.stderr);
    assert!(warning.contains("would violate PodSecurity"), "nothing would be noticed: {warning}");
    Ok(())
}
