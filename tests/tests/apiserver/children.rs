//! What the operator makes, and what becomes of it in other hands.

use std::time::Duration;

use authcluster_operator::plan::seen::{ObjectKind, ObjectRef};
use authcluster_tests::apiserver::proxy::Fault;
use authcluster_tests::apiserver::site::Site;
use authcluster_tests::eventually::eventually;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

/// Longest time until something is as it was. Without a watch's word it is looked at within 15 s.
const WITHIN: Duration = Duration::from_secs(45);

fn condition(status: &Value, type_: &str) -> String {
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|it| it["type"] == type_).cloned().unwrap_or_default();
    let field = |name: &str| found.get(name).map(Value::to_string).unwrap_or_default();
    format!("{} {} {}", field("status"), field("reason"), field("observedGeneration"))
}

/// T45: no tool takes a resource that nobody has looked at for one that is ready.
#[tokio::test]
async fn the_first_touch_says_that_it_is_being_reconciled() -> anyhow::Result<()> {
    let site = Site::new("children").await?;
    // As far as the first status, and no further: the children cannot be listed.
    site.proxy.inject(|asked| {
        let children = asked.is_of("configmaps") && !asked.is_watch();
        children.then_some(Fault::Hang)
    });
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    eventually("the first status", WITHIN, || async {
        let status = serde_json::to_value(site.cluster().await?.status)?;
        anyhow::ensure!(!status.is_null(), "none yet");
        assert_eq!(status["observedGeneration"], 1);
        assert_eq!(condition(&status, "Ready"), "\"False\" \"Progressing\" 1");
        assert_eq!(condition(&status, "Reconciling"), "\"True\" \"Progressing\" 1");
        assert_eq!(condition(&status, "Stalled"), "\"False\" \"Progressing\" 1");
        // T26: an autoscaler finds its pods from the first moment on.
        let selector = status["selector"].as_str().unwrap_or_default();
        assert!(selector.contains("app.kubernetes.io/instance=login"), "{status}");
        Ok(())
    })
    .await?;
    let scale = format!(
        "/apis/authcluster.dev/v1alpha1/namespaces/{}/authclusters/login/scale",
        site.namespace
    );
    let scale: Value = serde_json::from_str(&site.kubectl(&["get", "--raw", &scale], "").await?)?;
    assert_eq!((&scale["spec"]["replicas"], &scale["status"]["replicas"]), (&json!(3), &json!(0)));
    site.proxy.heal();
    site.converged().await?;
    operator.stop().await
}

/// T39 and more: whatever is deleted comes back.
#[tokio::test]
async fn a_deleted_child_comes_back() -> anyhow::Result<()> {
    let site = Site::new("children").await?;
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    let user_key = site.secret("login-user-key").await?;
    let token = site.secret("login-token-default").await?;
    let wanted = site.wanted().await?;
    for ObjectRef { kind, name } in &wanted {
        // With another key every session is another user's; a test that deletes it shows nothing more.
        if name != "login-user-key" {
            site.objects(*kind).delete(name, &DeleteParams::background()).await?;
        }
    }
    site.converged().await?;
    assert_eq!(site.secret("login-user-key").await?, user_key);
    let new = site.secret("login-token-default").await?;
    assert_ne!(new, token, "a new token, or it was not deleted");
    eventually("the binding follows", WITHIN, || async {
        let binding = site.secret("login-binding-default").await?;
        let authority = site.secret("login-ca").await?;
        anyhow::ensure!(binding["token"] == new["token"], "the token before");
        anyhow::ensure!(binding["ca.crt"] == authority["tls.crt"], "the authority before");
        Ok(())
    })
    .await?;
    operator.stop().await
}

/// An edit by hand: whose, what is patched, where it shows.
type Edit = (ObjectKind, &'static str, Value, &'static str);

fn edits() -> Vec<Edit> {
    vec![
        (
            ObjectKind::Service,
            "login-hasher",
            json!({"spec": {"ports": [{"name": "https", "port": 8443, "targetPort": 1}]}}),
            "/spec/ports/0/targetPort",
        ),
        (
            ObjectKind::ConfigMap,
            "login-hasher",
            json!({"data": {"hasher.toml": "nonsense"}}),
            "/data/hasher.toml",
        ),
        (
            ObjectKind::Deployment,
            "login-hasher",
            json!({"spec": {"replicas": 9}}),
            "/spec/replicas",
        ),
        (
            ObjectKind::StatefulSet,
            "login-redis-1",
            json!({"spec": {"updateStrategy": {"type": "RollingUpdate"}}}),
            "/spec/updateStrategy/type",
        ),
        (
            ObjectKind::PodDisruptionBudget,
            "login-redis-0",
            json!({"spec": {"maxUnavailable": 2}}),
            "/spec/maxUnavailable",
        ),
        (
            ObjectKind::NetworkPolicy,
            "login-redis",
            json!({"spec": {"ingress": [{}]}}),
            "/spec/ingress",
        ),
        (
            ObjectKind::ServiceAccount,
            "login-redis",
            json!({"automountServiceAccountToken": true}),
            "/automountServiceAccountToken",
        ),
        // Out of the watch's sight, and found by its name.
        (
            ObjectKind::Service,
            "login-redis",
            json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}}),
            "/metadata/labels",
        ),
    ]
}

#[tokio::test]
async fn a_hand_edited_child_is_as_before_and_keeps_what_is_not_ours() -> anyhow::Result<()> {
    let site = Site::new("children").await?;
    let operator = site.start_operator()?;
    site.create(json!({})).await?;
    site.converged().await?;
    let mut before = Vec::new();
    for (kind, name, patch, at) in edits() {
        let api = site.objects(kind);
        let value = serde_json::to_value(api.get(name).await?)?;
        before.push(value.pointer(at).cloned());
        let mark = json!({"metadata": {"annotations": {"example.org/mark": "mine"}}});
        for patch in [mark, patch] {
            api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        }
    }
    for ((kind, name, _, at), before) in edits().into_iter().zip(before) {
        eventually(&format!("{kind:?} {name} {at} is as before"), WITHIN, || async {
            let object = site.objects(kind).get(name).await?;
            assert_eq!(object.annotations()["example.org/mark"], "mine", "{kind:?} {name}");
            let value = serde_json::to_value(&object)?;
            anyhow::ensure!(value.pointer(at) == before.as_ref(), "{:?}", value.pointer(at));
            Ok(())
        })
        .await?;
    }
    operator.stop().await
}

#[tokio::test]
async fn network_policies_come_and_go_with_the_field() -> anyhow::Result<()> {
    let site = Site::new("children").await?;
    let operator = site.start_operator()?;
    site.create(json!({"networkPolicy": "None"})).await?;
    site.converged().await?;
    let policies = site.objects(ObjectKind::NetworkPolicy);
    let count = async |expect: usize| {
        eventually(&format!("{expect} policies"), WITHIN, || async {
            let found = policies.list(&kube::api::ListParams::default()).await?.items.len();
            anyhow::ensure!(found == expect, "{found}");
            Ok(())
        })
        .await
    };
    count(0).await?;
    site.patch(json!({"spec": {"networkPolicy": "Namespace"}})).await?;
    count(2).await?;
    site.patch(json!({"spec": {"networkPolicy": "None"}})).await?;
    count(0).await?;
    operator.stop().await
}
