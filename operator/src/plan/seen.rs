//! What was read from the world, as decisions need it. `observe` fills these in; nothing here reads.

use std::collections::{BTreeMap, BTreeSet};

use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::token::TokenError;
use authcluster_contract::weights::Weight;
use k8s_openapi::jiff::Timestamp;

use super::autoscale::Histories;
use super::validate::Pool;
use super::{names, topology};
use crate::api::AuthClusterStatus;

/// Something that was read, or the reason why it could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// It is this.
    Known(T),
    /// It could not be read; the text says why, in words for the status. Never taken for empty.
    Unknown(String),
}

impl<T> Known<T> {
    /// The value, if it could be read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

/// Everything that was read for one `AuthCluster`.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// What Kubernetes holds. Without it there is no plan at all, so it is never unknown here.
    pub kubernetes: KubernetesSeen,
    /// What every Redis node said of the cluster.
    pub redis: Known<topology::Seen>,
    /// The hash `nodes`: what the hashers say of themselves. Records that cannot be read are left
    /// out.
    pub nodes: Known<BTreeMap<NodeId, NodeRecord>>,
    /// `node_capacity:{node}` of every node in `nodes` and of every hasher pod; absent keys are
    /// absent here. A value that is no weight is absent too, so that it is written again.
    pub weights: Known<BTreeMap<NodeId, Weight>>,
    /// The status that was written last.
    pub previous: Option<AuthClusterStatus>,
    /// Why the previous attempt to apply failed, in words for the status; `None` when it did not.
    pub apply_error: Option<String>,
    /// What the load asked for lately; empty after a start of the operator.
    pub histories: Histories,
}

/// What Kubernetes holds for one `AuthCluster`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubernetesSeen {
    /// Whether the namespace is being deleted: nothing is created in it.
    pub namespace_terminating: bool,
    /// Pods with component `hasher`, by name.
    pub hasher_pods: BTreeMap<String, PodSeen>,
    /// Pods with component `redis`, by name.
    pub redis_pods: BTreeMap<String, PodSeen>,
    /// Nodes that those pods run on, by name.
    pub nodes: BTreeMap<String, KubernetesNodeSeen>,
    /// Secrets that [`super::names::names_of_interest`] asks for and that exist, by name.
    pub secrets: BTreeMap<String, SecretSeen>,
    /// Deployments and `StatefulSet`s that we own.
    pub workloads: BTreeMap<ObjectRef, WorkloadSeen>,
    /// Every object that carries our labels and our owner reference.
    pub owned: BTreeSet<ObjectRef>,
    /// Objects that have a name of ours and belong to someone else.
    pub foreign: BTreeSet<ObjectRef>,
}

impl KubernetesSeen {
    /// The Deployment of a pool of the `AuthCluster` with this name, if it is there and ours.
    #[must_use]
    pub fn deployment(&self, cluster: &str, pool: &Pool) -> Option<&WorkloadSeen> {
        let name = names::deployment(cluster, pool.name.as_deref());
        self.workloads.get(&ObjectRef { kind: ObjectKind::Deployment, name })
    }
}

/// The kinds of objects that the operator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `v1` `ConfigMap`.
    ConfigMap,
    /// `v1` `Secret`.
    Secret,
    /// `v1` `Service`.
    Service,
    /// `v1` `ServiceAccount`.
    ServiceAccount,
    /// `policy/v1` `PodDisruptionBudget`.
    PodDisruptionBudget,
    /// `networking.k8s.io/v1` `NetworkPolicy`.
    NetworkPolicy,
    /// `apps/v1` `StatefulSet`.
    StatefulSet,
    /// `apps/v1` `Deployment`.
    Deployment,
}

/// One object in the namespace of the `AuthCluster`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSeen {
    /// Its uid: a pod of the same name may be another one.
    pub uid: String,
    /// Its address, once it has one.
    pub ip: Option<std::net::IpAddr>,
    /// The node that it runs on, once it is scheduled.
    pub node: Option<String>,
    /// Its label [`crate::api::names::LABEL_POOL`].
    pub pool: Option<String>,
    /// Its label [`crate::api::names::LABEL_SHARD`], as a number.
    pub shard: Option<u16>,
    /// Whether its condition `Ready` is true.
    pub ready: bool,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Its annotation [`crate::api::names::ANNOTATION_CONFIG`].
    pub config_sha256: Option<String>,
    /// Why it does not run, in Kubernetes' words (`ImagePullBackOff: ...`, `Unschedulable: ...`).
    pub trouble: Option<String>,
}

/// A node of Kubernetes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KubernetesNodeSeen {
    /// Whether nothing new is scheduled on it.
    pub cordoned: bool,
    /// Whether its condition `Ready` is true.
    pub ready: bool,
    /// Whether its condition `MemoryPressure` is true.
    pub memory_pressure: bool,
}

/// A Secret, without its contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretSeen {
    /// SHA-256 of each value in hexadecimal, white space at its end left out (a token that was made
    /// with `echo` ends with a line feed that is no part of it).
    pub sha256: BTreeMap<String, String>,
    /// Why the value of a key cannot be a bearer token; keys with a usable value are absent.
    pub unusable_tokens: BTreeMap<String, TokenError>,
    /// Keys whose values can be peppers.
    pub peppers: BTreeSet<String>,
    /// End of the certificate's validity, when the Secret has a `tls.crt` that can be read.
    pub not_after: Option<Timestamp>,
    /// Digest of the issuing authority's certificate, when the Secret has a `ca.crt`: the value of
    /// [`SecretSeen::sha256`] of that key. A leaf of an older authority is made again.
    pub ca_sha256: Option<String>,
    /// Whether it carries our owner reference.
    pub ours: bool,
}

/// A Deployment or `StatefulSet`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadSeen {
    /// Whether its controller has seen the latest generation.
    pub current: bool,
    /// Pods asked for.
    pub replicas: i32,
    /// Pods that are there, of whatever revision; those on their way out are not counted.
    pub total: i32,
    /// Pods of the latest revision.
    pub updated: i32,
    /// Pods that are ready.
    pub ready: i32,
}
