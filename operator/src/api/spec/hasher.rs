//! The pods that hash.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// The pods that hash and verify passwords.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.autoscaling) || !has(self.pools) || size(self.pools) == 0")
    .message("autoscaling belongs to the pools when there are pools").reason(Reason::FieldValueForbidden))]
pub struct HasherSpec {
    /// Image of the hasher. Without it: the one that the operator was installed with. A change rolls
    /// the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// Pods, when `pools` is empty. Default: 3. `kubectl scale` and a `HorizontalPodAutoscaler` of this
    /// resource set it, and so do nothing when there are pools; with `autoscaling`, the operator does, so that whoever takes over begins with
    /// the number in force.
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: u32,

    /// CPU and memory of one pod. Defaults: a request of 1 CPU, and as much memory as the hashing
    /// threads need: one thread for each whole CPU requested, each with the password policy's memory,
    /// 64 MiB for the program, and room for one old hash of 64 MiB. The memory limit defaults to the
    /// memory request. There is no CPU limit by default; one that is set must leave 0.25 CPU beside
    /// the threads. A change rolls the pods.
    #[serde(default)]
    pub resources: Resources,

    /// Lets the operator choose the number of pods by the work that callers offer. Without it:
    /// `replicas`. Not together with a `HorizontalPodAutoscaler` of this resource: both would set the
    /// number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,

    /// Groups of hashers on different nodes, each a Deployment `NAME-hasher-POOL`. Without any: one
    /// Deployment `NAME-hasher` of `replicas` pods. A pool that is removed from the list is
    /// deleted once all pods of the others serve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub pools: Vec<PoolSpec>,
}

impl Default for HasherSpec {
    fn default() -> Self {
        Self {
            image: None,
            replicas: three(),
            resources: Resources::default(),
            autoscaling: None,
            pools: Vec::new(),
        }
    }
}

/// CPU and memory of one pod.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What the pod is promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceAmounts>,
    /// What the pod cannot go above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceAmounts>,
}

/// Amounts of CPU and memory.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceAmounts {
    /// CPU, such as `2` or `500m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory, such as `512Mi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

/// An amount as Kubernetes writes it: a number, or a number with a suffix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "an amount is a whole number, or text such as \"1.5\", \"500m\" or \"512Mi\""
        )]
        enum Form {
            Whole(i64),
            Text(String),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Whole(number) => Self(number.to_string()),
            Form::Text(text) => Self(text),
        })
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 32,
            "pattern": "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$",
        })
    }
}

/// Lets the operator choose the number of pods by the work that callers offer, refused work included.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.minReplicas <= self.maxReplicas")
    .message("minReplicas must not be above maxReplicas"))]
pub struct Autoscaling {
    /// Never fewer pods than this. Default: 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_replicas: u32,

    /// Never more pods than this.
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: u32,

    /// Share of the hashers' capacity that is to be in use, in percent. Default: 70.
    #[serde(default = "seventy")]
    #[schemars(range(min = 10, max = 95))]
    pub target_utilization_percent: u32,

    /// Pods go only when the load has been lower for so long, in seconds. Default: 300.
    #[serde(default = "three_hundred")]
    #[schemars(range(min = 0, max = 3600))]
    pub scale_down_stabilization_seconds: u32,
}

/// A group of hashers.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolSpec {
    /// Its name, unique in the list.
    #[schemars(length(min = 1, max = 19), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// Pods. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: u32,

    /// Lets the operator choose the number of pods of this pool. Without it: `replicas`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,

    /// Labels that a node must have. Without any: every node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub node_selector: BTreeMap<String, String>,

    /// Taints of nodes that these pods bear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,

    /// CPU and memory of one pod. Without it: `spec.hasher.resources`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,

    /// Share of their measured speed that these pods offer, in percent. Default: 100. With 0 they get
    /// nothing new. A change takes effect without a restart, and at once when it is a tenth or more.
    #[serde(default = "hundred")]
    #[schemars(range(min = 0, max = 100))]
    pub capacity_percent: u32,
}

/// A taint that pods bear.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.key) || self.operator == 'Exists'")
        .message("a toleration without key needs operator Exists").field_path(".operator"),
    validation = Rule::new("!has(self.value) || self.operator == 'Equal'")
        .message("a toleration with a value needs operator Equal").field_path(".operator"),
)]
pub struct Toleration {
    /// Key of the taint. Without it, with operator `Exists`: every taint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 317))]
    pub key: Option<String>,
    /// `Equal` (default) compares the value, `Exists` does not.
    #[serde(default)]
    pub operator: TolerationOperator,
    /// Value of the taint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// Effect of the taint: `NoSchedule`, `PreferNoSchedule` or `NoExecute`. Without it: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(NoSchedule|PreferNoSchedule|NoExecute)$"))]
    pub effect: Option<String>,
}

/// How a toleration compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// Key and value are the same.
    #[default]
    Equal,
    /// The key is the same.
    Exists,
}

fn one() -> u32 {
    1
}

fn two() -> u32 {
    2
}

fn three() -> u32 {
    3
}

fn seventy() -> u32 {
    70
}

fn hundred() -> u32 {
    100
}

fn three_hundred() -> u32 {
    300
}
