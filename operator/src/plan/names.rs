//! Every name that is made from the name of an `AuthCluster`, in one place: two makers of a name drift
//! apart, and an object under an old name is an orphan.

use std::collections::BTreeSet;

use super::Validated;
use super::seen::{ObjectKind, ObjectRef};
use crate::api::names::PORT_REDIS;
use crate::api::spec::NetworkPolicyMode;

/// Key of a generated token.
pub const KEY_TOKEN: &str = "token";
/// Key of a certificate chain.
pub const KEY_CERTIFICATE: &str = "tls.crt";
/// Key of a private key.
pub const KEY_PRIVATE_KEY: &str = "tls.key";
/// Key of the authority's certificate.
pub const KEY_CA: &str = "ca.crt";
/// Key of the secret behind users' keys.
pub const KEY_USER_KEY: &str = "user-key";
/// Key of the callers' file.
pub const KEY_CLIENTS: &str = "clients.toml";
/// Key of the hashers' file.
pub const KEY_HASHER_CONFIG: &str = "hasher.toml";
/// Key of the file for Redis.
pub const KEY_REDIS_CONFIG: &str = "redis.conf";
/// The users of Redis; also the keys of their passwords.
pub const REDIS_USERS: &[&str] = &["operator", "replication", REDIS_USER_HASHER];
/// The hashers' user of Redis.
pub const REDIS_USER_HASHER: &str = "hasher";

/// Keys of a binding: what is called, by the Service Binding Specification for Kubernetes 1.1.0.
pub const KEY_TYPE: &str = "type";
/// Who offers it.
pub const KEY_PROVIDER: &str = "provider";
/// Name of the Service.
pub const KEY_HOST: &str = "host";
/// Port of the Service.
pub const KEY_PORT: &str = "port";
/// Both, as an address.
pub const KEY_URI: &str = "uri";

/// Deployment of a pool; of the only one when `pool` is `None`.
#[must_use]
pub fn deployment(cluster: &str, pool: Option<&str>) -> String {
    pool.map_or_else(|| hasher(cluster), |pool| format!("{cluster}-hasher-{pool}"))
}

/// Service, `ConfigMap`, `ServiceAccount`, `PodDisruptionBudget` and `NetworkPolicy` of the hashers.
#[must_use]
pub fn hasher(cluster: &str) -> String {
    format!("{cluster}-hasher")
}

/// Headless Service between hashers.
#[must_use]
pub fn peers(cluster: &str) -> String {
    format!("{cluster}-hasher-peers")
}

/// Headless Service, `ConfigMap`, `ServiceAccount` and `NetworkPolicy` of Redis.
#[must_use]
pub fn redis(cluster: &str) -> String {
    format!("{cluster}-redis")
}

/// `StatefulSet` and `PodDisruptionBudget` of a shard.
#[must_use]
pub fn shard(cluster: &str, shard: u16) -> String {
    format!("{cluster}-redis-{shard}")
}

/// Pod of a shard.
#[must_use]
pub fn redis_pod(cluster: &str, shard_number: u16, ordinal: u16) -> String {
    format!("{}-{ordinal}", shard(cluster, shard_number))
}

/// Shard and ordinal of a Redis pod of `cluster`, from its name.
#[must_use]
pub fn parse_redis_pod(cluster: &str, pod: &str) -> Option<(u16, u16)> {
    let rest = pod.strip_prefix(cluster)?.strip_prefix("-redis-")?;
    let (shard, ordinal) = rest.split_once('-')?;
    Some((shard.parse().ok()?, ordinal.parse().ok()?))
}

/// Secret with the authority.
#[must_use]
pub fn ca(cluster: &str) -> String {
    format!("{cluster}-ca")
}

/// Secret with the certificate of the API.
#[must_use]
pub fn hasher_tls(cluster: &str) -> String {
    format!("{cluster}-hasher-tls")
}

/// Secret with the certificate between hashers.
#[must_use]
pub fn peer_tls(cluster: &str) -> String {
    format!("{cluster}-peer-tls")
}

/// Secret with the passwords of the Redis users.
#[must_use]
pub fn redis_users(cluster: &str) -> String {
    format!("{cluster}-redis-users")
}

/// Secret behind users' keys.
#[must_use]
pub fn user_key(cluster: &str) -> String {
    format!("{cluster}-user-key")
}

/// Secret with the hashers' own copy of the peppers.
#[must_use]
pub fn peppers(cluster: &str) -> String {
    format!("{cluster}-hasher-peppers")
}

