//! When a pod stops calling another one that fails.

use serde::{Deserialize, Serialize};

/// Failures in a row that stop the calls: fewer, and one restart of a peer is noticed by everyone
/// who was on their way to it; more, and a dead one costs its callers more failed attempts.
const FAILURES: u32 = 5;

/// Longest time until the next attempt, in seconds. The first one comes after a second, so this bounds
/// only how often a peer that stays away is tried, by one request each time.
const RECOVERY_SECONDS: u32 = 60;

/// When a pod stops calling another one that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// Failures in a row that stop the calls.
    pub failures: u32,
    /// Longest time until the next attempt, in seconds.
    pub recovery_seconds: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: FAILURES, recovery_seconds: RECOVERY_SECONDS }
    }
}

impl Breaker {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// In words that say what must hold.
    pub fn check(&self) -> Result<(), String> {
        if self.failures == 0 || self.recovery_seconds == 0 {
            return Err("breaker: failures and recovery_seconds must be at least 1".to_owned());
        }
        Ok(())
    }
}
