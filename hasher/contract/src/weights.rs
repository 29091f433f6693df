//! The capacity weight of a node, as it stands in `node_capacity:{node}`.
//!
//! Zero means: send nothing new. Absent means: the node's own word counts. An unreadable value is
//! never zero: it is refused, and whoever reads it keeps what it knew (cloudflare/pingora#1006).

use std::fmt;
use std::str::FromStr;

use crate::limits::WEIGHT_MAX;

/// Capacity in units per second, at most [`WEIGHT_MAX`]; zero is a drain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u64);

/// A value that is no weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a capacity weight: an integer from 0 to {WEIGHT_MAX}, in units per second")]
pub struct WeightError;

impl Weight {
    /// Send nothing new.
    pub const DRAIN: Self = Self(0);

    /// The weight for a capacity in units per second, cut to the largest one allowed.
    #[must_use]
    pub fn from_capacity(units_per_second: u64) -> Self {
        Self(units_per_second.min(WEIGHT_MAX))
    }

    /// Units per second.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether the node is to get nothing new.
    #[must_use]
    pub const fn is_drain(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Weight {
    type Err = WeightError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<u64>() {
            Ok(value) if value <= WEIGHT_MAX => Ok(Self(value)),
            Ok(_) | Err(_) => Err(WeightError),
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
