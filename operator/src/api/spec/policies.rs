//! How requests are routed, how long sessions live, how old hashes are replaced.

use authcluster_contract::config::{
    Breaker, Migration, MixShare, Routing, RoutingStrategy, Sessions,
};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Which hasher computes a request.
#[derive(KubeSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.refuseAfterMs <= self.deadlineMs")
    .message("refuseAfterMs must not be above deadlineMs: a request would be late before it is refused"))]
pub struct RoutingSpec {
    /// `Affinity` (default): the user's home hasher, and the next ones when it is busy. `LeastLoaded`:
    /// the less loaded of two random ones. `WeightedRoundRobin`: each in turn, as often as its
    /// capacity says.
    #[serde(default)]
    pub strategy: RoutingStrategy,

    /// A hasher refuses a forwarded request that would wait longer than this, in milliseconds.
    /// Default: 50.
    #[serde(default = "default_refuse_after_ms")]
    #[schemars(range(min = 1, max = 15_000))]
    pub refuse_after_ms: u32,

    /// Time that a request may take when its caller names none, in milliseconds. At most 15000: a pod
    /// that ends finishes what it has admitted within 20 s. Default: 1000.
    #[serde(default = "default_deadline_ms")]
    #[schemars(range(min = 10, max = 15_000))]
    pub deadline_ms: u32,

    /// Requests of one user that a hasher works on at once; more are answered 429 `user-busy`, so that
    /// guessing one user's password keeps no hasher busy. A user from a known address has one more. Default: 2.
    #[serde(default = "default_jobs_per_user_max")]
    #[schemars(range(min = 1, max = 1000))]
    pub jobs_per_user_max: u32,
}

impl Default for RoutingSpec {
    fn default() -> Self {
        let Routing { strategy, refuse_after_ms, deadline_ms, jobs_per_user_max } =
            Routing::default();
        Self { strategy, refuse_after_ms, deadline_ms, jobs_per_user_max }
    }
}

impl From<RoutingSpec> for Routing {
    fn from(spec: RoutingSpec) -> Self {
        let RoutingSpec { strategy, refuse_after_ms, deadline_ms, jobs_per_user_max } = spec;
        Self { strategy, refuse_after_ms, deadline_ms, jobs_per_user_max }
    }
}

/// When a hasher stops calling another one that fails. Each hasher decides for itself; when it would call
/// less than half of the capacity it computes everything itself.
#[derive(KubeSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitBreakerSpec {
    /// Failures in a row that stop the calls. A hasher that is busy has not failed. Default: 5.
    #[serde(default = "default_failures")]
    #[schemars(range(min = 1, max = 100))]
    pub failures: u32,

    /// Longest time until the next attempt, in seconds: the first comes after one second, each next one
    /// after twice the time, up to this. Default: 60.
    #[serde(default = "default_recovery_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub recovery_seconds: u32,
}

impl Default for CircuitBreakerSpec {
    fn default() -> Self {
        let Breaker { failures, recovery_seconds } = Breaker::default();
        Self { failures, recovery_seconds }
    }
}

impl From<CircuitBreakerSpec> for Breaker {
    fn from(spec: CircuitBreakerSpec) -> Self {
        let CircuitBreakerSpec { failures, recovery_seconds } = spec;
        Self { failures, recovery_seconds }
    }
}

/// How long sessions live.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.idleTimeoutSeconds <= self.absoluteTimeoutSeconds")
    .message("idleTimeoutSeconds must not be above absoluteTimeoutSeconds"))]
pub struct SessionsSpec {
    /// A session ends when it was not introspected for so long, in seconds. Default: 3600.
    #[serde(default = "default_idle_timeout_seconds")]
    #[schemars(range(min = 1, max = 31_536_000))]
    pub idle_timeout_seconds: u32,

    /// A session ends so long after its creation, whatever happens, in seconds. Default: 43200.
    /// Sessions that exist keep theirs.
    #[serde(default = "default_absolute_timeout_seconds")]
    #[schemars(range(min = 1, max = 31_536_000))]
    pub absolute_timeout_seconds: u32,

    /// The old id of a rotated session is answered for so much longer, for requests that were under way, in
    /// seconds. Any use after it is taken for theft and ends the session. 0 = at once. Default: 10.
    #[serde(default = "default_rotation_grace_seconds")]
    #[schemars(range(min = 0, max = 300))]
    pub rotation_grace_seconds: u32,

    /// Most sessions of one user. Another one ends the oldest. Default: 100.
    #[serde(default = "default_per_user_max")]
    #[schemars(range(min = 1, max = 1000))]
    pub per_user_max: u32,

    /// The Secret with the keys that username and data of each session are sealed with in Redis. Without
    /// it they are in the clear there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_secret_ref: Option<SessionKeysSecretRef>,
}

