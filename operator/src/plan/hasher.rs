//! The hashers' objects: one Deployment a pool, the ways in, the file they read, and how many of them a
//! drain may take at once.
//!
//! A Deployment says nothing that a scheduler or an admission controller fills in, so that a second
//! pass finds nothing to change.

mod config;
mod pod;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    ConfigMap, Secret, Service, ServiceAccount, ServicePort, ServiceSpec,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata::{self, labels, selector_labels, with};
use super::names::{self, KEY_CLIENTS, KEY_HASHER_CONFIG};
use super::objects::{Digests, NotReady};
use super::validate::{Pool, SessionKeys};
use super::{Validated, objects};
use crate::api::names::{COMPONENT_HASHER, LABEL_POOL, PORT_ADMIN, PORT_API, PORT_PEERS};

/// Name of the API's port in pods and Services.
pub const PORT_NAME_API: &str = "https";
/// Name of the port between hashers.
pub const PORT_NAME_PEERS: &str = "peers";
/// Name of the port of probes and metrics.
pub const PORT_NAME_ADMIN: &str = "admin";

/// Pods beyond those asked for while a change rolls out: rounded up, so one at least. More would start, and
/// calibrate, beside those that serve.
const SURGE: &str = "25%";
/// Time that a new pod has to be ready before it counts as the successor of an old one, in seconds: the
/// other hashers raise its share to the full one in so long (`hasher/src/policy/slow_start.rs`).
const READY_SECONDS: i32 = 10;

/// The file that hashers read. A pod that starts again reads it at once, so it names no pepper and no key of
/// sessions that is not there.
pub(super) fn config_map(wanted: &Validated, digests: &Digests) -> Result<ConfigMap, NotReady> {
    if let Some(peppers) = &wanted.peppers {
        digests.of_copied_peppers(&wanted.name, peppers)?;
    }
    if let Some(SessionKeys { secret, current }) = &wanted.session_keys {
        digests.of(secret, current)?;
    }
    Ok(ConfigMap {
        metadata: metadata::object(wanted, names::hasher(&wanted.name), labels_of(wanted)),
        data: Some([(KEY_HASHER_CONFIG.to_owned(), config::hasher_toml(wanted)?)].into()),
        ..ConfigMap::default()
    })
}

/// What the settings of hashers are called that they take over while they run: each says in its record
/// which ones it goes by.
pub(super) fn live_version(wanted: &Validated, digests: &Digests) -> Result<String, NotReady> {
    config::live_version(wanted, digests)
}

/// The callers' file: digests of their tokens.
pub(super) fn clients_secret(wanted: &Validated, digests: &Digests) -> Result<Secret, NotReady> {
    Ok(Secret {
        metadata: metadata::object(wanted, names::clients(&wanted.name), labels_of(wanted)),
        type_: Some("Opaque".to_owned()),
        string_data: None,
        data: Some(
            [(
                KEY_CLIENTS.to_owned(),
                k8s_openapi::ByteString(config::clients_toml(wanted, digests)?.into_bytes()),
            )]
            .into(),
        ),
        ..Secret::default()
    })
}

/// The identity of the pods: no rights, no token.
pub(super) fn service_account(wanted: &Validated) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata::object(wanted, names::hasher(&wanted.name), labels_of(wanted)),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// The way in for callers, and the headless one for hashers.
pub(super) fn services(wanted: &Validated) -> [Service; 2] {
    let selector = selector_labels(&wanted.name, COMPONENT_HASHER);
    let api = Service {
        metadata: metadata::object(wanted, names::hasher(&wanted.name), labels_of(wanted)),
        spec: Some(ServiceSpec {
            selector: Some(selector.clone()),
            ports: Some(vec![ServicePort {
                app_protocol: Some("https".to_owned()),
                ..objects::service_port(PORT_NAME_API, PORT_API)
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    let peers = Service {
        metadata: metadata::object(wanted, names::peers(&wanted.name), labels_of(wanted)),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            // A pod that drains still computes what was forwarded to it.
            publish_not_ready_addresses: Some(true),
            selector: Some(selector),
            ports: Some(vec![
                objects::service_port(PORT_NAME_PEERS, PORT_PEERS),
                objects::service_port(PORT_NAME_ADMIN, PORT_ADMIN),
            ]),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    [api, peers]
}

/// A drain takes one hasher at a time, over all pools: the others have its share of the work then.
pub(super) fn disruption_budget(wanted: &Validated) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: metadata::object(wanted, names::hasher(&wanted.name), labels_of(wanted)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(metadata::selector(selector_labels(&wanted.name, COMPONENT_HASHER))),
            // A pod that does not serve anyway must not hold up a drain.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}

/// The Deployment of one pool.
pub(super) fn deployment(
    wanted: &Validated,
    pool: &Pool,
    digests: &Digests,
) -> Result<Deployment, NotReady> {
    let labels = with(labels_of(wanted), LABEL_POOL, pool.label());
    let selector = with(selector_labels(&wanted.name, COMPONENT_HASHER), LABEL_POOL, pool.label());
    let name = names::deployment(&wanted.name, pool.name.as_deref());
    Ok(Deployment {
        metadata: metadata::object(wanted, name, labels.clone()),
        spec: Some(DeploymentSpec {
            replicas: Some(i32::try_from(pool.replicas).unwrap_or(i32::MAX)),
            revision_history_limit: Some(3),
            min_ready_seconds: Some(READY_SECONDS),
            selector: metadata::selector(selector.clone()),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    // A pod goes only when its successor is there: with three hashers as busy as an
                    // autoscaler keeps them (70 %), one less is more than the others can do. On full
                    // nodes a change therefore waits for room, and the status names the pod that does.
                    max_surge: Some(IntOrString::String(SURGE.to_owned())),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            template: pod::template(wanted, pool, labels, &selector, digests)?,
            ..DeploymentSpec::default()
        }),
        status: None,
    })
}

fn labels_of(wanted: &Validated) -> metadata::Labels {
    labels(&wanted.name, COMPONENT_HASHER)
}

#[cfg(test)]
mod tests;
