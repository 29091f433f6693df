//! Everything that is applied to Kubernetes for one `AuthCluster`, and the pieces that its objects
//! share.

mod pieces;

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::seen::{ObjectKind, ObjectRef, SecretSeen};
use super::{Validated, hasher, redis_objects};

pub(super) use pieces::{
    checksum, container_port, container_security, env_field, env_value, pod_security,
    project_config_map, project_secret, resources, service_port,
};

/// Objects for server-side apply: each holds the fields that the operator owns, and no other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    /// Configuration of the hashers and of Redis.
    pub config_maps: Vec<ConfigMap>,
    /// Secrets whose contents follow from the resource: digests only, never a secret itself.
    pub secrets: Vec<Secret>,
    /// Ways in.
    pub services: Vec<Service>,
    /// Identities of the pods, without rights and without tokens.
    pub service_accounts: Vec<ServiceAccount>,
    /// How many pods a drain may take at once.
    pub pod_disruption_budgets: Vec<PodDisruptionBudget>,
    /// One a Redis shard.
    pub stateful_sets: Vec<StatefulSet>,
    /// One a pool of hashers.
    pub deployments: Vec<Deployment>,
}

/// Why an object is not applied yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotReady {
    /// A Secret that it needs is not there, or lacks a key.
    #[error("Secret {secret} is not there, or has no key {key}")]
    Secret {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// What it would hold cannot be written down.
    #[error("cannot write {what}: {why}")]
    Unwritable {
        /// What was to be written.
        what: String,
        /// Why it cannot be.
        why: String,
    },
}

/// Digests of the values of Secrets, by Secret and key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests(BTreeMap<String, BTreeMap<String, String>>);

impl Digests {
    /// The digests of what was seen.
    #[must_use]
    pub fn of_seen(secrets: &BTreeMap<String, SecretSeen>) -> Self {
        Self(secrets.iter().map(|(name, seen)| (name.clone(), seen.sha256.clone())).collect())
    }

    /// Adds the digest of one value.
    pub fn insert(&mut self, secret: &str, key: &str, digest: &str) {
        let keys = self.0.entry(secret.to_owned()).or_default();
        keys.insert(key.to_owned(), digest.to_owned());
    }

    /// The digest of one value.
    ///
    /// # Errors
    /// [`NotReady::Secret`] when there is no such value.
    pub fn of(&self, secret: &str, key: &str) -> Result<&str, NotReady> {
        self.0
            .get(secret)
            .and_then(|keys| keys.get(key))
            .map(String::as_str)
            .ok_or_else(|| NotReady::Secret { secret: secret.to_owned(), key: key.to_owned() })
    }
}

/// The objects that can be applied now, and why others cannot. A pod whose Secrets are not there
/// would only hang; what it has already is left as it is.
#[must_use]
pub fn plan_objects(wanted: &Validated, digests: &Digests) -> (Objects, Vec<NotReady>) {
    let mut not_ready = Vec::new();
    let mut objects = Objects {
        services: hasher::services(wanted)
            .into_iter()
            .chain([redis_objects::service(wanted)])
            .collect(),
        service_accounts: vec![
            hasher::service_account(wanted),
            redis_objects::service_account(wanted),
        ],
        pod_disruption_budgets: vec![hasher::disruption_budget(wanted)],
        config_maps: vec![redis_objects::config_map(wanted)],
        ..Objects::default()
    };
    let mut keep = |error: NotReady| {
        if !not_ready.contains(&error) {
            not_ready.push(error);
        }
    };
    for shard in 0..wanted.redis.shards {
        objects.pod_disruption_budgets.push(redis_objects::disruption_budget(wanted, shard));
        match redis_objects::stateful_set(wanted, shard, digests) {
            Ok(stateful_set) => objects.stateful_sets.push(stateful_set),
            Err(error) => keep(error),
        }
    }
    match hasher::config_map(wanted) {
        Ok(config_map) => objects.config_maps.push(config_map),
        Err(error) => keep(error),
    }
    match hasher::clients_secret(wanted, digests) {
        Ok(secret) => objects.secrets.push(secret),
        Err(error) => keep(error),
    }
    for pool in &wanted.pools {
        match hasher::deployment(wanted, pool, digests) {
            Ok(deployment) => objects.deployments.push(deployment),
            Err(error) => keep(error),
        }
    }
    (objects, not_ready)
}

impl Objects {
    /// Kind and name of every object.
    #[must_use]
    pub fn refs(&self) -> Vec<ObjectRef> {
        // No `..`: a kind that is forgotten here would be applied over someone else's object.
        let Self {
            config_maps,
            secrets,
            services,
            service_accounts,
            pod_disruption_budgets,
            stateful_sets,
            deployments,
        } = self;
        let named = |kind, metadata: &ObjectMeta| ObjectRef {
            kind,
            name: metadata.name.clone().unwrap_or_default(),
        };
        let mut refs = Vec::new();
        refs.extend(config_maps.iter().map(|o| named(ObjectKind::ConfigMap, &o.metadata)));
        refs.extend(secrets.iter().map(|o| named(ObjectKind::Secret, &o.metadata)));
        refs.extend(services.iter().map(|o| named(ObjectKind::Service, &o.metadata)));
        refs.extend(
            service_accounts.iter().map(|o| named(ObjectKind::ServiceAccount, &o.metadata)),
        );
        refs.extend(
            pod_disruption_budgets
                .iter()
                .map(|o| named(ObjectKind::PodDisruptionBudget, &o.metadata)),
        );
        refs.extend(stateful_sets.iter().map(|o| named(ObjectKind::StatefulSet, &o.metadata)));
        refs.extend(deployments.iter().map(|o| named(ObjectKind::Deployment, &o.metadata)));
        refs
    }
}

#[cfg(test)]
mod tests;
