//! What is worth a pass, and on whose behalf.

use kube::api::PartialObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use serde_json::{Value, json};

use super::{by_wish, parent};
use crate::api::AuthCluster;

#[expect(clippy::needless_pass_by_value, reason = "rows read better without references")]
fn cluster(metadata: Value, status: Value) -> DeserializeGuard<AuthCluster> {
    let object = json!({
        "apiVersion": "authcluster.dev/v1alpha1", "kind": "AuthCluster",
        "metadata": metadata, "spec": {"redis": {"shards": "not a number"}}, "status": status,
    });
    serde_json::from_value(object).unwrap()
}

#[test]
fn a_status_is_not_worth_a_pass_and_a_wish_is() {
    let metadata =
        |generation: i64| json!({"name": "a", "namespace": "n", "generation": generation});
    let before = by_wish(&cluster(metadata(1), json!({})));
    assert_eq!(before, by_wish(&cluster(metadata(1), json!({"plan": "new words"}))));
    assert_ne!(before, by_wish(&cluster(metadata(2), json!({}))));
    let mut marked = metadata(1);
    marked["annotations"] = json!({"authcluster.dev/accept-data-loss": "true"});
    assert_ne!(before, by_wish(&cluster(marked, json!({}))));
    let mut deleted = metadata(1);
    deleted["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_ne!(before, by_wish(&cluster(deleted, json!({}))));
}

#[test]
fn a_resource_that_does_not_decode_still_has_a_name() {
    let broken = cluster(json!({"name": "a", "namespace": "n", "generation": 1}), json!({}));
    assert!(broken.0.is_err());
    assert_eq!(ObjectRef::from_obj(&broken), ObjectRef::new("a").within("n"));
}

#[test]
fn a_child_leads_to_the_resource_that_its_label_names() {
    let check = |metadata: Value, expect: Option<&str>| {
        let child: PartialObjectMeta<k8s_openapi::api::core::v1::Pod> =
            serde_json::from_value(json!({"metadata": metadata})).unwrap();
        let expect = expect.map(|name| ObjectRef::new(name).within("n"));
        assert_eq!(parent(&child), expect, "{metadata}");
    };
    let labels = json!({"app.kubernetes.io/instance": "a"});
    check(json!({"name": "p", "namespace": "n", "labels": labels}), Some("a"));
    check(json!({"name": "p", "namespace": "n"}), None);
    check(json!({"name": "p", "labels": labels}), None);
}
