//! The resource goes, in whatever order: nothing holds it up, and nothing is made on the way.

use std::time::Duration;

use authcluster_operator::plan::seen::ObjectRef;
use authcluster_tests::apiserver::site::{NAME, Site};
use authcluster_tests::eventually::eventually;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;

/// The collector of garbage needs some seconds, and looks again after some more.
const GONE_WITHIN: Duration = Duration::from_secs(120);

/// T32: nothing is made in a namespace on its way out, so it goes.
#[tokio::test]
async fn a_namespace_with_the_resource_in_it_goes() -> anyhow::Result<()> {
    let site = Site::new("removal").await?;
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    let namespaces: Api<Namespace> = Api::all(site.client.clone());
    namespaces.delete(&site.namespace, &DeleteParams::default()).await?;
    eventually("the namespace is gone", GONE_WITHIN, || async {
        let found = namespaces.get_opt(&site.namespace).await?;
        anyhow::ensure!(found.is_none(), "{:?}", found.and_then(|it| it.status));
        Ok(())
    })
    .await?;
    operator.kill();
    Ok(())
}

/// T32: without the operator too, because there is no finalizer.
#[tokio::test]
async fn the_resource_goes_when_the_operator_was_uninstalled_first() -> anyhow::Result<()> {
    let site = Site::new("removal").await?;
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    let wanted = site.wanted().await?;
    operator.stop().await?;
    for kind in ["rolebinding", "role", "serviceaccount"] {
        site.kubectl(
            &["delete", kind, "--selector=app.kubernetes.io/name=authcluster-operator"],
            "",
        )
        .await?;
    }
    assert_eq!(site.cluster().await?.metadata.finalizers, None);
    site.clusters().delete(NAME, &DeleteParams::default()).await?;
    eventually("nothing is left", GONE_WITHIN, || async {
        for ObjectRef { kind, name } in &wanted {
            let found = site.objects(*kind).get_opt(name).await?;
            anyhow::ensure!(found.is_none(), "{kind:?} {name} is there");
        }
        let claims: Api<PersistentVolumeClaim> =
            Api::namespaced(site.client.clone(), &site.namespace);
        let left = claims.list(&ListParams::default()).await?.items.len();
        anyhow::ensure!(left == 0, "{left} volumes");
        Ok(())
    })
    .await
}
