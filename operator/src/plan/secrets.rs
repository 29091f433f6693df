//! Which generated Secrets are missing or due. The runtime generates them: randomness and signing
//! are not decisions.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;

use super::binding::Repeated;
use super::callers::plan_callers;
use super::names::{self, KEY_CA, KEY_CERTIFICATE, KEY_PRIVATE_KEY};
use super::objects::Digests;
use super::seen::SecretSeen;
use super::{Validated, binding, metadata};
use crate::api::names::{COMPONENT_HASHER, COMPONENT_REDIS};

/// Validity of an authority, in days. Replacing it restarts every hasher, and for the length of that
/// restart old and new ones do not trust each other and each works alone.
const CA_VALID_DAYS: u32 = 3650;
/// Validity of other certificates, in days. Short, because there is no list of revoked ones.
const LEAF_VALID_DAYS: u32 = 90;
/// An authority is replaced when less than this is left, in seconds: a year.
const CA_RENEW_SECONDS: i64 = 365 * 86_400;
/// Another certificate is replaced when less than this is left, in seconds: 30 days, so that a month
/// without an operator breaks nothing.
const LEAF_RENEW_SECONDS: i64 = 30 * 86_400;

/// A Secret that has to be generated, and created (never overwritten, except when it is
/// [`MissingReason::Due`]).
#[derive(Clone, Debug, PartialEq)]
pub struct MissingSecret {
    /// Name, namespace, labels and owner.
    pub metadata: ObjectMeta,
    /// What goes into it.
    pub kind: SecretKind,
    /// Why it has to be made.
    pub reason: MissingReason,
}

/// Why a Secret has to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingReason {
    /// It is not there: create it, and leave it alone if someone else was faster.
    Missing,
    /// It is there and must be replaced: its certificate ends soon, has ended, or has another
    /// authority, or what it repeats of other Secrets is not theirs any more.
    Due,
}

/// What goes into a generated Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// Keys `tls.crt` and `tls.key`: a new authority.
    Ca {
        /// Subject of the certificate.
        common_name: String,
        /// How long it is valid, in days.
        valid_days: u32,
    },
    /// Keys `tls.crt`, `tls.key` and `ca.crt`: a certificate from the authority in another Secret.
    Leaf {
        /// Name of the Secret with the authority.
        ca_secret: String,
        /// Subject alternative names.
        dns_names: Vec<String>,
        /// Whether it is shown to servers too (mutual TLS), beside being a server's.
        client: bool,
        /// How long it is valid, in days.
        valid_days: u32,
    },
    /// Keys `operator`, `replication` and `hasher`: a random password each.
    RedisUsers,
    /// Key `user-key`: 32 random bytes.
    UserKey,
    /// Key `token`: a random bearer token.
    ClientToken,
    /// The keys of a binding.
    Binding(Box<binding::Binding>),
    /// The values of a Secret of peppers, by key.
    Peppers(BTreeMap<String, Repeated>),
}

/// The Secrets to generate for `wanted`, authorities first.
#[must_use]
pub fn plan_secrets(
    wanted: &Validated,
    seen: &BTreeMap<String, SecretSeen>,
    now: Timestamp,
) -> Vec<MissingSecret> {
    let cluster = wanted.name.as_str();
    let ca_secret = names::ca(cluster);
    let mut missing = Vec::new();
    let mut add =
        |component: &str, name: String, kind: SecretKind, reason: Option<MissingReason>| {
            let labels = metadata::labels(cluster, component);
            missing.extend(reason.map(|reason| MissingSecret {
                metadata: metadata::object(wanted, name, labels),
                kind,
                reason,
            }));
        };
    let ca_reason = certificate(seen.get(&ca_secret), &[], now, CA_RENEW_SECONDS);
    let common_name = format!("AuthCluster {}/{cluster}", wanted.namespace);
    let ca = SecretKind::Ca { common_name, valid_days: CA_VALID_DAYS };
    add(COMPONENT_HASHER, ca_secret.clone(), ca, ca_reason);
    let peer_names = vec![names::peer_dns(cluster, &wanted.namespace)];
    let leaves = [
        (names::hasher_tls(cluster), names::api_dns(cluster, &wanted.namespace), false),
        (names::peer_tls(cluster), peer_names, true),
    ];
    for (name, dns_names, client) in leaves {
        let reason = leaf_reason(seen.get(&name), seen.get(&ca_secret), ca_reason, now);
        let valid_days = LEAF_VALID_DAYS;
        let kind = SecretKind::Leaf { ca_secret: ca_secret.clone(), dns_names, client, valid_days };
        add(COMPONENT_HASHER, name, kind, reason);
    }
    let absent = |name: &str| (!seen.contains_key(name)).then_some(MissingReason::Missing);
    let redis_users = names::redis_users(cluster);
    let reason = absent(&redis_users);
    add(COMPONENT_REDIS, redis_users, SecretKind::RedisUsers, reason);
    let user_key = names::user_key(cluster);
    let reason = absent(&user_key);
    add(COMPONENT_HASHER, user_key, SecretKind::UserKey, reason);
    for caller in wanted.callers.iter().filter(|caller| caller.generated) {
        let reason = absent(&caller.secret);
        add(COMPONENT_HASHER, caller.secret.clone(), SecretKind::ClientToken, reason);
    }
    // The binding of a disabled caller is neither made nor changed. One that exists stays, so that pods that
    // mount it still start; its token is refused until the caller is enabled, and then it follows the Secret.
    let digests = Digests::of_seen(seen);
    for (caller, _) in plan_callers(&wanted.callers, &digests).enabled {
        let Some(binding) = binding::plan_binding(wanted, caller, seen) else { continue };
        let name = names::binding(cluster, &caller.name);
        let reason = repeats(seen.get(&name), &binding.digests());
        add(COMPONENT_HASHER, name, SecretKind::Binding(Box::new(binding)), reason);
    }
    if let Some(copy) = peppers(wanted, seen) {
        let name = names::peppers(cluster);
        let digests = copy.iter().map(|(key, from)| (key.clone(), from.sha256.clone()));
        let reason = repeats(seen.get(&name), &digests.collect());
        add(COMPONENT_HASHER, name, SecretKind::Peppers(copy), reason);
    }
    missing
}

