//! Decisions. From what a person asks for ([`Validated`]) and what the world looks like
//! ([`Observed`]) follows what to do next ([`Plan`]).
//!
//! Pure: no async, no client, no clock, no randomness, no logging; time is an argument. Equal inputs
//! give equal plans, byte for byte. What could not be read is [`Known::Unknown`], never empty, and
//! nothing is deleted or moved on it ([`check`] refuses such plans).

pub mod autoscale;
pub mod binding;
pub mod callers;
pub mod capacity;
pub mod check;
pub mod hasher;
pub mod metadata;
pub mod names;
mod network;
mod next;
pub mod objects;
mod pace;
pub mod preview;
pub mod redis_objects;
#[cfg(test)]
mod sample;
pub mod secrets;
pub mod seen;
pub mod status;
pub mod topology;
pub mod validate;

pub(crate) use next::redis_wanted;
pub use next::{mend, next};
pub use objects::Objects;
pub use pace::pace;
pub use secrets::MissingSecret;
pub use seen::{Known, KubernetesSeen, Observed};
pub use status::{changed_status, failed_status, first_status, invalid_events, invalid_status};
pub use validate::{Invalid, Settings, Validated, validate};

use std::collections::BTreeMap;

use authcluster_contract::node::NodeId;
use authcluster_contract::weights::Weight;

use crate::api::AuthClusterStatus;
use crate::api::events::EventReason;
use seen::ObjectRef;

/// Everything to do now. Complete: whoever applies it chooses nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Objects as they must be; apply those that differ.
    pub objects: Objects,
    /// Secrets to generate.
    pub secrets: Vec<MissingSecret>,
    /// Objects that nothing asks for any more.
    pub deletes: Vec<ObjectRef>,
    /// The one next step of the Redis Cluster.
    pub redis_step: Option<topology::Step>,
    /// Weights to write (`Some`) or to remove together with the node's record (`None`), by node.
    pub weights: BTreeMap<NodeId, Option<Weight>>,
    /// What `spec.hasher.replicas` is to be, if it is another.
    pub scale: Option<u32>,
    /// What the load asked for lately, to be remembered.
    pub histories: autoscale::Histories,
    /// What to tell in events of the resource.
    pub events: Vec<EventNote>,
    /// The status to write, if it differs from the one that was read.
    pub status: AuthClusterStatus,
    /// When to look again at the latest, in milliseconds.
    pub requeue_after_ms: u64,
}

impl Plan {
    /// Whether it does anything beside speaking and keeping objects as they are.
    #[must_use]
    pub fn acts(&self) -> bool {
        !self.secrets.is_empty()
            || !self.deletes.is_empty()
            || self.redis_step.is_some()
            || !self.weights.is_empty()
            || self.scale.is_some()
    }
}

/// An event of the resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventNote {
    /// Whether it is a warning.
    pub warning: bool,
    /// One word of a closed list.
    pub reason: EventReason,
    /// What was done or what is wrong.
    pub note: String,
}

/// Hashers that serve, and hashers that are asked for.
fn hashers_ready(wanted: &Validated, observed: &Observed) -> (usize, usize) {
    let pods = observed.kubernetes.hasher_pods.values();
    let ready = pods.filter(|pod| pod.ready && !pod.terminating).count();
    let asked: u32 = wanted.pools.iter().map(|pool| pool.replicas).fold(0, u32::saturating_add);
    (ready, usize::try_from(asked).unwrap_or(usize::MAX))
}
