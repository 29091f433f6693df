//! What a person asks for: `spec` of an `AuthCluster`.
//!
//! Every default stands in the schema, so that `kubectl get -o yaml` shows what is in force; fields
//! without one are optional, and their comment says what happens without them. The same rules in
//! CEL are checked again by `plan::validate`, for objects that an older schema let through.

mod access;
mod hasher;
mod limits;
mod password;
mod policies;
mod redis;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use access::{ClientSpec, MetricsPeer, MetricsSpec, NamespaceSelector, NetworkPolicyMode};
pub use access::{SecretKeyRef, SecretRef, TlsSpec, UsersSpec};
pub use hasher::{Autoscaling, HasherSpec, PoolSpec, Toleration, TolerationOperator};
pub use hasher::{Quantity, ResourceAmounts, Resources};
pub use limits::{LoginBackoffSpec, RateLimitSpec, limits};
pub use password::{Argon2idSpec, LegacyBounds, LegacySpec, PasswordSpec, PepperSecretRef};
pub use policies::{
    CircuitBreakerSpec, MigrationSpec, MixShareSpec, RoutingSpec, SessionKeysSecretRef,
    SessionsSpec,
};
pub use redis::{Grammar, REDIS_DIRECTIVES, RedisSpec, StorageKind, StorageSpec, directive_names};

use super::status::AuthClusterStatus;

/// Password hashing as a tier of its own: hashers, and a Redis Cluster for what they share. An empty
/// spec is complete: three hashers, three Redis shards with one replica each, and one caller, who mounts
/// the Secret `NAME-binding-default`.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "authcluster.dev",
    version = "v1alpha1",
    kind = "AuthCluster",
    plural = "authclusters",
    shortname = "ac",
    namespaced,
    cel,
    status = "AuthClusterStatus",
    derive = "PartialEq",
    doc = "Password hashing as a tier of its own: hashers and the Redis Cluster that they share.",
    validation = Rule::new("size(self.metadata.name) <= 36 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must have at most 36 of a-z, 0-9 and '-', start with a letter and end with a letter or digit: other names are made from it"),
    scale(
        spec_replicas_path = ".spec.hasher.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether everything that the resource asks for is there and serves"),
    printcolumn(name = "Hashers", type_ = "string", json_path = ".status.hashers.ready",
        description = "Hashers that serve, of those asked for"),
    printcolumn(name = "Shards", type_ = "string", json_path = ".status.redis.summary",
        description = "Redis shards whose primary and replicas are all there and in sync, of those asked for, and slots that are served, of 16384"),
    printcolumn(name = "Capacity", type_ = "integer", json_path = ".status.hashers.capacityUnitsPerSecond",
        description = "MiB-passes per second that the hashers can sustain"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".status.plan",
        description = "What the operator is doing now"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct AuthClusterSpec {
    /// The pods that hash and verify passwords. A change that rolls them starts a quarter more, at least one,
    /// and ends an old pod when a new one has served for ten seconds, so the nodes need room for it.
    #[serde(default)]
    pub hasher: HasherSpec,

    /// What a new password hash looks like, and which old ones are understood.
    #[serde(default)]
    pub password: PasswordSpec,

    /// How usernames become keys.
    #[serde(default)]
    pub users: UsersSpec,

    /// Which hasher computes a request. A change reaches running hashers within two minutes, without a
    /// restart.
    #[serde(default)]
    pub routing: RoutingSpec,

    /// When a hasher stops calling another one that fails. Without it: the defaults of its fields. A change
    /// reaches running hashers within two minutes, without a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreakerSpec>,

    /// How many failed attempts are let through, counted over all hashers. Without it: 10 a minute by `User`
    /// and 100 a minute by `Address`. An empty list: as many as `loginBackoff` lets through. A change
    /// reaches running hashers within two minutes, without a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["scope", "periodSeconds"]))]
    pub rate_limits: Option<Vec<RateLimitSpec>>,

    /// How long a user waits after failed attempts in a row. A change reaches running hashers as one of
    /// `rateLimits` does.
    #[serde(default)]
    pub login_backoff: LoginBackoffSpec,

    /// Proxies that add to `X-Forwarded-For` on the way from the user to the caller, for requests without
    /// an `address`: the user's address is so many entries from the right. Default: 0, the header is
    /// ignored.
    #[serde(default)]
    #[schemars(range(min = 0, max = 16))]
    pub trusted_hops: u32,

    /// How long sessions live.
    #[serde(default)]
    pub sessions: SessionsSpec,

    /// How old hashes are replaced when their user logs in. Without it: the defaults of its fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationSpec>,

    /// Certificates of your own. Not carried out yet: the generated ones are served, and the condition
    /// `FeaturesPending` says so. Without it: an authority made for this `AuthCluster`, in the Secret
    /// `NAME-ca`, signs them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,

    /// Who may call the API. Each has a Secret `NAME-binding-CLIENT` to mount, with address, token and
    /// authority. Without any: one caller named `default` in the realm `default` with the scopes `Hash`,
    /// `Login` and `Sessions`. A change reaches running hashers within two minutes, without a restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub clients: Vec<ClientSpec>,

    /// Who reaches the pods, said by objects of kind `NetworkPolicy`; the cluster's network has to enforce
    /// them. Redis is reached by the hashers, by itself and by the operator, and the port between hashers
    /// by hashers. The API is reached from `Anywhere` (default), or from this `Namespace` alone and from
    /// what policies of your own let in. Metrics are reached from the namespaces of `metrics.from`. What pods
    /// send is not restricted. `None`: no such objects, and those of before are deleted.
    #[serde(default)]
    pub network_policy: NetworkPolicyMode,

    /// Which namespaces reach the metrics of the hashers.
    #[serde(default)]
    pub metrics: MetricsSpec,

    /// The Redis Cluster that the hashers share.
    #[serde(default)]
    pub redis: RedisSpec,
}
