//! From what a person wrote to what is carried out: every default applied, every contradiction
//! refused, in words that name the field and what to do.
//!
//! Much of this the API server refuses already, through the schema and its CEL rules. It is checked
//! again here, because an object may have been stored under an older schema, and because sums over
//! quantities cannot be said in CEL.

mod callers;
mod hashers;
mod pending;
mod quantity;
mod redis;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use authcluster_contract::config::{Breaker, Limits, Migration, Routing, Sessions};
use authcluster_contract::cost::{Argon2idPolicy, PolicyOutOfBounds};
use authcluster_contract::formats::Legacy;
use authcluster_contract::limits::{ROTATION_GRACE_SECONDS_MAX, SESSIONS_PER_USER_MAX};
use authcluster_contract::pepper::KeyId;
use authcluster_contract::user::UsernameCase;

use crate::api::AuthCluster;
use crate::api::names::{ANNOTATION_ACCEPT_DATA_LOSS, CLUSTER_NAME_BYTES_MAX};
use crate::api::spec::{
    MetricsSpec, NetworkPolicyMode, PepperSecretRef, SessionKeysSecretRef, limits,
};

pub use callers::Caller;
pub use hashers::{Pool, ProgramResources, Scaling};
pub use redis::RedisWanted;

/// Longest deadline of a request, in milliseconds. A hasher that ends gives open requests 20 s: with a
/// longer deadline it would cut off work that it has admitted.
const DEADLINE_MS_MAX: u32 = 15_000;

/// What this installation of the operator was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Image of the operator itself; it brings the `redis-agent` into the Redis pods.
    pub operator_image: String,
    /// Image of the hashers, where the resource names none.
    pub hasher_image: String,
    /// Image of Redis, where the resource names none.
    pub redis_image: String,
    /// Namespace of the operator's own pods, which reach Redis.
    pub operator_namespace: String,
    /// Whether pods have IPv6 addresses (the operator's own pod has one): they listen on `::` then,
    /// and on `0.0.0.0` otherwise, where `::` may not exist.
    pub ipv6: bool,
}

/// What is carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// Name of the resource.
    pub name: String,
    /// Namespace of the resource.
    pub namespace: String,
    /// Uid of the resource, for owner references.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// Whether the resource is being deleted.
    pub deleting: bool,
    /// Whether a person has said that a shard which lost all its data may start anew.
    pub data_loss_accepted: bool,
    /// Image of the operator.
    pub operator_image: String,
    /// Namespace of the operator's own pods.
    pub operator_namespace: String,
    /// Which network policies there are.
    pub network_policy: NetworkPolicyMode,
    /// Labels of the namespaces that reach the hashers' admin port: a set of labels for each peer.
    pub metrics_from: Vec<BTreeMap<String, String>>,
    /// Image of the hashers.
    pub hasher_image: String,
    /// Every address of a pod.
    pub listen_ip: IpAddr,
    /// The Deployments of hashers.
    pub pools: Vec<Pool>,
    /// Cost of a new hash, within the bounds of the contract.
    pub argon2id: Argon2idPolicy,
    /// Old hashes that are understood; `None` = all that the hasher knows, within its own bounds.
    pub legacy: Option<Legacy>,
    /// What goes into new hashes beside the password; `None` = nothing.
    pub peppers: Option<Peppers>,
    /// What letter case means.
    pub username_case: UsernameCase,
    /// Who computes a request.
    pub routing: Routing,
    /// When hashers leave one alone that fails.
    pub breaker: Breaker,
    /// How long sessions live.
    pub sessions: Sessions,
    /// How many failed attempts are let through.
    pub limits: Limits,
    /// How old hashes are replaced.
    pub migration: Migration,
    /// What they are sealed with; `None` = nothing.
    pub session_keys: Option<SessionKeys>,
    /// Who may call; at least one.
    pub callers: Vec<Caller>,
    /// The Redis Cluster.
    pub redis: RedisWanted,
    /// Fields in use whose behaviour this version does not have yet.
    pub pending: Vec<String>,
}

