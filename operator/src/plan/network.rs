//! Who reaches which port of the pods. What the pods send is not restricted: names, other clusters' Redis
//! and a registry's proxy are the network's business, and a policy that forgets one of them stops logins.
//!
//! Ports are numbers, because not every network knows the names of ports.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata::{self, labels, selector, selector_labels};
use super::{Validated, names};
use crate::api::names::{
    COMPONENT_HASHER, COMPONENT_REDIS, LABEL_NAME, MANAGED_BY, PORT_ADMIN, PORT_API, PORT_PEERS,
    PORT_REDIS, PORT_REDIS_BUS,
};
use crate::api::spec::NetworkPolicyMode;

/// Label that Kubernetes gives to each namespace: its name.
const LABEL_NAMESPACE: &str = "kubernetes.io/metadata.name";

/// The policies that are wanted.
pub(super) fn policies(wanted: &Validated) -> Vec<NetworkPolicy> {
    let callers = match wanted.network_policy {
        NetworkPolicyMode::None => return Vec::new(),
        NetworkPolicyMode::Anywhere => None,
        NetworkPolicyMode::Namespace => Some(vec![everyone_here()]),
    };
    let hashers = || component(wanted, COMPONENT_HASHER);
    let redis = || component(wanted, COMPONENT_REDIS);
    let mut into_hashers =
        vec![rule(callers, &[PORT_API]), rule(Some(vec![hashers()]), &[PORT_PEERS])];
    into_hashers.extend(metrics(wanted));
    vec![
        policy(wanted, (names::hasher(&wanted.name), COMPONENT_HASHER), into_hashers),
        policy(
            wanted,
            (names::redis(&wanted.name), COMPONENT_REDIS),
            vec![
                rule(Some(vec![redis()]), &[PORT_REDIS, PORT_REDIS_BUS]),
                rule(Some(vec![hashers(), operator(wanted)]), &[PORT_REDIS]),
            ],
        ),
    ]
}

/// Lets the namespaces of `spec.metrics.from` reach the admin port. The probes on that port come from the
/// kubelet and need no rule: "Traffic to and from the node where a Pod is running is always allowed"
/// (<https://kubernetes.io/docs/concepts/services-networking/network-policies/>). Without a namespace there is no
/// rule at all, because an empty `from` means every source.
fn metrics(wanted: &Validated) -> Option<NetworkPolicyIngressRule> {
    let peer = |labels: &BTreeMap<String, String>| NetworkPolicyPeer {
        namespace_selector: Some(selector(labels.clone())),
        ..NetworkPolicyPeer::default()
    };
    let peers: Vec<_> = wanted.metrics_from.iter().map(peer).collect();
    (!peers.is_empty()).then(|| rule(Some(peers), &[PORT_ADMIN]))
}

fn policy(
    wanted: &Validated,
    (name, of): (String, &str),
    ingress: Vec<NetworkPolicyIngressRule>,
) -> NetworkPolicy {
    NetworkPolicy {
        metadata: metadata::object(wanted, name, labels(&wanted.name, of)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(selector_labels(&wanted.name, of))),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(ingress),
            egress: None,
        }),
    }
}

/// Lets `from` (`None` is everyone) reach `ports`.
fn rule(from: Option<Vec<NetworkPolicyPeer>>, ports: &[u16]) -> NetworkPolicyIngressRule {
    let port = |port: &u16| NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(*port))),
        protocol: Some("TCP".to_owned()),
        end_port: None,
    };
    NetworkPolicyIngressRule { from, ports: Some(ports.iter().map(port).collect()) }
}

fn component(wanted: &Validated, component: &str) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(selector(selector_labels(&wanted.name, component))),
        ..NetworkPolicyPeer::default()
    }
}

/// Every pod of the namespace.
fn everyone_here() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    }
}

/// The operator's pods, by the label that its chart gives to them and nobody can rename.
fn operator(wanted: &Validated) -> NetworkPolicyPeer {
    let only = |key: &str, value: &str| {
        Some(selector(BTreeMap::from([(key.to_owned(), value.to_owned())])))
    };
    NetworkPolicyPeer {
        namespace_selector: only(LABEL_NAMESPACE, &wanted.operator_namespace),
        pod_selector: only(LABEL_NAME, MANAGED_BY),
        ip_block: None,
    }
}

#[cfg(test)]
mod tests;
