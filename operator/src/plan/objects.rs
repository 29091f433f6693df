//! Everything that is applied to Kubernetes for one `AuthCluster`, and the pieces that its objects
//! share.

mod pieces;

use std::collections::{BTreeMap, BTreeSet};

use authcluster_contract::token::TokenError;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::seen::{ObjectKind, ObjectRef, SecretSeen};
use super::validate::Peppers;
use super::{Validated, hasher, names, network, redis_objects};

pub(super) use pieces::{
    HOSTNAME, ZONE, checksum, container_port, container_security, env_field, env_value,
    pod_security, project_config_map, project_secret, resources, service_port, spread,
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
    /// Who reaches which port of the pods.
    pub network_policies: Vec<NetworkPolicy>,
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
    /// A Secret of peppers is not there.
    #[error("Secret {secret} is not there, or is empty")]
    NoPeppers {
        /// The Secret.
        secret: String,
    },
    /// A Secret of peppers holds what a hasher would refuse at its start.
    #[error(
        "Secret {secret} holds {key}, which is no pepper: the key must be 1 to 8 of A-Z, a-z, 0-9, '.', '_' and \
         '-', and the value at least 16 random bytes in standard base64 (openssl rand -base64 32)"
    )]
    Pepper {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// A Secret of peppers has another value under a key id than hashers have.
    #[error(
        "Secret {secret} has another value for {key} than the hashers, and hashes that were made with it would \
         match nobody: put the old value back, and give the new one a key id of its own"
    )]
    PepperChanged {
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
pub struct Digests {
    values: BTreeMap<String, BTreeMap<String, String>>,
    /// Of each Secret, why values cannot be bearer tokens, by key.
    unusable_tokens: BTreeMap<String, BTreeMap<String, TokenError>>,
    /// Of each Secret, the keys whose values can be peppers.
    peppers: BTreeMap<String, BTreeSet<String>>,
}

impl Digests {
    /// The digests of what was seen.
    #[must_use]
    pub fn of_seen(secrets: &BTreeMap<String, SecretSeen>) -> Self {
        let named = secrets.iter();
        let values = named.clone().map(|(name, seen)| (name.clone(), seen.sha256.clone()));
        let unusable = named.clone().map(|(name, it)| (name.clone(), it.unusable_tokens.clone()));
        let peppers = named.map(|(name, seen)| (name.clone(), seen.peppers.clone()));
        Self {
            values: values.collect(),
            unusable_tokens: unusable.collect(),
            peppers: peppers.collect(),
        }
    }

    /// Adds the digest of one value.
    pub fn insert(&mut self, secret: &str, key: &str, digest: &str) {
        let keys = self.values.entry(secret.to_owned()).or_default();
        keys.insert(key.to_owned(), digest.to_owned());
    }

    /// Adds the digest of one value that can be a pepper.
    pub fn insert_pepper(&mut self, secret: &str, key: &str, digest: &str) {
        self.insert(secret, key, digest);
        self.peppers.entry(secret.to_owned()).or_default().insert(key.to_owned());
    }

    /// Whether the Secret exists.
    pub(super) fn has_secret(&self, secret: &str) -> bool {
        self.values.contains_key(secret)
    }

    /// Why a value cannot be a bearer token.
    pub(super) fn token_error(&self, secret: &str, key: &str) -> Option<TokenError> {
        self.unusable_tokens.get(secret)?.get(key).copied()
    }

    /// The digest of one value.
    ///
    /// # Errors
    /// [`NotReady::Secret`] when there is no such value.
    pub fn of(&self, secret: &str, key: &str) -> Result<&str, NotReady> {
        self.values
            .get(secret)
            .and_then(|keys| keys.get(key))
            .map(String::as_str)
            .ok_or_else(|| NotReady::Secret { secret: secret.to_owned(), key: key.to_owned() })
    }

    /// Key and digest of every value of a Secret of peppers that hashers may have, the current one among them: a
    /// pod with one that cannot be used would not start, and one with another value under a key id that is in
    /// use would take right passwords for wrong ones.
    ///
    /// # Errors
    /// [`NotReady::Secret`], [`NotReady::NoPeppers`], [`NotReady::Pepper`] and [`NotReady::PepperChanged`].
    pub(super) fn of_peppers(
        &self,
        cluster: &str,
        wanted: &Peppers,
    ) -> Result<BTreeMap<&str, &str>, NotReady> {
        let Peppers { secret, current } = wanted;
        match current {
            Some(current) => {
                self.of(secret, current.as_str())?;
            }
            None if self.values.get(secret).is_none_or(BTreeMap::is_empty) => {
                return Err(NotReady::NoPeppers { secret: secret.clone() });
            }
            None => {}
        }
        let peppers = self.peppers.get(secret);
        let values = self.values.get(secret).into_iter().flatten();
        let in_use = self.values.get(&names::peppers(cluster));
        let pepper = |(key, digest)| {
            let (secret, key): (_, &String) = (secret.clone(), key);
            if !peppers.is_some_and(|peppers| peppers.contains(key)) {
                return Err(NotReady::Pepper { secret, key: key.clone() });
            }
            match in_use.and_then(|in_use| in_use.get(key)) {
                Some(other) if other != digest => {
                    Err(NotReady::PepperChanged { secret, key: key.clone() })
                }
                _ => Ok((key.as_str(), String::as_str(digest))),
            }
        };
        values.map(pepper).collect()
    }

    /// The same, once all of it is in the hashers' own copy.
    ///
    /// # Errors
    /// As well [`NotReady::Secret`] of the copy.
    pub(super) fn of_copied_peppers(
        &self,
        cluster: &str,
        wanted: &Peppers,
    ) -> Result<Vec<String>, NotReady> {
        let copy = names::peppers(cluster);
        let peppers = self.of_peppers(cluster, wanted)?;
        let pepper = |(key, digest): (&str, &str)| {
            self.of(&copy, key)?;
            Ok(format!("{key}/{digest}"))
        };
        peppers.into_iter().map(pepper).collect()
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
        network_policies: network::policies(wanted),
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
    match hasher::config_map(wanted, digests) {
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
            network_policies,
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
        refs.extend(network_policies.iter().map(|o| named(ObjectKind::NetworkPolicy, &o.metadata)));
        refs.extend(stateful_sets.iter().map(|o| named(ObjectKind::StatefulSet, &o.metadata)));
        refs.extend(deployments.iter().map(|o| named(ObjectKind::Deployment, &o.metadata)));
        refs
    }
}

#[cfg(test)]
mod tests;
