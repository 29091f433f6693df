//! The Redis Cluster: what every node of it shows, and the one next safe step towards what is wanted.
//!
//! Rules that hold for every step:
//! * It follows from what the nodes themselves say, never from what was done before: it can be
//!   derived again after a crash at any point, and sent twice or by two operators.
//! * Roles come from the live topology. The name of a pod says which shard it belongs to, never
//!   that it is a primary.
//! * A node that could not be read is [`NodeSeen::Unknown`]. It may hold slots and data: nothing is
//!   given away or forgotten that could be its own.
//! * No step can lose a key that a node holds. Redis refuses `CLUSTER REPLICATE` on a primary with
//!   keys, and slots are only given away when no node that lives or may come back holds them.
//!
//! Later: moving slots and failing over by plan come with [`RedisStep::FailOver`]; taking over without votes goes where [`StallReason::MajorityLost`] is now.

mod health;
mod layout;
mod map;
mod members;
mod ownership;
mod parse;
mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use authcluster_contract::slots::SlotSet;

use crate::api::events::Act;

pub use health::{RedisHealth, health};
pub use layout::even_layout;
pub use map::slot_owners;
pub use parse::{NodeTexts, ParseError, parse_node};
pub use seen::{Link, NodeSeen, NodeState, PeerView, RedisId, RedisIdError, Role, Seen};

use map::Map;

/// The name of a Redis pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodName(String);

impl PodName {
    /// The name as Kubernetes has it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the pods keep over their own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Nothing: a pod that has no address yet holds no data.
    Ephemeral,
    /// A volume: a pod that is not there may come back with slots and data.
    Persistent,
}

/// Where a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodAt {
    /// The shard that it was made for, from 0.
    pub shard: u16,
    /// Its number within the shard, from 0.
    pub ordinal: u16,
    /// Its address, once it has one.
    pub ip: Option<IpAddr>,
    /// The Kubernetes node that it runs on, once it is scheduled.
    pub node: Option<String>,
}

/// What is wanted, and the pods there are for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Shards, at least 1.
    pub shards: u16,
    /// Replicas of each primary.
    pub replicas_per_shard: u16,
    /// The pods that exist. One that is missing here counts as unreadable.
    pub pods: BTreeMap<PodName, PodAt>,
    /// Whether the cluster was whole before: the durable record of it, see
    /// [`RedisHealth::is_formed`].
    pub formed: bool,
    /// What the pods keep.
    pub storage: Storage,
    /// Whether a person has said that a shard whose volumes are all empty may start anew.
    pub data_loss_accepted: bool,
}

/// What to do about the Redis Cluster now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is as wanted, and every node says so.
    Converged,
    /// Do this, then look again.
    Step(RedisStep),
    /// Redis or Kubernetes is at it; look again soon. The words say what is awaited.
    Wait(String),
    /// Nothing that may be done helps.
    Stalled(StallReason),
}

/// Why nothing may be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StallReason {
    /// Every node of a shard came back empty, though it has volumes.
    #[error("every node of shard {shard} came back empty, though its storage is persistent")]
    DataLost {
        /// The shard.
        shard: u16,
    },
    /// A node that no pod of ours is lives in the cluster.
    #[error("node {0}, which is no pod of this cluster, is alive in it")]
    ForeignNode(RedisId),
    /// A primary has keys of slots that others own, so it cannot become a replica.
    #[error("{0} holds keys but owns no slots; it cannot become a replica before it is empty")]
    KeysWithoutSlots(PodName),
    /// Too many primaries are gone for the rest to elect successors.
    #[error("{alive} of {shards} primaries are left, too few to elect successors of the others")]
    MajorityLost {
        /// Primaries that are known to live.
        alive: usize,
        /// Shards.
        shards: u16,
    },
    /// The slots are not where the wanted number of shards asks for.
    #[error("the slots do not lie as {shards} shards ask for, and moving slots is not built yet")]
    SlotsMustMove {
        /// Shards.
        shards: u16,
    },
    /// The slots of a shard are gone, and the only nodes left in it are replicas of a node that
    /// owns nothing.
    #[error("shard {shard} has only replicas of a node that is gone")]
    NoPrimaryLeft {
        /// The shard.
        shard: u16,
    },
}

/// A node that a step is sent to. The step is refused when the address answers with another id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The pod.
    pub pod: PodName,
    /// Its address.
    pub ip: IpAddr,
    /// Its id.
    pub id: RedisId,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pod.fmt(f)
    }
}