/// A Secret whose values are keys of sessions, each under its name: 32 random bytes in standard base64, as
/// `openssl rand -base64 32` writes them.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionKeysSecretRef {
    /// Name of the Secret, in this namespace. Losing it ends every session that was sealed with it.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key that new sessions are sealed with; the others still open theirs. To replace it: add the new
    /// key to the Secret, wait two minutes for every hasher to have it, name it here, and take the old one
    /// away when `absoluteTimeoutSeconds` have passed.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]*$"))]
    pub current_key: String,
}

impl Default for SessionsSpec {
    fn default() -> Self {
        let Sessions {
            idle_timeout_seconds,
            absolute_timeout_seconds,
            rotation_grace_seconds,
            per_user_max,
            encryption: _,
        } = Sessions::default();
        Self {
            idle_timeout_seconds,
            absolute_timeout_seconds,
            rotation_grace_seconds,
            per_user_max,
            encryption_secret_ref: None,
        }
    }
}

/// Without the keys: where they are is for those to say who mount them.
impl From<&SessionsSpec> for Sessions {
    fn from(spec: &SessionsSpec) -> Self {
        let SessionsSpec {
            idle_timeout_seconds,
            absolute_timeout_seconds,
            rotation_grace_seconds,
            per_user_max,
            encryption_secret_ref: _,
        } = *spec;
        Self {
            idle_timeout_seconds,
            absolute_timeout_seconds,
            rotation_grace_seconds,
            per_user_max,
            encryption: None,
        }
    }
}

/// How old hashes are replaced when their user logs in. A change reaches the hashers by a rolling restart.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.lockSeconds <= self.statusSeconds")
    .message("lockSeconds must not be above statusSeconds"))]
pub struct MigrationSpec {
    /// Whether a login or verify that asks for it (`migrate`) is given a new hash at all. Default: true.
    #[serde(default = "yes")]
    pub enabled: bool,

    /// How long one login holds the right to migrate its user, in seconds: for making the hash and for the
    /// caller to write it. One that is not committed by then is offered again. Default: 30.
    #[serde(default = "default_lock_seconds")]
    #[schemars(range(min = 5, max = 600))]
    pub lock_seconds: u32,

    /// How long it is remembered which hash was replaced, in seconds, so that a login that has read an old
    /// row makes no other one. Default: 86400.
    #[serde(default = "default_status_seconds")]
    #[schemars(range(min = 5, max = 2_592_000))]
    pub status_seconds: u32,

    /// What the stored hashes look like, besides those that `spec.password` makes, while old ones are still
    /// there. Logins of users who do not exist take as long as one of these, always the same one for the
    /// same name; without any, as long as a new hash, and users whose hash is old can be told from them by
    /// the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub mix: Vec<MixShareSpec>,
}

/// One kind of stored hash.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MixShareSpec {
    /// A hash of this kind, of a password that nobody has: its format and parameters count. Everybody who
    /// may read the resource can read it, so never one of a user. Hashers do not start with one that they
    /// do not verify (`hasher inspect` says).
    #[schemars(length(min = 1, max = 4096))]
    pub example: String,

    /// How many of a hundred users have such a hash; all together at most 100.
    #[schemars(range(min = 1, max = 100))]
    pub share_percent: u32,
}

impl Default for MigrationSpec {
    fn default() -> Self {
        let Migration { enabled, lock_seconds, status_seconds, mix: _ } = Migration::default();
        Self { enabled, lock_seconds, status_seconds, mix: Vec::new() }
    }
}

impl From<&MigrationSpec> for Migration {
    fn from(spec: &MigrationSpec) -> Self {
        let MigrationSpec { enabled, lock_seconds, status_seconds, mix } = spec;
        let share = |MixShareSpec { example, share_percent }: &MixShareSpec| MixShare {
            example: example.clone(),
            share_percent: *share_percent,
        };
        Self {
            enabled: *enabled,
            lock_seconds: *lock_seconds,
            status_seconds: *status_seconds,
            mix: mix.iter().map(share).collect(),
        }
    }
}

fn default_refuse_after_ms() -> u32 {
    Routing::default().refuse_after_ms
}

fn default_deadline_ms() -> u32 {
    Routing::default().deadline_ms
}

fn default_jobs_per_user_max() -> u32 {
    Routing::default().jobs_per_user_max
}

fn default_idle_timeout_seconds() -> u32 {
    Sessions::default().idle_timeout_seconds
}

fn default_absolute_timeout_seconds() -> u32 {
    Sessions::default().absolute_timeout_seconds
}

fn default_rotation_grace_seconds() -> u32 {
    Sessions::default().rotation_grace_seconds
}

fn default_per_user_max() -> u32 {
    Sessions::default().per_user_max
}

fn default_failures() -> u32 {
    Breaker::default().failures
}

fn default_recovery_seconds() -> u32 {
    Breaker::default().recovery_seconds
}

fn default_lock_seconds() -> u32 {
    Migration::default().lock_seconds
}

fn default_status_seconds() -> u32 {
    Migration::default().status_seconds
}

fn yes() -> bool {
    Migration::default().enabled
}
