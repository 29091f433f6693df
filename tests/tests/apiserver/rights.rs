//! The operator of these tests has the rights that the chart gives, and no others: a call for which the
//! chart has no verb fails here.

use std::time::Duration;

use authcluster_operator::plan::seen::ObjectKind;
use authcluster_tests::apiserver::ApiServer;
use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use serde_json::json;

#[tokio::test]
async fn a_missing_verb_is_said_and_stops_nothing_else() -> anyhow::Result<()> {
    let without = |rights: String| {
        let verbs = "[networkpolicies]\n    verbs: [get, list, watch, create, patch, delete]";
        assert!(rights.contains(verbs), "{rights}");
        rights.replace(verbs, "[networkpolicies]\n    verbs: [get, list, watch]")
    };
    let site = Site::on(ApiServer::get().await?, "rights", without).await?;
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    eventually("the status says what is forbidden", Duration::from_secs(60), || async {
        let status = site.cluster().await?.status.unwrap_or_default();
        let plan = status.plan.unwrap_or_default();
        anyhow::ensure!(
            plan.contains("cannot apply NetworkPolicy login-hasher") && plan.contains("forbidden"),
            "{plan}"
        );
        let deployment = site.objects(ObjectKind::Deployment).get_opt("login-hasher").await?;
        anyhow::ensure!(deployment.is_some(), "no Deployment");
        Ok(())
    })
    .await?;
    operator.stop().await
}
