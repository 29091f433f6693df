//! What follows from what the nodes say, before any decision: who owns which slots, which ids are
//! pods, which nodes may be something that we do not see.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use authcluster_contract::slots::SlotSet;

use super::seen::{NodeSeen, NodeState, PeerView, RedisId, Role, Seen};
use super::{PodAt, PodName, Storage, Target, Wanted};

/// A pod that was read.
pub(super) struct Node<'a> {
    pub(super) pod: &'a PodName,
    pub(super) at: &'a PodAt,
    pub(super) ip: IpAddr,
    pub(super) state: &'a NodeState,
    /// The slots that are its own: those that it claims and no other pod claims at a higher epoch.
    pub(super) slots: SlotSet,
}

impl Node<'_> {
    pub(super) fn target(&self) -> Target {
        Target { pod: self.pod.clone(), ip: self.ip, id: self.state.id.clone() }
    }

    /// Whether it claims slots, its own or not: a primary that has yet to hear of its successor.
    pub(super) fn claims(&self) -> bool {
        self.state.role == Role::Primary && !self.state.slots.is_empty()
    }

    /// How it sees another, if it knows it.
    pub(super) fn view_of(&self, id: &RedisId) -> Option<&PeerView> {
        self.state.peers.get(id)
    }
}

/// A pod that was not read.
pub(super) struct Unread {
    pub(super) shard: u16,
    pub(super) ip: Option<IpAddr>,
    pub(super) words: String,
    /// Whether it may hold slots or data. A pod without storage and without an address does not.
    pub(super) may_hold: bool,
}

/// Everything that was read, put in order.
pub(super) struct Map<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) unread: Vec<Unread>,
}

impl<'a> Map<'a> {
    pub(super) fn new(wanted: &'a Wanted, seen: &'a Seen) -> Self {
        let mut nodes = Vec::new();
        let mut unread = Vec::new();
        for (pod, at) in &wanted.pods {
            match (seen.nodes.get(pod), at.ip) {
                (Some(NodeSeen::Known(state)), Some(ip)) => {
                    nodes.push(Node { pod, at, ip, state, slots: SlotSet::empty() });
                }
                (Some(NodeSeen::Unknown(why)), Some(ip)) => {
                    unread.push(Unread::new(wanted, at.shard, Some(ip), format!("{pod}: {why}")));
                }
                (None, Some(ip)) => {
                    let words = format!("{pod} was not read");
                    unread.push(Unread::new(wanted, at.shard, Some(ip), words));
                }
                (_, None) => {
                    let words = format!("{pod} has no address yet");
                    unread.push(Unread::new(wanted, at.shard, None, words));
                }
            }
        }
        for shard in 0..wanted.shards {
            for ordinal in 0..=wanted.replicas_per_shard {
                if !wanted.pods.values().any(|at| at.shard == shard && at.ordinal == ordinal) {
                    let words = format!("pod {ordinal} of shard {shard} does not exist");
                    unread.push(Unread::new(wanted, shard, None, words));
                }
            }
        }
        settle(&mut nodes);
        Self { wanted, nodes, unread }
    }

    /// Whether the cluster was whole before: by the record, or because there are keys.
    pub(super) fn is_formed(&self) -> bool {
        self.wanted.formed || self.nodes.iter().any(|node| node.state.keys > 0)
    }

    /// The first pod that was not read and may hold something.
    pub(super) fn holder_unread(&self) -> Option<&Unread> {
        self.unread.iter().find(|unread| unread.may_hold)
    }

    pub(super) fn in_shard(&self, shard: u16) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(move |node| node.at.shard == shard)
    }

    /// The nodes of a shard that own slots. One, when all is well.
    pub(super) fn owners(&self, shard: u16) -> Vec<&Node<'a>> {
        self.in_shard(shard).filter(|node| !node.slots.is_empty()).collect()
    }

    pub(super) fn node(&self, id: &RedisId) -> Option<&Node<'a>> {
        self.nodes.iter().find(|node| node.state.id == *id)
    }

    /// Every view that a pod has of `id`.
    pub(super) fn views_of<'b>(&'b self, id: &'b RedisId) -> impl Iterator<Item = &'b PeerView> {
        self.nodes.iter().filter_map(move |node| node.view_of(id))
    }

    /// Whether any pod takes `id` to live.
    pub(super) fn is_alive(&self, id: &RedisId) -> bool {
        self.views_of(id).any(|view| view.alive)
    }

    /// Ids that pods know and no pod that was read has.
    pub(super) fn strangers(&self) -> BTreeSet<&'a RedisId> {
        self.nodes
            .iter()
            .flat_map(|node| node.state.peers.keys())
            .filter(|id| self.node(id).is_none())
            .collect()
    }

    /// Whether a pod is kept apart until its shard has an owner: were it met now, it could be given
    /// no epoch any more before the others tell it who owned the slots.
    pub(super) fn is_reserved(&self, node: &Node<'_>) -> bool {
        node.state.isolated && !node.claims() && self.owners(node.at.shard).is_empty()
    }

    /// The highest epoch that anyone has heard of.
    pub(super) fn epoch_max(&self) -> u64 {
        let of = |node: &Node<'_>| {
            let peers = node.state.peers.values().map(|peer| peer.epoch);
            peers.chain([node.state.current_epoch, node.state.my_epoch]).max().unwrap_or(0)
        };
        self.nodes.iter().map(of).max().unwrap_or(0)
    }
}

impl Unread {
    fn new(wanted: &Wanted, shard: u16, ip: Option<IpAddr>, words: String) -> Self {
        let may_hold = ip.is_some() || wanted.storage == Storage::Persistent || !wanted.formed;
        Self { shard, ip, words, may_hold }
    }
}

/// Gives every slot to the primary that claims it at the highest epoch, as gossip will.
fn settle(nodes: &mut [Node<'_>]) {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|index| nodes.get(*index).map(|node| std::cmp::Reverse(node.state.my_epoch)));
    let mut taken = SlotSet::empty();
    for index in order {
        if let Some(node) = nodes.get_mut(index)
            && node.claims()
        {
            node.slots = node.state.slots.difference(&taken);
            taken = taken.union(&node.state.slots);
        }
    }
}

/// The owner of each slot that has one among the pods that were read, as address and slots.
#[must_use]
pub fn slot_owners(wanted: &Wanted, seen: &Seen) -> BTreeMap<PodName, (IpAddr, SlotSet)> {
    let map = Map::new(wanted, seen);
    map.nodes
        .into_iter()
        .filter(|node| !node.slots.is_empty())
        .map(|node| (node.pod.clone(), (node.ip, node.slots)))
        .collect()
}
