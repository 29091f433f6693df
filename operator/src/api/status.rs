//! What the operator says of an `AuthCluster`: the status subresource.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator last saw and what it is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthClusterStatus {
    /// The generation of the resource that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled (as kstatus reads them), `RedisAvailable`, `HasherAvailable`,
    /// `CapacityPushed`, `FeaturesPending`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions_schema")]
    pub conditions: Vec<Condition>,
    /// What the operator is doing now, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Hasher pods that exist, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Label selector of the hasher pods, in text form, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The Secret with all that the first caller of `spec.clients` needs to call the API. It makes the
    /// resource a Provisioned Service of the Service Binding Specification for Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<BindingStatus>,
    /// The hashers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashers: Option<HashersStatus>,
    /// The Redis Cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisStatus>,
}

/// A Secret in the namespace of the resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingStatus {
    /// Name of the Secret.
    pub name: String,
}

/// The hashers as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HashersStatus {
    /// Pods that serve, of those asked for: `3/3`.
    pub ready: String,
    /// The sum of all capacity weights, in units (MiB-passes) per second. Written again only after a
    /// change of a tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_units_per_second: Option<i64>,
    /// Work that callers offer, refused work included, in percent of the capacity. Written again only
    /// after a change of ten points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilization_percent: Option<i64>,
    /// When the figures were last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub figures_at: Option<Time>,
}

/// The Redis Cluster as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisStatus {
    /// Whether the cluster was formed once. It is never formed again: what is missing is repaired.
    #[serde(default)]
    pub formed: bool,
    /// Shards whose primary and replicas are all there and in sync.
    #[serde(default)]
    pub shards: i32,
    /// Slots with a serving owner, of 16,384.
    #[serde(default)]
    pub slots_covered: i32,
    /// Shards and slots in short: `3/3 16384`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// The schema of `[]metav1.Condition`, a list that merges by type.
fn conditions_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "description": "One condition.",
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {
                    "description": "What the condition speaks of.",
                    "type": "string",
                    "maxLength": 316,
                },
                "status": {
                    "description": "Whether it holds: `True`, `False` or `Unknown`.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "reason": {
                    "description": "Why, in one word of a closed list; alerts may match on it.",
                    "type": "string",
                    "maxLength": 1024,
                },
                "message": {
                    "description": "Why, in words for people.",
                    "type": "string",
                    "maxLength": 32768,
                },
                "observedGeneration": {
                    "description": "The generation of the resource that this condition speaks of.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
                "lastTransitionTime": {
                    "description": "When `status` last changed.",
                    "type": "string",
                    "format": "date-time",
                },
            },
        },
    })
}

/// The schema of a point in time.
fn time_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "format": "date-time", "nullable": true})
}
