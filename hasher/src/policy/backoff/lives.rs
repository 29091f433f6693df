//! How long counts of failures live. Pure.

use super::DAY_MS;

const HOUR_MS: i64 = 3_600_000;

/// How long counts of failures live after their last attempt, in milliseconds.
///
/// Every name that is tried leaves a count, invented ones too, so counts of few failures must end soon:
/// kept for 30 days, one failed login a second fills 460 MiB in a month. The life depends on the count
/// and on free memory alone, never on whether the user exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lives {
    /// Below the free failures.
    pub few_ms: i64,
    /// From the free failures on, at least; ten times the wait if that is more.
    pub some_ms: i64,
    /// From the most failures on.
    pub most_ms: i64,
}

impl Lives {
    /// The lives that the store's memory allows.
    #[must_use]
    pub fn with(memory: Memory) -> Self {
        let few_ms = match memory {
            Memory::Free => HOUR_MS,
            Memory::NearlyFull => 60_000,
        };
        Self { few_ms, some_ms: HOUR_MS, most_ms: 30 * DAY_MS }
    }
}

/// Whether the store has memory for counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// It has, or it is not known how much.
    #[default]
    Free,
    /// More than 80 % of what it may use is used.
    NearlyFull,
}
