//! Argon2 cost and the unit of work.
//!
//! One **work unit** is one MiB-pass: 1,024 block fills of 1 KiB. A hash with 19 MiB and two passes
//! is 38 units. Load and capacity are counted in units, so that nodes with different policies and
//! speeds can be compared.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{
    POLICY_ITERATIONS_MAX, POLICY_MEMORY_MIB_MAX, POLICY_MEMORY_MIB_MIN, POLICY_PARALLELISM_MAX,
    UNITS_MAX,
};

/// Work, in MiB-passes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Units(pub u64);

impl Units {
    /// No work.
    pub const ZERO: Self = Self(0);

    /// The sum, or the largest number there is.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or none.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} units", self.0)
    }
}

/// What one Argon2 computation costs, in the terms of RFC 9106 section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cost {
    /// Memory `m`, in KiB.
    pub memory_kib: u32,
    /// Passes `t`.
    pub iterations: u32,
    /// Lanes `p`.
    pub parallelism: u32,
}

impl Cost {
    /// The work of one computation, rounded up, and never zero.
    #[must_use]
    pub fn units(self) -> Units {
        let fills = u64::from(self.memory_kib).saturating_mul(u64::from(self.iterations));
        Units(fills.div_ceil(1024).max(1))
    }
}

/// The Argon2id policy for new hashes, as a person writes it.
///
/// The default is the second set of the OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one
/// lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Argon2idPolicy {
    /// Memory of one hash, in MiB.
    pub memory_mib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Argon2 lanes, computed in turn.
    pub parallelism: u32,
}

impl Default for Argon2idPolicy {
    fn default() -> Self {
        Self { memory_mib: 19, iterations: 2, parallelism: 1 }
    }
}

/// A policy that must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("password.argon2id.{field} is {value}, and must be between {min} and {max}")]
pub struct PolicyOutOfBounds {
    /// The field, in the spelling of the hasher's file.
    pub field: &'static str,
    /// What it holds.
    pub value: u32,
    /// The smallest value allowed.
    pub min: u32,
    /// The largest value allowed.
    pub max: u32,
}

impl Argon2idPolicy {
    /// The cost of a new hash, once the policy has been found reasonable.
    ///
    /// # Errors
    /// The first field that is out of its bounds.
    pub fn checked(self) -> Result<Cost, PolicyOutOfBounds> {
        let bound = |field, value, min, max| {
            if (min..=max).contains(&value) {
                Ok(value)
            } else {
                Err(PolicyOutOfBounds { field, value, min, max })
            }
        };
        let memory_mib =
            bound("memory_mib", self.memory_mib, POLICY_MEMORY_MIB_MIN, POLICY_MEMORY_MIB_MAX)?;
        // Of the work that a stored hash may ask for: what is made is to be verified.
        let units_max = UNITS_MAX.checked_div(memory_mib).unwrap_or(UNITS_MAX);
        let iterations_max = POLICY_ITERATIONS_MAX.min(units_max);
        Ok(Cost {
            memory_kib: memory_mib.saturating_mul(1024),
            iterations: bound("iterations", self.iterations, 1, iterations_max)?,
            parallelism: bound("parallelism", self.parallelism, 1, POLICY_PARALLELISM_MAX)?,
        })
    }
}

#[cfg(test)]
mod tests;
