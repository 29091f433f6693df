//! From Kubernetes' objects to what decisions need of them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use authcluster_contract::pepper::{self, KeyId};
use authcluster_contract::token::{TokenError, check_token};
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ContainerStatus, Namespace, Node, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sha2::{Digest as _, Sha256};

use crate::api::names::{ANNOTATION_CONFIG, LABEL_POOL, LABEL_SHARD};
use crate::certificates;
use crate::plan::seen::{KubernetesNodeSeen, PodSeen, SecretSeen, WorkloadSeen};

/// Key of a certificate in a Secret of type `kubernetes.io/tls`.
const CERTIFICATE: &str = "tls.crt";
/// Key of the authority's certificate beside it.
const AUTHORITY: &str = "ca.crt";

/// States of a container that go away only when something changes.
const TROUBLES: [&str; 8] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// Longest part of what a container or the kubelet said that the status repeats: a line of a terminal
/// or two.
const LAST_WORDS_CHARS_MAX: usize = 200;

/// Whether the namespace is on its way out: nothing can be created in it.
#[must_use]
pub fn is_terminating(namespace: &Namespace) -> bool {
    let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
    namespace.metadata.deletion_timestamp.is_some() || phase == Some("Terminating")
}

/// Whether an object is owned by the resource with this uid.
#[must_use]
pub fn is_owned(metadata: &ObjectMeta, uid: &str) -> bool {
    metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid)
}

/// A pod.
#[must_use]
pub fn pod_seen(pod: &Pod) -> PodSeen {
    let metadata = &pod.metadata;
    let label = |key: &str| metadata.labels.as_ref().and_then(|labels| labels.get(key)).cloned();
    let annotations = metadata.annotations.as_ref();
    let status = pod.status.as_ref();
    PodSeen {
        uid: metadata.uid.clone().unwrap_or_default(),
        ip: status.and_then(|status| status.pod_ip.as_ref()).and_then(|ip| ip.parse().ok()),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        pool: label(LABEL_POOL),
        shard: label(LABEL_SHARD).and_then(|shard| shard.parse().ok()),
        ready: condition_of_pod(pod, "Ready").is_some_and(|(is_true, _)| is_true),
        terminating: metadata.deletion_timestamp.is_some(),
        config_sha256: annotations.and_then(|all| all.get(ANNOTATION_CONFIG)).cloned(),
        trouble: trouble(pod),
    }
}

/// Whether a condition of a pod is true, and what it says.
fn condition_of_pod<'a>(pod: &'a Pod, kind: &str) -> Option<(bool, Option<&'a str>)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|condition| condition.type_ == kind)?;
    Some((found.status == "True", found.message.as_deref()))
}

fn trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses);
    if let Some(trouble) = containers.flatten().find_map(trouble_of_container) {
        return Some(trouble);
    }
    match condition_of_pod(pod, "PodScheduled") {
        Some((false, message)) => {
            Some(format!("Unschedulable: {}", message.unwrap_or("no reason given")))
        }
        Some((true, _)) | None => None,
    }
}

fn trouble_of_container(status: &ContainerStatus) -> Option<String> {
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().filter(|reason| TROUBLES.contains(reason))?;
    // Why it ended says more than that it is about to be started again.
    let last_words = status
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref()?.message.as_deref())
        .and_then(|words| words.lines().rfind(|line| !line.trim().is_empty()));
    let message = last_words.or(waiting.message.as_deref()).unwrap_or("no message");
    let message: String = message.trim().chars().take(LAST_WORDS_CHARS_MAX).collect();
    Some(format!("{reason}: container {}: {message}", status.name))
}

/// A node of Kubernetes.
#[must_use]
pub fn node_seen(node: &Node) -> KubernetesNodeSeen {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let is_true = |kind: &str| {
        conditions.into_iter().flatten().any(|it| it.type_ == kind && it.status == "True")
    };
    KubernetesNodeSeen {
        cordoned: node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false),
        ready: is_true("Ready"),
        memory_pressure: is_true("MemoryPressure"),
    }
}

/// A Secret without its contents.
#[must_use]
pub fn secret_seen(secret: &Secret, uid: &str) -> SecretSeen {
    let data = secret.data.iter().flatten();
    let sha256: BTreeMap<String, String> =
        data.map(|(key, value)| (key.clone(), digest(value.0.trim_ascii_end()))).collect();
    let certificate = secret.data.as_ref().and_then(|data| data.get(CERTIFICATE));
    SecretSeen {
        not_after: certificate.and_then(|pem| certificates::not_after(&pem.0).ok()),
        ca_sha256: sha256.get(AUTHORITY).cloned(),
        ours: is_owned(&secret.metadata, uid),
        peppers: peppers(secret),
        unusable_tokens: unusable_tokens(secret),
        sha256,
    }
}

/// Keys whose values a hasher would not accept as tokens, and why. Says nothing else about a value.
fn unusable_tokens(secret: &Secret) -> BTreeMap<String, TokenError> {
    let error = |(key, value): (&String, &ByteString)| {
        Some((key.clone(), check_token(value.0.trim_ascii_end()).err()?))
    };
    secret.data.iter().flatten().filter_map(error).collect()
}

/// Keys that a hasher would take for key ids, with values that it would take for peppers.
fn peppers(secret: &Secret) -> BTreeSet<String> {
    let is_pepper = |(key, value): &(&String, &ByteString)| {
        key.parse::<KeyId>().is_ok() && pepper::decode(&value.0).is_ok()
    };
    secret.data.iter().flatten().filter(is_pepper).map(|(key, _)| key.clone()).collect()
}

/// SHA-256 in hexadecimal.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A Deployment.
#[must_use]
pub fn deployment_seen(deployment: &Deployment) -> WorkloadSeen {
    let status = deployment.status.clone().unwrap_or_default();
    let spec = deployment.spec.as_ref();
    WorkloadSeen {
        current: status.observed_generation >= deployment.metadata.generation,
        replicas: spec.and_then(|spec| spec.replicas).unwrap_or(1),
        total: status.replicas.unwrap_or(0),
        updated: status.updated_replicas.unwrap_or(0),
        ready: status.ready_replicas.unwrap_or(0),
    }
}

/// A `StatefulSet`.
#[must_use]
pub fn stateful_set_seen(set: &StatefulSet) -> WorkloadSeen {
    let status = set.status.clone().unwrap_or_default();
    WorkloadSeen {
        current: status.observed_generation >= set.metadata.generation,
        replicas: set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
        total: status.replicas,
        updated: status.updated_replicas.unwrap_or(0),
        ready: status.ready_replicas.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests;
