//! The conditions of an `AuthCluster`, and the closed list of their reasons. The comments are for those
//! who read `kubectl describe`, and are printed in `operator/STATUS.md`.

use super::closed::closed;

closed! {
    /// What a condition speaks of.
    pub enum ConditionType {
        /// Everything that the resource asks for is there and serves, and nothing is being changed.
        Ready,
        /// The operator is still changing something, or waits for what it changed (kstatus).
        Reconciling,
        /// The operator cannot go on before a person changes something; the message says what (kstatus).
        Stalled,
        /// The Redis Cluster has all its slots, nodes and replicas. `Unknown` when it cannot be reached.
        RedisAvailable,
        /// All hashers that are asked for serve, and are of the latest revision.
        HasherAvailable,
        /// Every hasher's capacity weight stands in Redis. `Unknown` when Redis cannot be read.
        CapacityPushed,
        /// Every caller of the resource has a token that the hashers accept. If not, the message names each
        /// disabled caller, its Secret and the reason. `Ready` speaks of the other callers, and is false only if
        /// every caller is disabled.
        CallersReady,
        /// The resource uses fields whose behaviour this version does not have yet; the message names
        /// them.
        FeaturesPending,
    }
}

closed! {
    /// Why a condition is as it is. Closed: alerts may match on these words.
    pub enum Reason {
        /// As the resource asks for.
        AsSpecified,
        /// Something is being made or changed, or old pods are being replaced. Nothing to do.
        Progressing,
        /// The resource cannot be carried out as it is written; the message names the fields. What runs
        /// goes on. Change the resource.
        InvalidSpec,
        /// The operator refused its own plan as unsafe, and changes nothing. A fault of the operator: report
        /// it with the message.
        UnsafePlan,
        /// An object of the same name belongs to someone else. Delete or rename that object.
        NameTaken,
        /// The API server refused a change or did not answer; the message says which. The operator tries
        /// again: after 1 s, then later and later, up to a minute.
        ApplyFailed,
        /// Redis could not be read; the message says why. Hashing goes on, sessions answer 503.
        RedisUnknown,
        /// Nothing that the operator may do helps Redis; the message says what was lost. Where every node of a
        /// shard came back empty, though its storage is persistent, the shard starts anew, without its
        /// sessions, limits and locks (no password is lost), after `kubectl annotate ac/NAME
        /// authcluster.dev/accept-data-loss=true`. Take the annotation away when the shard serves (`kubectl
        /// annotate ac/NAME authcluster.dev/accept-data-loss-`), or the next loss is accepted too.
        RedisStalled,
        /// Pods are missing or not ready; the message repeats why, in Kubernetes' words.
        PodsNotReady,
        /// The nodes of Redis do not agree with each other yet. Nothing to do.
        Forming,
        /// Slots have no owner that serves them: sessions and limits of a part of the users are away.
        SlotsUncovered,
        /// A shard has fewer replicas in sync than asked for: one more loss could lose sessions.
        ReplicasMissing,
        /// Hashers that serve have not taken over changed settings yet; Kubernetes hands them over within some 90 s.
        SettingsPending,
        /// Hashers have no weight in Redis yet; they get it within seconds.
        WeightsPending,
        /// Hashers that are ready have not registered themselves in Redis yet, within seconds of their
        /// start. If it lasts: their logs say why they do not reach it.
        NodesMissing,
        /// The hashers refuse a caller, because its Secret or key is missing, its token is empty, shorter than 32
        /// characters or not printable ASCII, or another caller has the same token (then both are refused).
        /// Everything else goes on. Correct the Secret that the message names, for example with a token of
        /// `openssl rand -hex 32`; the hashers know the caller again within two minutes. Until then its binding
        /// Secret stays as it was, with a token that is refused.
        CallerDisabled,
        /// Fields are used whose behaviour is not there yet.
        FieldsNotImplemented,
        /// No such field is used.
        NoneUsed,
        /// The resource or its namespace is being deleted.
        Deleting,
    }
}

impl Reason {
    /// The reason with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }
}
