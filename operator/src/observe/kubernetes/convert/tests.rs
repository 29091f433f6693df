//! Kubernetes' objects as a person would write them, and what decisions see of them.

use authcluster_contract::token::TokenError;
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Secret};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{deployment_seen, is_terminating, node_seen, pod_seen, secret_seen};

fn from<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_pod_is_seen_with_address_shard_and_readiness() {
    let pod = pod_seen(&from::<Pod>(json!({
        "metadata": {
            "name": "main-redis-1-0", "uid": "u1",
            "labels": {"authcluster.dev/shard": "1"},
            "annotations": {"authcluster.dev/config-sha256": "abc"},
        },
        "spec": {"containers": [], "nodeName": "n1"},
        "status": {"podIP": "fd00::1", "conditions": [{"type": "Ready", "status": "True"}]},
    })));
    assert_eq!(pod.uid, "u1");
    assert_eq!(pod.ip.unwrap().to_string(), "fd00::1");
    assert_eq!(pod.shard, Some(1));
    assert_eq!(pod.node.as_deref(), Some("n1"));
    assert_eq!(pod.config_sha256.as_deref(), Some("abc"));
    assert!(pod.ready && !pod.terminating && pod.trouble.is_none());
}

#[test]
fn trouble_of_a_pod_is_said_in_kubernetes_words() {
    let check = |status: Value, expect: Option<&str>| {
        let pod = pod_seen(&from::<Pod>(json!({"metadata": {}, "status": status})));
        assert_eq!(pod.trouble.as_deref(), expect, "{status}");
    };
    let waiting = |reason: &str| {
        json!({"containerStatuses": [{
            "name": "redis", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": "m"}},
        }]})
    };
    check(waiting("ImagePullBackOff"), Some("ImagePullBackOff: container redis: m"));
    check(waiting("ContainerCreating"), None);
    let mut crashed = waiting("CrashLoopBackOff");
    crashed["containerStatuses"][0]["lastState"] =
        json!({"terminated": {"exitCode": 1, "message": "starting\nerror: no such file\n\n"}});
    check(crashed.clone(), Some("CrashLoopBackOff: container redis: error: no such file"));
    crashed["containerStatuses"][0]["lastState"]["terminated"]["message"] =
        json!("x".repeat(5_000));
    let long = format!("CrashLoopBackOff: container redis: {}", "x".repeat(200));
    check(crashed, Some(&long));
    check(
        json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "no node"}]}),
        Some("Unschedulable: no node"),
    );
    check(json!({"conditions": [{"type": "PodScheduled", "status": "True"}]}), None);
    check(json!({}), None);
}

#[test]
fn a_node_is_seen_with_cordon_and_pressure() {
    let node = node_seen(&from::<Node>(json!({
        "metadata": {},
        "spec": {"unschedulable": true},
        "status": {"conditions": [
            {"type": "Ready", "status": "Unknown"},
            {"type": "MemoryPressure", "status": "True"},
        ]},
    })));
    assert!(node.cordoned && !node.ready && node.memory_pressure);
    let node = node_seen(&from::<Node>(json!({"metadata": {}})));
    assert!(!node.cordoned && !node.ready && !node.memory_pressure);
}

#[test]
fn a_secret_is_seen_by_digests_without_the_white_space_at_its_end() {
    let seen = |text: &[u8], uid: &str| {
        let mut secret: Secret = from(json!({"metadata": {"ownerReferences": [
            {"apiVersion": "v", "kind": "k", "name": "n", "uid": "ours"},
        ]}}));
        let bytes = ByteString(text.to_vec());
        secret.data = Some([("token".to_owned(), bytes)].into());
        secret_seen(&secret, uid)
    };
    assert_eq!(seen(b"t\n", "ours").sha256, seen(b"t", "ours").sha256);
    assert_ne!(seen(b" t", "ours").sha256, seen(b"t", "ours").sha256);
    assert!(seen(b"t", "ours").ours);
    assert!(!seen(b"t", "another").ours);
}

#[test]
fn a_value_that_cannot_be_a_token_is_seen_with_the_reason() {
    let check = |value: &str, expect: Option<TokenError>| {
        let data = [("token".to_owned(), ByteString(value.into()))].into();
        let seen = secret_seen(&Secret { data: Some(data), ..Secret::default() }, "uid");
        assert_eq!(seen.unusable_tokens.get("token"), expect.as_ref(), "{value:?}");
    };
    let token = "0123456789abcdef0123456789abcdef";
    check(token, None);
    check(&format!("{token}\n"), None);
    check("", Some(TokenError::Empty));
    check(" \n", Some(TokenError::Empty));
    check("0123456789abcdef0123456789abcde", Some(TokenError::TooShort));
    check(&format!(" {token}"), Some(TokenError::NotPrintable));
    check(&format!("{token}\n{token}"), Some(TokenError::NotPrintable));
}

#[test]
fn a_workload_is_current_when_its_controller_saw_the_latest_generation() {
    for (generation, observed, current) in
        [(2, Some(2), true), (2, Some(1), false), (1, None, false)]
    {
        let seen = deployment_seen(&from::<Deployment>(json!({
            "metadata": {"generation": generation},
            "status": {"observedGeneration": observed, "readyReplicas": 2},
        })));
        assert_eq!(seen.current, current, "{generation} {observed:?}");
        assert_eq!((seen.replicas, seen.ready), (1, 2));
    }
}

#[test]
fn a_namespace_terminates_by_phase_or_by_deletion() {
    let check = |value: Value, expect: bool| {
        assert_eq!(is_terminating(&from::<Namespace>(value.clone())), expect, "{value}");
    };
    check(json!({"metadata": {}}), false);
    check(json!({"metadata": {}, "status": {"phase": "Active"}}), false);
    check(json!({"metadata": {}, "status": {"phase": "Terminating"}}), true);
    check(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), true);
}

#[test]
fn what_a_hasher_would_refuse_is_no_pepper() {
    let pepper = "cGVwcGVyIHBlcHBlciBwZXBwZXI=\n";
    let values = [("2026", pepper), ("of-last-year", pepper), ("2025", "c2hvcnQ="), ("2024", "?")];
    let data = values.map(|(key, value)| (key.to_owned(), ByteString(value.into())));
    let secret = Secret { data: Some(data.into()), ..Secret::default() };
    assert_eq!(secret_seen(&secret, "uid").peppers, ["2026".to_owned()].into());
}
