//! The objects of the Redis Cluster: one `StatefulSet` a shard, its headless Service, the file that it
//! starts from, and a disruption budget a shard.
//!
//! Names carry the shard that a pod was made for and never its role: roles come from the live
//! topology alone. The pods start together (`Parallel`), and are replaced only by the operator
//! (`OnDelete`): a broken revision never blocks a repaired one, and nothing rolls two members of a
//! shard at once.

mod config;
mod pod;

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, PersistentVolumeClaimSpec, Service, ServiceAccount,
    ServiceSpec, VolumeResourceRequirements,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata::{self, labels, selector_labels, with};
use super::names::{self, KEY_REDIS_CONFIG};
use super::objects::{Digests, NotReady};
use super::{Validated, objects};
use crate::api::names::{COMPONENT_REDIS, LABEL_SHARD, PORT_REDIS, PORT_REDIS_BUS};
use crate::api::spec::StorageKind;

/// Name of the port for clients.
pub const PORT_NAME_REDIS: &str = "redis";
/// Name of the port between Redis nodes.
pub const PORT_NAME_BUS: &str = "bus";

/// The file that Redis starts from; the agent adds addresses and users.
pub(super) fn config_map(wanted: &Validated) -> ConfigMap {
    ConfigMap {
        metadata: metadata::object(wanted, names::redis(&wanted.name), labels_of(wanted)),
        data: Some([(KEY_REDIS_CONFIG.to_owned(), config::redis_conf(wanted))].into()),
        ..ConfigMap::default()
    }
}

/// The identity of the pods: no rights, no token.
pub(super) fn service_account(wanted: &Validated) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata::object(wanted, names::redis(&wanted.name), labels_of(wanted)),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// The names of the pods. Also those that are not ready: a cluster that forms is not.
pub(super) fn service(wanted: &Validated) -> Service {
    Service {
        metadata: metadata::object(wanted, names::redis(&wanted.name), labels_of(wanted)),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(selector_labels(&wanted.name, COMPONENT_REDIS)),
            ports: Some(vec![
                objects::service_port(PORT_NAME_REDIS, PORT_REDIS),
                objects::service_port(PORT_NAME_BUS, PORT_REDIS_BUS),
            ]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// A drain takes one pod of a shard at a time. One budget a shard: a budget over all of Redis would
/// let both members of one shard go.
pub(super) fn disruption_budget(wanted: &Validated, shard: u16) -> PodDisruptionBudget {
    let selector =
        with(selector_labels(&wanted.name, COMPONENT_REDIS), LABEL_SHARD, &shard.to_string());
    let labels = with(labels_of(wanted), LABEL_SHARD, &shard.to_string());
    PodDisruptionBudget {
        metadata: metadata::object(wanted, names::shard(&wanted.name, shard), labels),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(metadata::selector(selector)),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}

/// The pods of one shard.
pub(super) fn stateful_set(
    wanted: &Validated,
    shard: u16,
    digests: &Digests,
) -> Result<StatefulSet, NotReady> {
    let labels = with(labels_of(wanted), LABEL_SHARD, &shard.to_string());
    let selector =
        with(selector_labels(&wanted.name, COMPONENT_REDIS), LABEL_SHARD, &shard.to_string());
    let persistent = wanted.redis.storage.kind == StorageKind::Persistent;
    let retention = StatefulSetPersistentVolumeClaimRetentionPolicy {
        // Deleting the AuthCluster removes everything; fewer pods may be more again.
        when_deleted: Some("Delete".to_owned()),
        when_scaled: Some("Retain".to_owned()),
    };
    Ok(StatefulSet {
        metadata: metadata::object(wanted, names::shard(&wanted.name, shard), labels.clone()),
        spec: Some(StatefulSetSpec {
            service_name: Some(names::redis(&wanted.name)),
            replicas: Some(i32::from(wanted.redis.pods_per_shard())),
            revision_history_limit: Some(3),
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                rolling_update: None,
            }),
            selector: metadata::selector(selector.clone()),
            template: pod::template(wanted, labels, selector, digests)?,
            persistent_volume_claim_retention_policy: persistent.then_some(retention),
            volume_claim_templates: persistent.then(|| vec![claim(wanted, shard)]),
            ..StatefulSetSpec::default()
        }),
        status: None,
    })
}

fn claim(wanted: &Validated, shard: u16) -> PersistentVolumeClaim {
    let storage = &wanted.redis.storage;
    let size = Quantity(format!("{}Gi", storage.size_gib));
    let labels =
        with(selector_labels(&wanted.name, COMPONENT_REDIS), LABEL_SHARD, &shard.to_string());
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(pod::VOLUME_DATA.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: storage.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), size)].into()),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

fn labels_of(wanted: &Validated) -> metadata::Labels {
    labels(&wanted.name, COMPONENT_REDIS)
}

#[cfg(test)]
mod tests;
