//! The Redis Cluster.

mod directives;

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::directives::{Grammar, REDIS_DIRECTIVES, directive_names};
use super::hasher::Resources;

/// The Redis Cluster that the hashers share.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.shards == oldSelf.shards")
        .message("shards cannot be changed yet").field_path(".shards"),
    validation = Rule::new("self.shards == 1 || self.shards >= 3")
        .message("shards must be 1, or at least 3: two shards have no majority when one is lost").field_path(".shards"),
    validation = Rule::new("self.storage == oldSelf.storage")
        .message("storage cannot be changed: Kubernetes does not let the volumes of a StatefulSet change").field_path(".storage"),
)]
pub struct RedisSpec {
    /// Image with `redis-server` or `valkey-server` on its PATH: Redis 7.0 and later, Valkey 8 and
    /// later. Without it: the one that the operator was installed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// Parts that the data is split into: 1, or 3 and more. Default: 3. It cannot be changed yet.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    pub shards: u32,

    /// Copies of each shard beside its primary, each on another node. Default: 1. With 0 a lost pod is
    /// lost data.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 4))]
    pub replicas_per_shard: u32,

    /// Where the data lies. It cannot be changed.
    #[serde(default)]
    pub storage: StorageSpec,

    /// CPU and memory of one Redis pod. Defaults: a request of 100m CPU and 256Mi memory, and a memory
    /// limit equal to the memory request. Redis itself uses three fifths of the limit at most, and
    /// refuses writes above; the rest is for copies made while it saves.
    #[serde(default)]
    pub resources: Resources,

    /// More directives of redis.conf, such as `appendfsync: always`. A value that a server could not
    /// read is refused. A change takes effect when a pod is replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "config_schema")]
    pub config: BTreeMap<String, String>,
}

impl Default for RedisSpec {
    fn default() -> Self {
        Self {
            image: None,
            shards: three(),
            replicas_per_shard: one(),
            storage: StorageSpec::default(),
            resources: Resources::default(),
            config: BTreeMap::new(),
        }
    }
}

/// Where the data lies.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.kind == 'Persistent' || !has(self.storageClassName)")
    .message("storageClassName needs kind Persistent").field_path(".storageClassName"))]
pub struct StorageSpec {
    /// `Persistent` (default): a volume for each pod, deleted with the `AuthCluster`. `Ephemeral`: a folder on
    /// the pod's node; a shard that loses all its pods at once loses its sessions and counters, never a
    /// password.
    #[serde(default)]
    pub kind: StorageKind,

    /// Size for each pod, in GiB. Default: 1.
    #[serde(default = "one", rename = "sizeGiB")]
    #[schemars(range(min = 1, max = 65_536))]
    pub size_gib: u32,

    /// Storage class of the volumes. Without it: the default class of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}

impl Default for StorageSpec {
    fn default() -> Self {
        Self { kind: StorageKind::default(), size_gib: one(), storage_class_name: None }
    }
}

/// What kind of place the data lies in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StorageKind {
    /// A volume that outlives its pod.
    #[default]
    Persistent,
    /// A folder that ends with its pod.
    Ephemeral,
}

/// A map of directives to one-line values, with the rule that admits [`REDIS_DIRECTIVES`] only.
fn config_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let allowed: Vec<String> =
        REDIS_DIRECTIVES.iter().map(|(name, _)| format!("'{name}'")).collect();
    let allowed = allowed.join(", ");
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 256, "pattern": "^[^\\r\\n\"'\\\\]*$"},
        "x-kubernetes-validations": [{
            "rule": format!("self.all(name, name in [{allowed}])"),
            "message": format!("only these directives can be set: {}", directive_names()),
        }],
    })
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}
