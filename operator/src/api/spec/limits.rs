//! How many failed attempts are let through, and how long a user waits after failures.

use authcluster_contract::config::{Backoff, Limits, RateRule, RateScope};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How many failed attempts are let through.
#[derive(KubeSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitSpec {
    /// What is counted together. `User`: one user of one realm, from all addresses that the user has not
    /// logged in from lately; each of those has such a rate of its own. `Address`: one IPv4 address or
    /// IPv6 /64 in one realm; the /56 around an IPv6 address may make 4 times as many attempts, and its /48
    /// 16 times. `UserAndAddress`: one user from one address. The latter two need the user's address, from
    /// the caller's request or by `trustedHops`.
    pub scope: RateScope,

    /// Failed attempts let through in one period, and also at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub attempts: u32,

    /// Length of the period, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub period_seconds: u32,
}

impl From<RateLimitSpec> for RateRule {
    fn from(spec: RateLimitSpec) -> Self {
        let RateLimitSpec { scope, attempts, period_seconds } = spec;
        Self { scope, attempts, period_seconds }
    }
}

/// How long a user waits after failed attempts in a row: first not at all, then 1 s, 2 s, 4 s and so on.
/// A success ends it. In force also where nothing is written.
#[derive(KubeSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.freeFailures <= self.failuresMax")
    .message("freeFailures must not be above failuresMax"))]
pub struct LoginBackoffSpec {
    /// Failures in a row after which nobody waits yet. Default: 10.
    #[serde(default = "default_free_failures")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub free_failures: u32,

    /// Failures in a row after which only addresses that the user has logged in from lately are let in,
    /// until a login from one of them, a call of `/v1/limits/reset`, or 30 days without an attempt. NIST
    /// SP 800-63B allows 100. Default: 100.
    #[serde(default = "default_failures_max")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub failures_max: u32,

    /// Longest wait between two attempts, in seconds. Default: 900.
    #[serde(default = "default_wait_max_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub wait_max_seconds: u32,

    /// An address is the user's own so long after the last login from it, in days. Failures from elsewhere
    /// do not make it wait. Default: 90.
    #[serde(default = "default_known_pair_days")]
    #[schemars(range(min = 1, max = 730))]
    pub known_pair_days: u32,
}

impl Default for LoginBackoffSpec {
    fn default() -> Self {
        let Limits { backoff, known_pair_days, .. } = Limits::default();
        let Backoff { free_failures, failures_max, wait_max_seconds } = backoff;
        Self { free_failures, failures_max, wait_max_seconds, known_pair_days }
    }
}

/// The hashers' limits, from all fields that say something of them.
#[must_use]
pub fn limits(
    rates: Option<&[RateLimitSpec]>,
    backoff: LoginBackoffSpec,
    trusted_hops: u32,
) -> Limits {
    let LoginBackoffSpec { free_failures, failures_max, wait_max_seconds, known_pair_days } =
        backoff;
    Limits {
        trusted_hops,
        known_pair_days,
        backoff: Backoff { free_failures, failures_max, wait_max_seconds },
        rules: match rates {
            None => Limits::default().rules,
            Some(rates) => rates.iter().copied().map(RateRule::from).collect(),
        },
    }
}

fn default_free_failures() -> u32 {
    Backoff::default().free_failures
}

fn default_failures_max() -> u32 {
    Backoff::default().failures_max
}

fn default_wait_max_seconds() -> u32 {
    Backoff::default().wait_max_seconds
}

fn default_known_pair_days() -> u32 {
    Limits::default().known_pair_days
}