/// The Secret with the keys of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKeys {
    /// The Secret.
    pub secret: String,
    /// The key that new sessions are sealed with.
    pub current: String,
}

/// The Secret with the peppers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peppers {
    /// The Secret.
    pub secret: String,
    /// The key that new hashes are made with; `None` = none yet.
    pub current: Option<KeyId>,
}

/// A resource that cannot be carried out as it is written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", refusals.join("; "))]
pub struct Invalid {
    /// Each thing that is wrong, with its field.
    pub refusals: Vec<String>,
    /// What is right of it, when the Redis Cluster's part is: no pools and no callers, but enough to
    /// mend a cluster that runs. A slip in a limit must not leave sessions without their replicas.
    pub mendable: Option<Box<Validated>>,
}

/// What `cluster` asks for.
///
/// # Errors
/// [`Invalid`] with everything that is wrong, not only the first.
pub fn validate(cluster: &AuthCluster, settings: &Settings) -> Result<Validated, Invalid> {
    let mut refusals = Vec::new();
    let metadata = &cluster.metadata;
    let spec = &cluster.spec;
    let name = metadata.name.clone().unwrap_or_default();
    refusals.extend(refuse_name(&name));
    let argon2id = Argon2idPolicy::from(spec.password.argon2id);
    if let Err(error) = argon2id.checked() {
        refusals.push(argon2id_refusal(&error));
    }
    refusals.extend(refuse_times(spec.routing.into(), &(&spec.sessions).into()));
    let limits = limits(spec.rate_limits.as_deref(), spec.login_backoff, spec.trusted_hops);
    let migration = spec.migration.as_ref().map(Migration::from).unwrap_or_default();
    for checked in [limits.check(), migration.check()] {
        refusals.extend(checked.err().map(|refusal| in_spec(&refusal)));
    }
    let peppers = peppers(spec.password.pepper_secret_ref.as_ref(), &mut refusals);
    let pools = hashers::pools(spec, &mut refusals);
    let callers = callers::callers(&name, &spec.clients, &mut refusals);
    let others = refusals.len();
    let redis = redis::redis(&spec.redis, &settings.redis_image, &mut refusals);
    let redis_is_right = refusals.len() == others;
    let wanted = Validated {
        name,
        namespace: metadata.namespace.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        generation: metadata.generation.unwrap_or_default(),
        deleting: metadata.deletion_timestamp.is_some(),
        data_loss_accepted: metadata
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(ANNOTATION_ACCEPT_DATA_LOSS))
            .is_some_and(|value| value == "true"),
        operator_image: settings.operator_image.clone(),
        operator_namespace: settings.operator_namespace.clone(),
        network_policy: spec.network_policy,
        metrics_from: metrics_from(&spec.metrics),
        hasher_image: spec.hasher.image.clone().unwrap_or_else(|| settings.hasher_image.clone()),
        listen_ip: if settings.ipv6 {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        } else {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        },
        pools,
        argon2id,
        legacy: spec.password.legacy.as_ref().map(Legacy::from),
        peppers,
        username_case: spec.users.case,
        routing: spec.routing.into(),
        breaker: spec.circuit_breaker.unwrap_or_default().into(),
        sessions: (&spec.sessions).into(),
        session_keys: session_keys(spec.sessions.encryption_secret_ref.as_ref()),
        limits,
        migration,
        callers,
        redis,
        pending: pending::pending(spec),
    };
    if refusals.is_empty() {
        return Ok(wanted);
    }
    let mendable = redis_is_right
        .then(|| Box::new(Validated { pools: Vec::new(), callers: Vec::new(), ..wanted }));
    Err(Invalid { refusals, mendable })
}

fn metrics_from(metrics: &MetricsSpec) -> Vec<BTreeMap<String, String>> {
    metrics.from.iter().map(|peer| peer.namespace_selector.match_labels.clone()).collect()
}

