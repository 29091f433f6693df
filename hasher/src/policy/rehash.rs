//! Should a stored hash be made anew? When its function or any of its parameters is weaker than the
//! policy's, and never to make it weaker.
//!
//! Parallelism is no reason: lanes of one hash are computed in turn by attacker and defender alike. Every
//! function but Argon2id is one: none of the others costs an attacker as much for the same time.

use authcluster_contract::cost::Cost;
use authcluster_contract::formats::{RehashReason, Scheme};

use crate::formats::argon2::{Argon2Hash, OUTPUT_BYTES, SALT_BYTES, Version};
use crate::formats::{Parsed, Pepper, Stored};

/// What a new hash is made with.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What it costs.
    pub cost: Cost,
    /// What goes into it beside the password.
    pub pepper: Option<Pepper>,
}

impl Policy {
    /// For a hash that takes the place of this one. Where the policy has no pepper the new hash has that of the
    /// old one: to make it anew must not take its pepper away.
    #[must_use]
    pub fn in_place_of(&self, stored: &Stored) -> Self {
        let kept = || match stored.parsed() {
            Parsed::Argon2(hash) => hash.pepper.clone(),
            Parsed::Wrapped(wrapped) => wrapped.hash.pepper.clone(),
            Parsed::Legacy(_) => None,
        };
        Self { cost: self.cost, pepper: self.pepper.clone().or_else(kept) }
    }
}

/// Everything in which a stored hash is weaker than a new one; empty when it is not.
#[must_use]
pub fn rehash_reasons(stored: &Stored, policy: &Policy) -> Vec<RehashReason> {
    let hash = match stored.parsed() {
        Parsed::Argon2(hash) => hash,
        Parsed::Legacy(_) => return vec![RehashReason::Scheme],
        Parsed::Wrapped(_) => return vec![RehashReason::Wrapped],
    };
    let weaknesses = [
        (RehashReason::Scheme, stored.scheme() != Scheme::Argon2id),
        (RehashReason::Version, hash.version < Version::V0x13),
        (RehashReason::Memory, hash.cost.memory_kib < policy.cost.memory_kib),
        (RehashReason::Iterations, hash.cost.iterations < policy.cost.iterations),
        (RehashReason::SaltLength, hash.salt.len() < SALT_BYTES),
        (RehashReason::OutputLength, hash.output.len() < OUTPUT_BYTES),
        (RehashReason::Pepper, is_another_pepper(hash, policy)),
    ];
    weaknesses.into_iter().filter(|(_, weaker)| *weaker).map(|(reason, _)| reason).collect()
}

fn is_another_pepper(hash: &Argon2Hash, policy: &Policy) -> bool {
    let current = policy.pepper.as_ref().map(Pepper::id);
    current.is_some_and(|current| hash.pepper.as_ref().map(Pepper::id) != Some(current))
}

#[cfg(test)]
mod tests;