/// One safe change. The order of the variants is the order of safety, and the order in which they
/// are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisStep {
    /// Give a fresh node an epoch above all that were seen, before anyone meets it. Otherwise the
    /// gossip about the dead owner of its slots, at a higher epoch, takes them away again.
    SetConfigEpoch {
        /// The fresh node.
        at: Target,
        /// Its epoch.
        epoch: u64,
    },
    /// Raise the epoch of a node that has one, above whoever is taken for the owner of its slots.
    BumpEpoch {
        /// The node.
        at: Target,
    },
    /// Give slots that no living node owns to a primary.
    AddSlots {
        /// The primary.
        at: Target,
        /// The slots.
        slots: SlotSet,
        /// Nodes that the target may still take for their owners. The step is refused when it
        /// names anyone else.
        from: BTreeSet<RedisId>,
    },
    /// Make two nodes known to each other, or tell one the new address of the other.
    Meet {
        /// Who is told.
        at: Target,
        /// Whom to meet.
        other: Target,
    },
    /// Make a node without slots a replica.
    Replicate {
        /// The node.
        at: Target,
        /// The primary of its shard.
        of: Target,
    },
    /// Have a replica ask for votes to take over from a primary that is gone and that Redis never
    /// finds failed.
    FailOver {
        /// The replica.
        at: Target,
    },
    /// Forget a node that is no pod any more, everywhere within the 60 s in which a node that
    /// forgot it does not learn of it again.
    Forget {
        /// Whom.
        id: RedisId,
        /// Every node that knows it.
        at: Vec<Target>,
    },
}

/// The short name that other parts of the plan use.
pub type Step = RedisStep;

impl RedisStep {
    /// What events and metrics call it.
    #[must_use]
    pub const fn act(&self) -> Act {
        match self {
            Self::SetConfigEpoch { .. } => Act::SetConfigEpoch,
            Self::BumpEpoch { .. } => Act::BumpEpoch,
            Self::AddSlots { .. } => Act::AddSlots,
            Self::Meet { .. } => Act::Meet,
            Self::Replicate { .. } => Act::Replicate,
            Self::FailOver { .. } => Act::FailOver,
            Self::Forget { .. } => Act::Forget,
        }
    }

    /// The name of the step in `CamelCase`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.act().name()
    }
}

impl fmt::Display for RedisStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetConfigEpoch { at, epoch } => write!(f, "set config epoch {epoch} at {at}"),
            Self::BumpEpoch { at } => write!(f, "bump epoch at {at}"),
            Self::AddSlots { at, slots, from: _ } => write!(f, "add slots {slots} at {at}"),
            Self::Meet { at, other } => write!(f, "meet {other} from {at}"),
            Self::Replicate { at, of } => write!(f, "make {at} a replica of {of}"),
            Self::FailOver { at } => write!(f, "have {at} take over"),
            Self::Forget { id, at } => {
                write!(f, "forget {id} at")?;
                at.iter().try_for_each(|target| write!(f, " {target}"))
            }
        }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converged => f.write_str("converged"),
            Self::Step(step) => step.fmt(f),
            Self::Wait(words) => write!(f, "wait: {words}"),
            Self::Stalled(reason) => write!(f, "stalled: {reason}"),
        }
    }
}

/// What one kind of step has to say.
enum Say {
    Step(RedisStep),
    Stalled(StallReason),
    Wait(String),
    Nothing,
}

/// The single next change that brings `seen` nearer to `wanted`.
///
/// A step of any kind goes before a stall, and a stall before a wait: what can be done is done, and
/// what needs a person is not hidden behind what needs time.
#[must_use]
pub fn next_step(wanted: &Wanted, seen: &Seen) -> Next {
    let map = Map::new(wanted, seen);
    let kinds: [fn(&Map<'_>) -> Say; 6] = [
        ownership::next_slots,
        members::next_meet,
        members::next_replicate,
        ownership::next_failover,
        members::next_forget,
        health::next_wait,
    ];
    let mut stalled = None;
    let mut wait = None;
    for kind in kinds {
        match kind(&map) {
            Say::Step(step) => return Next::Step(step),
            Say::Stalled(reason) => stalled = stalled.or(Some(reason)),
            Say::Wait(words) => wait = wait.or(Some(words)),
            Say::Nothing => {}
        }
    }
    stalled.map(Next::Stalled).or(wait.map(Next::Wait)).unwrap_or(Next::Converged)
}

#[cfg(test)]
mod tests;
