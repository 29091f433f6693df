//! Whether the Redis Cluster is what was asked for, said from the topology, never from counts of
//! pods: a cluster whose shard has no replica, or that still lists a dead node, is not ready.

use authcluster_contract::slots::{SLOTS, SlotSet};

use super::map::{Map, Node};
use super::seen::{Link, Role, Seen};
use super::{Say, Wanted};

/// The state of the Redis Cluster, for the status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisHealth {
    /// Slots whose owner lives, claims them and is believed by every node that was read.
    pub slots_covered: usize,
    /// Shards with one owner and all replicas in sync.
    pub shards_ready: u16,
    /// Shards that are wanted.
    pub shards: u16,
    /// Whether every replica that is wanted has its primary's data and is connected to it.
    pub replicas_in_sync: bool,
    /// Whether every pod was read and says `cluster_state:ok`.
    pub cluster_state_ok: bool,
    /// What is not as wanted yet. Empty exactly when there is nothing to do or wait for.
    pub problems: Vec<String>,
    /// What a person may want to know and the operator cannot change now.
    pub notes: Vec<String>,
}

impl RedisHealth {
    /// Whether all slots are served. From here on the cluster may hold data: record it as formed,
    /// durably, before anything else.
    #[must_use]
    pub fn is_formed(&self) -> bool {
        self.slots_covered == usize::from(SLOTS)
    }

    /// Whether it is as wanted.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problems.is_empty()
    }
}

/// How the cluster is.
#[must_use]
pub fn health(wanted: &Wanted, seen: &Seen) -> RedisHealth {
    let map = Map::new(wanted, seen);
    let shard_problems: Vec<Vec<String>> =
        (0..wanted.shards).map(|shard| shard_problems(&map, shard)).collect();
    let ready = shard_problems.iter().filter(|problems| problems.is_empty()).count();
    RedisHealth {
        slots_covered: covered(&map).len(),
        shards_ready: u16::try_from(ready).unwrap_or(u16::MAX),
        shards: wanted.shards,
        replicas_in_sync: (0..wanted.shards).all(|shard| replicas_in_sync(&map, shard)),
        cluster_state_ok: map.unread.is_empty()
            && map.nodes.iter().all(|node| node.state.cluster_ok),
        problems: problems(&map, shard_problems),
        notes: notes(&map),
    }
}

/// The last word of the planner: no step is left, but is it so at every node?
pub(super) fn next_wait(map: &Map<'_>) -> Say {
    let of_shards = (0..map.wanted.shards).map(|shard| shard_problems(map, shard)).collect();
    problems(map, of_shards).into_iter().next().map_or(Say::Nothing, Say::Wait)
}

fn problems(map: &Map<'_>, of_shards: Vec<Vec<String>>) -> Vec<String> {
    let mut words: Vec<String> = map.unread.iter().map(|unread| unread.words.clone()).collect();
    words.extend(of_shards.into_iter().flatten());
    for node in &map.nodes {
        if node.state.open_slots {
            words.push(format!("a slot is half moved at {}", node.pod));
        }
        if !node.state.cluster_ok {
            words.push(format!("{} does not see the cluster as ok", node.pod));
        }
        let troubles: Vec<String> = map
            .nodes
            .iter()
            .filter(|other| other.state.id != node.state.id)
            .filter_map(|other| Some(format!("{} {}", misjudges(node, other)?, other.pod)))
            .collect();
        // One line a node: a cluster of 64 shards that has just started has 16,000 of these.
        match troubles.as_slice() {
            [] => {}
            [trouble] => words.push(format!("{} {trouble}", node.pod)),
            [trouble, more @ ..] => {
                words.push(format!("{} {trouble} (and {} more)", node.pod, more.len()));
            }
        }
    }
    // While a pod was not read, an id without a pod may be its own.
    if map.holder_unread().is_none() {
        let strangers = map.strangers().into_iter();
        words.extend(strangers.map(|id| format!("{id} is no pod and not forgotten")));
    }
    let missing = usize::from(SLOTS).saturating_sub(covered(map).len());
    if missing > 0 {
        words.push(format!("{missing} of {SLOTS} slots are not served"));
    }
    words
}

/// How a node's view of another differs from what that one says of itself.
fn misjudges(node: &Node<'_>, other: &Node<'_>) -> Option<&'static str> {
    let Some(view) = node.view_of(&other.state.id) else { return Some("does not know") };
    if view.ip != Some(other.ip) {
        Some("has an old address of")
    } else if !view.alive {
        Some("does not reach")
    } else if view.replica_of.as_ref() != other.state.replica_of() {
        Some("has yet to hear of the role of")
    } else {
        None
    }
}

/// Slots whose owner is believed by all. A node that holds nothing and knows nobody has no opinion.
fn covered(map: &Map<'_>) -> SlotSet {
    let opinions: Vec<&Node<'_>> = map.nodes.iter().filter(|node| !node.state.is_fresh()).collect();
    let mut covered = SlotSet::empty();
    for owner in &map.nodes {
        let mut believed = owner.slots.clone();
        for node in opinions.iter().filter(|node| node.state.id != owner.state.id) {
            let view = node.view_of(&owner.state.id);
            believed = view.map_or_else(SlotSet::empty, |view| view.slots.intersection(&believed));
        }
        covered = covered.union(&believed);
    }
    covered
}

fn in_sync(node: &Node<'_>, owner: &Node<'_>) -> bool {
    match &node.state.role {
        Role::Replica { of, link } => *of == owner.state.id && *link == Link::Up,
        Role::Primary => false,
    }
}

fn replicas_in_sync(map: &Map<'_>, shard: u16) -> bool {
    let owners = map.owners(shard);
    let [owner] = owners.as_slice() else { return false };
    let replicas = map.in_shard(shard).filter(|node| in_sync(node, owner)).count();
    replicas >= usize::from(map.wanted.replicas_per_shard)
}

fn shard_problems(map: &Map<'_>, shard: u16) -> Vec<String> {
    let owners = map.owners(shard);
    let [owner] = owners.as_slice() else {
        return vec![match owners.len() {
            0 => format!("shard {shard} owns no slots"),
            many => format!("shard {shard} has {many} owners of slots"),
        }];
    };
    let mut words: Vec<String> = map
        .in_shard(shard)
        .filter(|node| node.state.id != owner.state.id && !in_sync(node, owner))
        .map(|node| format!("{} is no replica in sync with {}", node.pod, owner.pod))
        .collect();
    let missing = map.unread.iter().filter(|unread| unread.shard == shard).count();
    if missing > 0 {
        words.push(format!("{missing} pods of shard {shard} do not answer"));
    }
    words
}

fn notes(map: &Map<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for owner in map.nodes.iter().filter(|node| !node.slots.is_empty()) {
        for node in map.in_shard(owner.at.shard) {
            if node.pod != owner.pod && node.at.node.is_some() && node.at.node == owner.at.node {
                notes
                    .push(format!("{} is on the same node as its primary {}", node.pod, owner.pod));
            }
        }
    }
    let split = |slots: &SlotSet| slots.iter().any(|slot| slots.contains(slot.partner()));
    for shard in (0..map.wanted.shards).filter(|_| map.wanted.shards > 1) {
        let owners = map.owners(shard);
        if split(&owners.iter().fold(SlotSet::empty(), |all, node| all.union(&node.slots))) {
            notes.push(format!("shard {shard} holds slots together with their partners"));
        }
    }
    notes
}
