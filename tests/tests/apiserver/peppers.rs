//! Peppers under hands that slip: no hasher ever gets another value under a key id that hashes were made with.

use std::time::Duration;

use anyhow::Context as _;
use authcluster_operator::plan::seen::ObjectKind;
use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use serde_json::{Value, json};

const WITHIN: Duration = Duration::from_secs(30);

const FIRST: &str = "Zmlyc3QgZmlyc3QgZmlyc3QgZmlyc3Q=";
const OTHER: &str = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI=";

const COPY: &str = "login-hasher-peppers";

async fn set(site: &Site, values: Value) -> anyhow::Result<()> {
    let patch = json!({ "stringData": values }).to_string();
    site.kubectl(&["patch", "secret", "theirs", "--type=merge", "--patch", &patch], "").await?;
    Ok(())
}

/// What the hashers' pods are made of.
async fn template(site: &Site) -> anyhow::Result<Value> {
    let deployment = site.objects(ObjectKind::Deployment).get("login-hasher").await?;
    let template = deployment.data.pointer("/spec/template").context("no template")?;
    Ok(template.clone())
}

async fn plan(site: &Site) -> anyhow::Result<String> {
    site.kubectl(&["get", "ac", "login", "--output=jsonpath={.status.plan}"], "").await
}

#[tokio::test]
async fn a_value_that_is_replaced_reaches_no_hasher() -> anyhow::Result<()> {
    let site = Site::new("peppers").await?;
    let theirs = format!("--from-literal=2026={FIRST}");
    site.kubectl(&["create", "secret", "generic", "theirs", &theirs], "").await?;
    let operator = site.start_operator()?;
    let peppers = json!({"name": "theirs", "currentKey": "2026"});
    site.create(json!({"password": {"pepperSecretRef": peppers}})).await?;
    site.converged().await?;
    assert_eq!(site.secret(COPY).await?["2026"], FIRST);
    let before = template(&site).await?;
    let mounts = before["spec"]["volumes"].as_array().context("no volumes")?;
    assert!(mounts.iter().any(|it| it["secret"]["secretName"] == COPY), "{mounts:?}");
    assert!(!before.to_string().contains("theirs"), "{before}");

    set(&site, json!({"2026": OTHER})).await?;
    eventually("it is said", WITHIN, || async {
        let plan = plan(&site).await?;
        let said = "waiting: Secret theirs has another value for 2026 than the hashers";
        anyhow::ensure!(plan.starts_with(said), "{plan}");
        anyhow::ensure!(!plan.contains(OTHER) && !plan.contains(FIRST), "a pepper in a status");
        Ok(())
    })
    .await?;
    assert_eq!(site.secret(COPY).await?["2026"], FIRST);
    assert_eq!(template(&site).await?, before, "no pod is changed");

    // Put back, with the new one under an id of its own.
    set(&site, json!({"2026": FIRST, "2027": OTHER})).await?;
    eventually("both are there, and hashers roll", WITHIN, || async {
        let copy = site.secret(COPY).await?;
        anyhow::ensure!(copy.len() == 2 && copy["2026"] == FIRST && copy["2027"] == OTHER);
        anyhow::ensure!(template(&site).await? != before, "the same pods");
        Ok(())
    })
    .await?;
    site.converged().await?;
    let events = site.events().await?.concat();
    assert!(!events.contains(OTHER) && !events.contains(FIRST), "a pepper in an event");
    operator.stop().await
}
