//! What one Redis node said of itself and of the others. `observe` fills these in; nothing here
//! reads or decides.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use authcluster_contract::slots::SlotSet;

use super::PodName;

/// The id that a Redis node made for itself: 40 hexadecimal digits. Never made by us.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedisId(String);

/// A text that is no id of a Redis node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a Redis node: {0:?}")]
pub struct RedisIdError(String);

impl RedisId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RedisId {
    type Err = RedisIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RedisIdError(text.to_owned()))
        }
    }
}

impl fmt::Display for RedisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was read from every pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// By pod. A pod that is missing was not read.
    pub nodes: BTreeMap<PodName, NodeSeen>,
}

/// What was read from one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeSeen {
    /// It could not be read; the words say why. It may hold slots and data.
    Unknown(String),
    /// It said this.
    Known(Box<NodeState>),
}

/// What one node said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeState {
    /// Its id.
    pub id: RedisId,
    /// The address that it announces, if it knows one.
    pub ip: Option<IpAddr>,
    /// The highest epoch that it has heard of.
    pub current_epoch: u64,
    /// The epoch of its own claim on its slots; a replica repeats its primary's.
    pub my_epoch: u64,
    /// Its role.
    pub role: Role,
    /// The slots that it says are its own.
    pub slots: SlotSet,
    /// Whether a migration of a slot is open at it, in either direction.
    pub open_slots: bool,
    /// Keys that it holds.
    pub keys: u64,
    /// Whether its `cluster_state` is `ok`.
    pub cluster_ok: bool,
    /// The address that it copies from, if it is a replica. Redis may keep an old one when it has
    /// long learned of the primary's new one, and never connect again (redis/redis#14633).
    pub copies_from: Option<IpAddr>,
    /// Where its replication stream stands, in bytes.
    pub replication_offset: u64,
    /// Its view of every other node, those in a handshake left out: they have no true id yet.
    pub peers: BTreeMap<RedisId, PeerView>,
    /// Whether it knows nobody, not even through a handshake.
    pub isolated: bool,
}

impl NodeState {
    /// The primary that it replicates.
    #[must_use]
    pub fn replica_of(&self) -> Option<&RedisId> {
        match &self.role {
            Role::Primary => None,
            Role::Replica { of, link: _ } => Some(of),
        }
    }

    /// Whether it holds nothing: no slots, no keys, no peers, no primary.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.isolated && self.slots.is_empty() && self.keys == 0 && self.role == Role::Primary
    }
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A primary, with or without slots.
    Primary,
    /// A replica.
    Replica {
        /// Of this primary.
        of: RedisId,
        /// Its replication.
        link: Link,
    },
}

/// The state of a replica's replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Connected, the first copy is complete, and something has come from the primary lately.
    Up,
    /// Not connected, or copying.
    Down,
}

/// One node's view of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Its address; `None` when it is not known (`noaddr`).
    pub ip: Option<IpAddr>,
    /// Whether it is taken to live: connected, and neither failed nor suspected.
    pub alive: bool,
    /// Its epoch.
    pub epoch: u64,
    /// The primary that it is taken to replicate.
    pub replica_of: Option<RedisId>,
    /// The slots that it is taken to own.
    pub slots: SlotSet,
}
