//! Definitions that are not those of this version: older, and looser. On an API server of its own, because
//! the definition is everybody's.

use std::sync::Arc;
use std::time::Duration;

use authcluster_operator::api;
use authcluster_tests::apiserver::ApiServer;
use authcluster_tests::apiserver::program::Program;
use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use serde_json::json;

const WITHIN: Duration = Duration::from_secs(45);

/// The definition of this version after `change` of its schema.
fn definition(change: impl Fn(&mut JSONSchemaProps)) -> anyhow::Result<CustomResourceDefinition> {
    let mut crd = api::crd()?;
    let versions = crd.spec.versions.iter_mut();
    let schemas = versions.filter_map(|it| it.schema.as_mut()?.open_api_v3_schema.as_mut());
    schemas.for_each(change);
    Ok(crd)
}

#[tokio::test]
async fn definitions_of_other_versions() -> anyhow::Result<()> {
    let server = ApiServer::alone("definition-tests").await?;
    an_older_definition_keeps_the_operator_out_until_it_is_replaced(&server).await?;
    an_undecodable_object_stops_nobody_else(&server).await
}

/// T38.
async fn an_older_definition_keeps_the_operator_out_until_it_is_replaced(
    server: &Arc<ApiServer>,
) -> anyhow::Result<()> {
    let older = definition(|schema| {
        let status = schema.properties.as_mut().and_then(|it| it.get_mut("status"));
        let fields = status.and_then(|it| it.properties.as_mut());
        assert!(fields.is_some_and(|it| it.remove("binding").is_some()), "no such field");
    })?;
    server.apply_crd(&older).await?;
    let namespace = server.namespace("definition").await?;
    let program = env!("CARGO_BIN_EXE_operator-under-test");
    let operator = Program::start(program, &server.kubeconfig()?, &namespace)?;
    eventually("it says what is missing", WITHIN, || async {
        let (ready, said) = operator.ready().await?;
        anyhow::ensure!(!ready, "it is ready");
        anyhow::ensure!(said.contains("it lacks status.binding; apply"), "{said}");
        Ok(())
    })
    .await?;
    server.apply_crd(&api::crd()?).await?;
    eventually("it begins", WITHIN, || async {
        let (ready, said) = operator.ready().await?;
        anyhow::ensure!(ready, "{said}");
        Ok(())
    })
    .await
}

/// T42: an object that was valid under a looser schema.
async fn an_undecodable_object_stops_nobody_else(server: &Arc<ApiServer>) -> anyhow::Result<()> {
    let site = Site::on(Arc::clone(server), "definition", |rights| rights).await?;
    let looser = definition(|schema| {
        let anything = JSONSchemaProps {
            type_: Some("object".to_owned()),
            x_kubernetes_preserve_unknown_fields: Some(true),
            ..JSONSchemaProps::default()
        };
        if let Some(properties) = &mut schema.properties {
            properties.insert("spec".to_owned(), anything);
        }
    })?;
    server.apply_crd(&looser).await?;
    let odd = json!({
        "apiVersion": "authcluster.dev/v1alpha1", "kind": "AuthCluster",
        "metadata": {"name": "odd"}, "spec": {"trustedHops": "three"},
    });
    site.kubectl(&["create", "--filename=-"], &odd.to_string()).await?;
    server.apply_crd(&api::crd()?).await?;

    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    eventually("the odd one gets an event", WITHIN, || async {
        let events = site.events().await?;
        let told = events.iter().any(|event| {
            event.starts_with("odd Undecodable: the operator cannot read this resource")
        });
        anyhow::ensure!(told, "{events:?}");
        Ok(())
    })
    .await?;
    let told = operator.operator.metrics.undecodable.get();
    // The watch lives on, for the other one and for the odd one itself.
    site.patch(json!({"spec": {"redis": {"replicasPerShard": 2}}})).await?;
    site.converged().await?;
    let repaired = r#"{"spec": {"trustedHops": 3}}"#;
    site.kubectl(&["patch", "ac", "odd", "--type=merge", "--patch", repaired], "").await?;
    eventually("the odd one is looked after", WITHIN, || async {
        let plan = ["get", "ac", "odd", "--output=jsonpath={.status.plan}"];
        let plan = site.kubectl(&plan, "").await?;
        anyhow::ensure!(!plan.is_empty(), "no status");
        Ok(())
    })
    .await?;
    assert!((1..20).contains(&told), "looked at {told} times");
    operator.stop().await
}
