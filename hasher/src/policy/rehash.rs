//! Should a stored hash be made anew? When its function or any of its parameters is weaker than the
//! policy's, and never to make it weaker.
//!
//! Parallelism is no reason: lanes of one hash are computed in turn by attacker and defender alike. Every
//! function but Argon2id is one: none of the others costs an attacker as much for the same time.

use authcluster_contract::cost::Cost;
use authcluster_contract::formats::{RehashReason, Scheme};

use crate::formats::argon2::{OUTPUT_BYTES, SALT_BYTES, Version};
use crate::formats::{Parsed, Stored};

/// Everything in which a stored hash is weaker than a new one; empty when it is not.
#[must_use]
pub fn rehash_reasons(stored: &Stored, policy: Cost) -> Vec<RehashReason> {
    let hash = match stored.parsed() {
        Parsed::Argon2(hash) => hash,
        Parsed::Legacy(_) => return vec![RehashReason::Scheme],
    };
    let weaknesses = [
        (RehashReason::Scheme, stored.scheme() != Scheme::Argon2id),
        (RehashReason::Version, hash.version < Version::V0x13),
        (RehashReason::Memory, hash.cost.memory_kib < policy.memory_kib),
        (RehashReason::Iterations, hash.cost.iterations < policy.iterations),
        (RehashReason::SaltLength, hash.salt.len() < SALT_BYTES),
        (RehashReason::OutputLength, hash.output.len() < OUTPUT_BYTES),
    ];
    weaknesses.into_iter().filter(|(_, weaker)| *weaker).map(|(reason, _)| reason).collect()
}

#[cfg(test)]
mod tests;
