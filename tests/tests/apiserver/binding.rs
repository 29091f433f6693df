//! The Secret that a caller mounts.

use std::time::Duration;

use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use serde_json::json;

const WITHIN: Duration = Duration::from_secs(30);

const FIRST: &str = "first-first-first-first-first-first";
const SECOND: &str = "second-second-second-second-second";

#[tokio::test]
async fn each_caller_has_a_secret_in_the_shape_of_the_specification() -> anyhow::Result<()> {
    let site = Site::new("binding").await?;
    let operator = site.start_operator()?;
    let theirs = format!("--from-literal=bearer={FIRST}\n");
    let theirs = ["create", "secret", "generic", "theirs", &theirs];
    site.kubectl(&theirs, "").await?;
    let clients = json!([
        {"name": "web"},
        {"name": "app", "tokenSecretRef": {"name": "theirs", "key": "bearer"}},
    ]);
    site.create(json!({"clients": clients})).await?;
    site.converged().await?;
    let web = site.secret("login-binding-web").await?;
    let host = format!("login-hasher.{}.svc", site.namespace);
    assert_eq!(web["host"], host);
    assert_eq!(web["uri"], format!("https://{host}:8443"));
    let plain = ["type", "provider", "port"].map(|key| web[key].as_str());
    assert_eq!(plain, ["authcluster", "authcluster", "8443"]);
    assert_eq!(web["token"], site.secret("login-token-web").await?["token"]);
    assert_eq!(web["ca.crt"], site.secret("login-ca").await?["tls.crt"]);
    assert_eq!(web.len(), 7, "{:?}", web.keys());
    let of_type = "--field-selector=type=servicebinding.io/authcluster";
    let names = site.kubectl(&["get", "secrets", of_type, "--output=name"], "").await?;
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(names, ["secret/login-binding-app", "secret/login-binding-web"]);
    let name = ["get", "ac", "login", "--output=jsonpath={.status.binding.name}"];
    assert_eq!(site.kubectl(&name, "").await?, "login-binding-web", "a Provisioned Service");
    // The line feed of `echo` is no part of a token.
    assert_eq!(site.secret("login-binding-app").await?["token"], FIRST);

    let value = json!({"stringData": {"bearer": SECOND}}).to_string();
    site.kubectl(&["patch", "secret", "theirs", "--type=merge", "--patch", &value], "").await?;
    eventually("the binding follows the token", WITHIN, || async {
        let token = site.secret("login-binding-app").await?["token"].clone();
        anyhow::ensure!(token == SECOND, "{token}");
        Ok(())
    })
    .await?;
    let events = site.events().await?.concat();
    for secret in [FIRST, SECOND, web["token"].as_str()] {
        assert!(!events.contains(secret), "a token in an event: {events}");
    }

    site.patch(json!({"spec": {"clients": [{"name": "web"}]}})).await?;
    eventually("the binding of a caller who is gone goes", WITHIN, || async {
        let left = site.secret("login-binding-app").await;
        anyhow::ensure!(left.is_err(), "it is there");
        Ok(())
    })
    .await?;
    let theirs = site.secret("theirs").await?;
    assert_eq!(theirs["bearer"], SECOND, "a person's Secret stays");
    operator.stop().await
}

#[tokio::test]
async fn a_secret_of_someone_else_is_left_alone_and_said() -> anyhow::Result<()> {
    let site = Site::new("binding").await?;
    let theirs =
        ["create", "secret", "generic", "login-binding-default", "--from-literal=token=mine"];
    site.kubectl(&theirs, "").await?;
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    eventually("it is said", WITHIN, || async {
        let events = site.events().await?;
        let said =
            "login NameTaken: Secret login-binding-default exists and belongs to someone else";
        anyhow::ensure!(events.iter().any(|event| event.starts_with(said)), "{events:?}");
        Ok(())
    })
    .await?;
    let kept = site.secret("login-binding-default").await?;
    assert_eq!((kept.len(), kept["token"].as_str()), (1, "mine"));
    operator.stop().await
}
