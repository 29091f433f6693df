//! The conditions of an `AuthCluster`, and the closed list of their reasons.

use std::fmt;

/// What a condition speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// Everything that the resource asks for is there and serves.
    Ready,
    /// The operator is still changing something (kstatus).
    Reconciling,
    /// The operator cannot go on before a person changes something (kstatus).
    Stalled,
    /// The Redis Cluster has all its slots, nodes and replicas.
    RedisAvailable,
    /// All hashers that are asked for serve, and are of the latest revision.
    HasherAvailable,
    /// Every hasher's capacity weight stands in Redis.
    CapacityPushed,
    /// The resource uses fields whose behaviour this version does not have yet; the message names
    /// them.
    FeaturesPending,
}

impl ConditionType {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Ready,
        Self::Reconciling,
        Self::Stalled,
        Self::RedisAvailable,
        Self::HasherAvailable,
        Self::CapacityPushed,
        Self::FeaturesPending,
    ];
}

/// Why a condition is as it is. Closed: alerts may match on these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// As wished.
    AsSpecified,
    /// Something is being made or changed.
    Progressing,
    /// The resource cannot be carried out as it is written.
    InvalidSpec,
    /// A plan was refused as unsafe.
    UnsafePlan,
    /// Something of the same name belongs to someone else.
    NameTaken,
    /// Applying failed; the operator tries again.
    ApplyFailed,
    /// Redis could not be read.
    RedisUnknown,
    /// Nothing that the operator may do helps Redis.
    RedisStalled,
    /// Pods are not there or not ready yet.
    PodsNotReady,
    /// The nodes of Redis do not agree with each other yet.
    Forming,
    /// Slots have no owner that serves them.
    SlotsUncovered,
    /// A shard has fewer replicas in sync than asked for.
    ReplicasMissing,
    /// Hashers have no weight in Redis yet.
    WeightsPending,
    /// Hashers that are ready have not registered themselves yet.
    NodesMissing,
    /// Fields are used whose behaviour is not there yet.
    FieldsNotImplemented,
    /// No such field is used.
    NoneUsed,
    /// The resource is being deleted.
    Deleting,
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
