//! The closed list of what events of an `AuthCluster` say. The comments are printed in
//! `operator/STATUS.md`.

use std::fmt;

use super::closed::closed;
use super::conditions::Reason;

closed! {
    /// What was done, or seen.
    pub enum Act {
        /// A Secret is generated, renewed, or follows the Secrets that it repeats.
        Generate,
        /// The number of hashers is changed by the load.
        Scale,
        /// Something is deleted that nothing asks for any more.
        Delete,
        /// Redis step: a new node gets an epoch of its own, before it meets others.
        SetConfigEpoch,
        /// Redis step: a node's word about its slots is made to count.
        BumpEpoch,
        /// Redis step: slots without an owner get one.
        AddSlots,
        /// Redis step: two nodes are told of each other.
        Meet,
        /// Redis step: a node becomes a replica.
        Replicate,
        /// Redis step: a replica takes over from its primary.
        FailOver,
        /// Redis step: all nodes forget one that is no pod any more.
        Forget,
        /// The resource became `Ready`.
        Ready,
        /// The operator cannot read the resource: it was stored under another definition, or by a newer
        /// operator. It is left alone, and all others go on.
        Undecodable,
    }
}

/// The reason of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventReason {
    /// Something was done or seen.
    Act(Act),
    /// A condition turned bad, because of this.
    Because(Reason),
}

impl fmt::Display for EventReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(act) => act.fmt(f),
            Self::Because(reason) => reason.fmt(f),
        }
    }
}
