//! Parts that hashers and Redis share: ports, environment, amounts, and the restricted security
//! context, each written once.

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapProjection, ContainerPort, EnvVar, EnvVarSource, KeyToPath,
    ObjectFieldSelector, PodSecurityContext, ResourceRequirements, SeccompProfile,
    SecretProjection, SecurityContext, ServicePort, TopologySpreadConstraint, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use sha2::{Digest as _, Sha256};

use super::super::metadata::{Labels, selector};
use super::super::validate::ProgramResources;

/// User and group of every container: nobody's on any distribution, and what distroless images call
/// `nonroot`. Redis images bring a user of their own; one that holds for all keeps volumes readable
/// when the image changes.
const UID: i64 = 65532;

/// Label of a node with its own name.
pub(in crate::plan) const HOSTNAME: &str = "kubernetes.io/hostname";
/// Label of a node with the zone that it may be lost with; where there are no zones it says nothing.
pub(in crate::plan) const ZONE: &str = "topology.kubernetes.io/zone";

/// Spreads the pods with these labels, where that can be had: better two pods on one node than one pod
/// less.
pub(in crate::plan) fn spread(topology_key: &str, selected: Labels) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: topology_key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(selector(selected)),
        ..TopologySpreadConstraint::default()
    }
}

/// What the restricted Pod Security Standard asks of a pod.
pub(in crate::plan) fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(UID),
        run_as_group: Some(UID),
        fs_group: Some(UID),
        // Walking through every file of a large volume at each start takes minutes.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        ..PodSecurityContext::default()
    }
}

/// What it asks of a container, and a root file system that nobody writes to.
pub(in crate::plan) fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
        ..SecurityContext::default()
    }
}

/// Requests and limits.
pub(in crate::plan) fn resources(wanted: &ProgramResources) -> ResourceRequirements {
    let ProgramResources { cpu_request, cpu_limit, memory_request, memory_limit } = wanted;
    let amount = |name: &str, text: &String| (name.to_owned(), Quantity(text.clone()));
    let requests = [amount("cpu", cpu_request), amount("memory", memory_request)];
    let limits =
        [Some(amount("memory", memory_limit)), cpu_limit.as_ref().map(|cpu| amount("cpu", cpu))];
    ResourceRequirements {
        requests: Some(requests.into()),
        limits: Some(limits.into_iter().flatten().collect()),
        claims: None,
    }
}

/// An environment variable with a value.
pub(in crate::plan) fn env_value(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

/// An environment variable with a field of the pod.
pub(in crate::plan) fn env_field(name: &str, path: &str) -> EnvVar {
    let field = ObjectFieldSelector { field_path: path.to_owned(), api_version: None };
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() }),
    }
}

/// A named port of a container.
pub(in crate::plan) fn container_port(name: &str, port: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(port),
        ..ContainerPort::default()
    }
}

/// A port of a Service that leads to the container's port of the same name.
pub(in crate::plan) fn service_port(name: &str, port: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(port),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}

/// Values of a Secret as files: key and path of each.
pub(in crate::plan) fn project_secret(name: String, items: &[(&str, &str)]) -> VolumeProjection {
    VolumeProjection {
        secret: Some(SecretProjection { name, items: Some(paths(items)), optional: None }),
        ..VolumeProjection::default()
    }
}

/// Values of a `ConfigMap` as files: key and path of each.
pub(in crate::plan) fn project_config_map(
    name: String,
    items: &[(&str, &str)],
) -> VolumeProjection {
    VolumeProjection {
        config_map: Some(ConfigMapProjection { name, items: Some(paths(items)), optional: None }),
        ..VolumeProjection::default()
    }
}

fn paths(items: &[(&str, &str)]) -> Vec<KeyToPath> {
    items
        .iter()
        .map(|(key, path)| KeyToPath {
            key: (*key).to_owned(),
            path: (*path).to_owned(),
            mode: None,
        })
        .collect()
}

/// SHA-256 in hexadecimal over parts, each with its length, so that no two lists meet.
pub(in crate::plan) fn checksum(parts: &[impl AsRef<str>]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hasher.update(part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