/// Why a Secret that repeats others has to be made.
fn repeats(seen: Option<&SecretSeen>, digests: &BTreeMap<String, String>) -> Option<MissingReason> {
    match seen {
        None => Some(MissingReason::Missing),
        // Someone else's is in the way: to try to make it is to say so.
        Some(seen) if !seen.ours => Some(MissingReason::Missing),
        Some(seen) => (seen.sha256 != *digests).then_some(MissingReason::Due),
    }
}

/// The copy of the peppers that pods mount. It follows the keys that come and go, and keeps the value that a
/// key has: a pod that starts again never has another one than those that run.
fn peppers(
    wanted: &Validated,
    seen: &BTreeMap<String, SecretSeen>,
) -> Option<BTreeMap<String, Repeated>> {
    let peppers = wanted.peppers.as_ref()?;
    let copy = names::peppers(&wanted.name);
    // Someone else's in its place says nothing of what hashers have.
    let ours = |(name, secret): &(&String, &SecretSeen)| **name != copy || secret.ours;
    let seen = seen.iter().filter(ours).map(|(name, secret)| (name.clone(), secret.clone()));
    let digests = Digests::of_seen(&seen.collect());
    let found = digests.of_peppers(&wanted.name, peppers).ok()?;
    let from = |(key, sha256): (&str, &str)| {
        let (key, sha256) = (key.to_owned(), sha256.to_owned());
        (key.clone(), Repeated { secret: peppers.secret.clone(), key, sha256 })
    };
    Some(found.into_iter().map(from).collect())
}

/// Why a certificate of ours has to be made: it is not there, lacks a part, or ends soon. One that
/// someone else put there is theirs to renew.
fn certificate(
    seen: Option<&SecretSeen>,
    more_keys: &[&str],
    now: Timestamp,
    renew_seconds: i64,
) -> Option<MissingReason> {
    let Some(seen) = seen else { return Some(MissingReason::Missing) };
    let has = |key: &&str| seen.sha256.contains_key(*key);
    let whole = [KEY_CERTIFICATE, KEY_PRIVATE_KEY].iter().chain(more_keys).all(has);
    let left = seen.not_after.map_or(0, |end| end.as_second().saturating_sub(now.as_second()));
    (seen.ours && (!whole || left < renew_seconds)).then_some(MissingReason::Due)
}

/// The same, and also when the authority is another one than the certificate's.
fn leaf_reason(
    seen: Option<&SecretSeen>,
    ca: Option<&SecretSeen>,
    ca_reason: Option<MissingReason>,
    now: Timestamp,
) -> Option<MissingReason> {
    certificate(seen, &[KEY_CA], now, LEAF_RENEW_SECONDS).or_else(|| {
        let leaf = seen?;
        let signed_by_other = ca_reason.is_some()
            || leaf.ca_sha256.as_ref() != ca.and_then(|ca| ca.sha256.get(KEY_CERTIFICATE));
        (leaf.ours && signed_by_other).then_some(MissingReason::Due)
    })
}

#[cfg(test)]
mod tests;
