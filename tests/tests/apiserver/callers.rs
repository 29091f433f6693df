//! One caller's broken token is that caller's alone: the hashers refuse it, the status says why, and the
//! rest of the `AuthCluster` is carried out.

use std::time::Duration;

use anyhow::Context as _;
use authcluster_operator::plan::seen::ObjectKind;
use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use kube::api::DeleteParams;
use serde_json::{Value, json};

const WITHIN: Duration = Duration::from_secs(60);

/// Tokens that hold the rules.
const FIRST: &str = "first-first-first-first-first-first";
const SECOND: &str = "second-second-second-second-second";

/// The names of the callers that hashers are told of.
async fn enabled(site: &Site) -> anyhow::Result<Vec<String>> {
    let secret = site.secret("login-clients").await?;
    let file = secret.get("clients.toml").context("no clients.toml")?;
    let name = |line: &str| Some(line.strip_prefix("name = \"")?.strip_suffix('"')?.to_owned());
    Ok(file.lines().filter_map(name).collect())
}

/// Status, reason and message of a condition.
async fn condition(site: &Site, kind: &str) -> anyhow::Result<(String, String, String)> {
    let status = site.cluster().await?.status.context("no status")?;
    let found = status.conditions.into_iter().find(|it| it.type_ == kind);
    let found = found.with_context(|| format!("no condition {kind}"))?;
    Ok((found.status, found.reason, found.message))
}

async fn until_enabled(site: &Site, expect: &[&str]) -> anyhow::Result<()> {
    eventually(&format!("hashers are told of {expect:?}"), WITHIN, || async {
        let enabled = enabled(site).await?;
        anyhow::ensure!(enabled == expect, "{enabled:?}");
        Ok(())
    })
    .await
}

async fn until_refused(site: &Site, words: &str) -> anyhow::Result<()> {
    eventually("the status names the caller, its Secret and the reason", WITHIN, || async {
        let (status, reason, message) = condition(site, "CallersReady").await?;
        let expect = (status.as_str(), reason.as_str()) == ("False", "CallerDisabled");
        anyhow::ensure!(expect && message.contains(words), "{status} {reason}: {message}");
        Ok(())
    })
    .await
}

async fn set_token(site: &Site, secret: &str, token: &str) -> anyhow::Result<()> {
    let patch = json!({"stringData": {"token": token}}).to_string();
    site.kubectl(&["patch", "secret", secret, "--type=merge", "--patch", &patch], "").await?;
    Ok(())
}

async fn deployment(site: &Site) -> anyhow::Result<Value> {
    let found = site.objects(ObjectKind::Deployment).get("login-hasher").await?;
    anyhow::ensure!(found.metadata.deletion_timestamp.is_none(), "it is being deleted");
    Ok(found.data)
}

#[tokio::test]
async fn an_empty_token_is_refused_until_its_secret_is_filled() -> anyhow::Result<()> {
    let site = Site::new("callers").await?;
    site.kubectl(&["create", "secret", "generic", "shop-token", "--from-literal=token="], "")
        .await?;
    let operator = site.start_operator()?;
    let shop = json!({"name": "shop", "tokenSecretRef": {"name": "shop-token"}});
    site.create(json!({"clients": [{"name": "web"}, shop]})).await?;
    until_refused(&site, "caller shop: the token is empty (Secret shop-token, key token)").await?;
    until_enabled(&site, &["web"]).await?;
    eventually("the Deployment is there", WITHIN, || async {
        deployment(&site).await?;
        Ok(())
    })
    .await?;
    assert!(site.secret("login-binding-shop").await.is_err(), "an unusable token is published");

    set_token(&site, "shop-token", "short").await?;
    until_refused(&site, "caller shop: the token is shorter than 32 characters").await?;

    let web = site.secret("login-token-web").await?["token"].clone();
    set_token(&site, "shop-token", &web).await?;
    until_refused(&site, "caller web: its token is also that of shop").await?;
    until_enabled(&site, &[]).await?;

    set_token(&site, "shop-token", FIRST).await?;
    until_enabled(&site, &["web", "shop"]).await?;
    site.converged().await?;
    assert_eq!(site.secret("login-binding-shop").await?["token"], FIRST);
    let (status, ..) = condition(&site, "CallersReady").await?;
    assert_eq!(status, "True");
    let status = serde_json::to_string(&site.cluster().await?.status)?;
    let events = site.events().await?.concat();
    for token in [FIRST, web.as_str()] {
        assert!(!status.contains(token) && !events.contains(token), "a token is shown");
    }
    assert!(events.contains("login CallerDisabled: "), "{events}");
    operator.stop().await
}

#[tokio::test]
async fn a_missing_secret_stops_neither_scaling_nor_healing() -> anyhow::Result<()> {
    let site = Site::new("callers").await?;
    let theirs = format!("--from-literal=token={FIRST}");
    site.kubectl(&["create", "secret", "generic", "partner-token", &theirs], "").await?;
    let operator = site.start_operator()?;
    let partner = json!({"name": "partner", "tokenSecretRef": {"name": "partner-token"}});
    site.create(json!({"clients": [{"name": "web"}, partner]})).await?;
    site.converged().await?;
    until_enabled(&site, &["web", "partner"]).await?;

    site.kubectl(&["delete", "secret", "partner-token"], "").await?;
    until_refused(&site, "caller partner: Secret partner-token does not exist").await?;
    until_enabled(&site, &["web"]).await?;
    assert_eq!(site.secret("login-binding-partner").await?["token"], FIRST, "it stays as it was");

    site.patch(json!({"spec": {"hasher": {"replicas": 5}}})).await?;
    eventually("hashers are scaled", WITHIN, || async {
        let deployment = deployment(&site).await?;
        anyhow::ensure!(deployment["spec"]["replicas"] == 5, "{}", deployment["spec"]["replicas"]);
        Ok(())
    })
    .await?;
    let parameters = DeleteParams::foreground();
    site.objects(ObjectKind::Deployment).delete("login-hasher", &parameters).await?;
    eventually("the Deployment comes back", WITHIN, || async {
        let deployment = deployment(&site).await?;
        anyhow::ensure!(deployment["spec"]["replicas"] == 5);
        Ok(())
    })
    .await?;

    let theirs = format!("--from-literal=token={SECOND}");
    site.kubectl(&["create", "secret", "generic", "partner-token", &theirs], "").await?;
    until_enabled(&site, &["web", "partner"]).await?;
    eventually("the binding follows", WITHIN, || async {
        let token = site.secret("login-binding-partner").await?["token"].clone();
        anyhow::ensure!(token == SECOND, "{token}");
        Ok(())
    })
    .await?;
    operator.stop().await
}
