//! Placeholder: what the Redis nodes show, and the next safe step.

/// What every Redis node said of the cluster, beside the pods that Kubernetes knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {}

/// The next safe change of the Redis Cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {}