/// Secret with the callers' file.
#[must_use]
pub fn clients(cluster: &str) -> String {
    format!("{cluster}-clients")
}

/// Secret with all that a caller needs to call the API.
#[must_use]
pub fn binding(cluster: &str, caller: &str) -> String {
    format!("{cluster}-binding-{caller}")
}

/// Whether a Secret of this name is one that the operator makes for a caller.
#[must_use]
pub fn is_of_a_caller(cluster: &str, secret: &str) -> bool {
    secret.starts_with(&token(cluster, "")) || secret.starts_with(&binding(cluster, ""))
}

/// Secret with the generated token of a caller.
#[must_use]
pub fn token(cluster: &str, caller: &str) -> String {
    format!("{cluster}-token-{caller}")
}

/// The name that every hasher's certificate carries towards other hashers.
#[must_use]
pub fn peer_dns(cluster: &str, namespace: &str) -> String {
    format!("hasher.{cluster}.{namespace}.authcluster.dev")
}

/// The name that callers in the cluster use, in whichever namespace they are.
#[must_use]
pub fn api_host(cluster: &str, namespace: &str) -> String {
    format!("{}.{namespace}.svc", hasher(cluster))
}

/// The names that the API is called by.
#[must_use]
pub fn api_dns(cluster: &str, namespace: &str) -> Vec<String> {
    let service = hasher(cluster);
    vec![
        service.clone(),
        format!("{service}.{namespace}"),
        api_host(cluster, namespace),
        format!("{service}.{namespace}.svc.cluster.local"),
        "localhost".to_owned(),
    ]
}

/// Addresses of Redis nodes to ask for the cluster's shape: the Service, and one pod each of the
/// first three shards, in case the Service leads to a pod that has not joined yet. Never more, so
/// that another number of shards is no reason to restart a hasher.
#[must_use]
pub fn redis_seeds(cluster: &str, namespace: &str, shards: u16) -> Vec<String> {
    let service = format!("{}.{namespace}.svc", redis(cluster));
    let mut seeds = vec![format!("{service}:{PORT_REDIS}")];
    let pods = (0..shards.min(3)).map(|shard| redis_pod(cluster, shard, 0));
    seeds.extend(pods.map(|pod| format!("{pod}.{service}:{PORT_REDIS}")));
    seeds
}

/// Every object that this `AuthCluster` has or refers to: what `observe` has to look at, whatever its
/// labels.
#[must_use]
pub fn names_of_interest(wanted: &Validated) -> BTreeSet<ObjectRef> {
    let cluster = wanted.name.as_str();
    let mut found = BTreeSet::new();
    let mut add = |kind, name| {
        found.insert(ObjectRef { kind, name });
    };
    add(ObjectKind::ConfigMap, hasher(cluster));
    add(ObjectKind::ConfigMap, redis(cluster));
    for name in [hasher(cluster), peers(cluster), redis(cluster)] {
        add(ObjectKind::Service, name);
    }
    for name in [hasher(cluster), redis(cluster)] {
        add(ObjectKind::ServiceAccount, name);
    }
    if wanted.network_policy != NetworkPolicyMode::None {
        add(ObjectKind::NetworkPolicy, hasher(cluster));
        add(ObjectKind::NetworkPolicy, redis(cluster));
    }
    add(ObjectKind::PodDisruptionBudget, hasher(cluster));
    for number in 0..wanted.redis.shards {
        add(ObjectKind::StatefulSet, shard(cluster, number));
        add(ObjectKind::PodDisruptionBudget, shard(cluster, number));
    }
    for pool in &wanted.pools {
        add(ObjectKind::Deployment, deployment(cluster, pool.name.as_deref()));
    }
    for name in [ca, hasher_tls, peer_tls, redis_users, user_key, clients] {
        add(ObjectKind::Secret, name(cluster));
    }
    for caller in &wanted.callers {
        add(ObjectKind::Secret, caller.secret.clone());
        add(ObjectKind::Secret, binding(cluster, &caller.name));
    }
    if let Some(keys) = &wanted.session_keys {
        add(ObjectKind::Secret, keys.secret.clone());
    }
    if let Some(wanted) = &wanted.peppers {
        add(ObjectKind::Secret, wanted.secret.clone());
        add(ObjectKind::Secret, peppers(cluster));
    }
    found
}

#[cfg(test)]
mod tests;
