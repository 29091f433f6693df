//! More than one operator.

use std::time::Duration;

use authcluster_operator::plan::seen::{ObjectKind, ObjectRef};
use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;

/// A lease lasts 15 s, and is looked at each 2 s.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(45);

async fn leads(operator: &authcluster_tests::apiserver::RunningOperator) -> anyhow::Result<()> {
    eventually("it leads", TAKEN_OVER_WITHIN, || async {
        anyhow::ensure!(operator.leads(), "it does not");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn of_two_operators_one_works_and_the_other_takes_over() -> anyhow::Result<()> {
    let site = Site::new("rivals").await?;
    let first = site.start_operator()?;
    leads(&first).await?;
    let second = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    assert!(first.leads() && !second.leads());
    assert_eq!(second.operator.metrics.reconciles.get(), 0, "a standby works");
    first.kill();
    leads(&second).await?;
    let services = site.objects(ObjectKind::Service);
    services.delete("login-hasher", &DeleteParams::default()).await?;
    site.converged().await?;
    second.stop().await
}

/// As if the lease were no use at all: both work at once, and neither undoes what the other did.
#[tokio::test]
async fn two_operators_at_once_agree() -> anyhow::Result<()> {
    let site = Site::new("rivals").await?;
    let (one, other) = (site.start_operator()?, site.start_rival().await?);
    leads(&one).await?;
    leads(&other).await?;
    site.create(json!({})).await?;
    site.converged().await?;
    let token = site.secret("login-token-default").await?;
    let wanted = site.wanted().await?;
    let versions = async || {
        let mut versions = Vec::new();
        for ObjectRef { kind, name } in &wanted {
            // The API server's controllers write into the status of these two.
            let of_others =
                [ObjectKind::Deployment, ObjectKind::StatefulSet, ObjectKind::PodDisruptionBudget];
            if !of_others.contains(kind) {
                versions.push(site.objects(*kind).get(name).await?.resource_version());
            }
        }
        anyhow::Ok(versions)
    };
    let before = versions().await?;
    let passes = (one.operator.metrics.reconciles.get(), other.operator.metrics.reconciles.get());
    eventually("both look again", Duration::from_secs(60), || async {
        let (one, other) =
            (one.operator.metrics.reconciles.get(), other.operator.metrics.reconciles.get());
        anyhow::ensure!(one > passes.0 + 3 && other > passes.1 + 3, "{one} and {other} passes");
        Ok(())
    })
    .await?;
    assert_eq!(versions().await?, before, "they write against each other");
    assert!(site.secret("login-token-default").await? == token, "the token was overwritten");
    let binding = site.secret("login-binding-default").await?;
    assert!(binding["token"] == token["token"], "the binding of another token");
    one.stop().await?;
    other.stop().await
}