fn refuse_name(name: &str) -> Option<String> {
    let fits = is_label(name)
        && name.len() <= CLUSTER_NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase());
    (!fits).then(|| {
        format!(
            "metadata.name is {name:?}: use at most {CLUSTER_NAME_BYTES_MAX} of a-z, 0-9 and '-', starting \
             with a letter and ending with a letter or digit, because other names are made from it"
        )
    })
}

fn refuse_times(routing: Routing, sessions: &Sessions) -> Vec<String> {
    let mut refusals = Vec::new();
    if routing.refuse_after_ms == 0 || routing.deadline_ms < routing.refuse_after_ms {
        refusals.push("spec.routing: 0 < refuseAfterMs <= deadlineMs must hold".to_owned());
    }
    if routing.deadline_ms > DEADLINE_MS_MAX {
        refusals.push(format!(
            "spec.routing.deadlineMs is {}, and must be at most {DEADLINE_MS_MAX}",
            routing.deadline_ms
        ));
    }
    if sessions.idle_timeout_seconds == 0
        || sessions.absolute_timeout_seconds < sessions.idle_timeout_seconds
    {
        refusals.push(
            "spec.sessions: 0 < idleTimeoutSeconds <= absoluteTimeoutSeconds must hold".to_owned(),
        );
    }
    if sessions.rotation_grace_seconds > ROTATION_GRACE_SECONDS_MAX {
        refusals.push(format!(
            "spec.sessions.rotationGraceSeconds is {}, and must be at most {ROTATION_GRACE_SECONDS_MAX}",
            sessions.rotation_grace_seconds
        ));
    }
    if !(1..=SESSIONS_PER_USER_MAX).contains(&sessions.per_user_max) {
        refusals.push(format!(
            "spec.sessions.perUserMax is {}, and must be between 1 and {SESSIONS_PER_USER_MAX}",
            sessions.per_user_max
        ));
    }
    refusals
}

fn session_keys(named: Option<&SessionKeysSecretRef>) -> Option<SessionKeys> {
    let SessionKeysSecretRef { name, current_key } = named?;
    Some(SessionKeys { secret: name.clone(), current: current_key.clone() })
}

fn peppers(named: Option<&PepperSecretRef>, refusals: &mut Vec<String>) -> Option<Peppers> {
    let PepperSecretRef { name, current_key } = named?;
    let current = current_key.as_ref().map(|key| key.parse()).transpose().map_err(|error| {
        refusals.push(format!("spec.password.pepperSecretRef.currentKey: {error}"));
    });
    Some(Peppers { secret: name.clone(), current: current.ok()? })
}

/// In the spelling of the resource; the hasher's file has another.
fn in_spec(refusal: &str) -> String {
    const SPELLINGS: [(&str, &str); 12] = [
        ("limits.trusted_hops", "spec.trustedHops"),
        ("limits.known_pair_days", "spec.loginBackoff.knownPairDays"),
        ("limits.backoff", "spec.loginBackoff"),
        ("limits.rules", "spec.rateLimits"),
        ("free_failures", "freeFailures"),
        ("failures_max", "failuresMax"),
        ("wait_max_seconds", "waitMaxSeconds"),
        ("period_seconds", "periodSeconds"),
        ("migration.", "spec.migration."),
        ("lock_seconds", "lockSeconds"),
        ("status_seconds", "statusSeconds"),
        ("share_percent", "sharePercent"),
    ];
    SPELLINGS.iter().fold(refusal.to_owned(), |said, (file, spec)| said.replace(file, spec))
}

/// In the spelling of the resource; the hasher's file has another.
fn argon2id_refusal(error: &PolicyOutOfBounds) -> String {
    let PolicyOutOfBounds { field, value, min, max } = error;
    let field = if *field == "memory_mib" { "memoryMiB" } else { field };
    format!("spec.password.argon2id.{field} is {value}, and must be between {min} and {max}")
}

/// Whether `name` is a DNS-1123 label.
fn is_label(name: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|byte| alphanumeric(*byte) || *byte == b'-')
        && bytes.first().is_some_and(|byte| alphanumeric(*byte))
        && bytes.last().is_some_and(|byte| alphanumeric(*byte))
}

/// The first name that occurs twice.
fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests;
