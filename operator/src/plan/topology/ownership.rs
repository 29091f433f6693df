//! Steps that give slots an owner: the epochs first, then the slots.
//!
//! A claim on slots wins by its epoch. A fresh node has epoch 0, and the others still know the dead
//! owner at a higher one: their gossip would take the slots away again, and forgetting the dead
//! owner would then leave them to nobody (valkey-io/valkey-operator#197). So the epoch is raised
//! above every rival's before the claim is made.

use std::collections::{BTreeMap, BTreeSet};

use authcluster_contract::slots::SlotSet;

use super::map::{Map, Node};
use super::seen::{PeerView, RedisId, Role};
use super::{RedisStep, Say, StallReason, Storage, layout};

/// What to do about slots that have no owner, or whose owner is not believed.
pub(super) fn next_slots(map: &Map<'_>) -> Say {
    if let Some(node) = map.nodes.iter().find(|node| is_disbelieved(map, node)) {
        return Say::Step(RedisStep::BumpEpoch { at: node.target() });
    }
    let claimed = map
        .nodes
        .iter()
        .filter(|node| node.claims())
        .fold(SlotSet::empty(), |all, node| all.union(&node.state.slots));
    let orphans = SlotSet::all().difference(&claimed);
    if orphans.is_empty() {
        let misplaced = (0..map.wanted.shards).any(|shard| map.owners(shard).len() != 1);
        let all_read = map.unread.is_empty() && map.nodes.iter().all(is_settled);
        return if misplaced && all_read {
            Say::Stalled(StallReason::SlotsMustMove { shards: map.wanted.shards })
        } else {
            Say::Nothing
        };
    }
    if let Some(say) = must_not_give(map, &orphans) {
        return say;
    }
    let free = orphans.difference(&awaited(map));
    if free.is_empty() {
        return await_successors(map);
    }
    give(map, &free)
}

/// Whether someone takes another for the owner of this node's slots, at an epoch that wins, though
/// that other is gone or makes no such claim.
fn is_disbelieved(map: &Map<'_>, node: &Node<'_>) -> bool {
    rivals(map, node, &node.slots).into_iter().any(|(id, epoch)| {
        let refuted = match map.node(id) {
            // A view newer than what the rival itself said proves nothing: it may just have won.
            Some(rival) => {
                rival.state.my_epoch >= epoch
                    && rival.state.slots.intersection(&node.slots).is_empty()
                    && rival.state.replica_of() != Some(&node.state.id)
            }
            None => map.holder_unread().is_none() && !map.is_alive(id),
        };
        refuted && epoch >= node.state.my_epoch
    })
}

/// Who is taken for the owner of any of `slots` beside `node`, with the highest epoch of that view.
fn rivals<'a>(map: &Map<'a>, node: &Node<'_>, slots: &SlotSet) -> BTreeMap<&'a RedisId, u64> {
    let mut rivals = BTreeMap::new();
    for viewer in &map.nodes {
        for (id, view) in &viewer.state.peers {
            if *id != node.state.id && !view.slots.intersection(slots).is_empty() {
                let epoch: &mut u64 = rivals.entry(id).or_default();
                *epoch = view.epoch.max(*epoch);
            }
        }
    }
    rivals
}

/// Whether a node's claim is undisputed: not about to lose slots to one with a higher epoch.
fn is_settled(node: &Node<'_>) -> bool {
    node.state.role != Role::Primary || node.slots == node.state.slots
}

/// Why none of the orphans may be given away now, if there is a reason.
fn must_not_give(map: &Map<'_>, orphans: &SlotSet) -> Option<Say> {
    let wait = |words: String| Some(Say::Wait(words));
    if !map.is_formed() {
        if let Some(id) = map.strangers().into_iter().find(|id| map.is_alive(id)) {
            return Some(Say::Stalled(StallReason::ForeignNode(id.clone())));
        }
        if let Some(unread) = map.unread.first() {
            return wait(format!("the cluster is formed when every pod answers: {}", unread.words));
        }
    }
    for unread in map.unread.iter().filter(|unread| unread.may_hold) {
        if map.owners(unread.shard).is_empty() {
            return wait(format!("slots without an owner may be held by {}", unread.words));
        }
    }
    for viewer in &map.nodes {
        for (id, view) in &viewer.state.peers {
            if view.slots.intersection(orphans).is_empty() {
                continue;
            }
            match map.node(id) {
                Some(owner) if view.epoch > owner.state.my_epoch => {
                    return wait(format!("{} has just become an owner", owner.pod));
                }
                Some(_) => {}
                None if map.is_alive(id) => {
                    return wait(format!("{id} may still live with slots of its own"));
                }
                None => {
                    let same = |ip| ip == view.ip && view.ip.is_some();
                    if let Some(unread) = map.unread.iter().find(|unread| same(unread.ip)) {
                        return wait(format!("slots may be held by {}", unread.words));
                    }
                }
            }
        }
    }
    None
}

/// Slots that a replica is to take over: nobody else may have them.
fn awaited(map: &Map<'_>) -> SlotSet {
    let primaries: BTreeSet<&RedisId> =
        map.nodes.iter().filter_map(|node| node.state.replica_of()).collect();
    primaries
        .into_iter()
        .flat_map(|id| map.views_of(id))
        .fold(SlotSet::empty(), |all, view| all.union(&view.slots))
}

/// Primaries that are left to vote, unless they are too few.
fn voters(map: &Map<'_>) -> Result<usize, StallReason> {
    let alive = map.nodes.iter().filter(|node| !node.slots.is_empty()).count();
    let shards = map.wanted.shards;
    if alive > usize::from(shards / 2) {
        Ok(alive)
    } else {
        Err(StallReason::MajorityLost { alive, shards })
    }
}

/// Has a replica ask for votes whose primary is gone without Redis taking it for failed.
///
/// When another node answers at a primary's address, such as an emptied pod that kept it, the others
/// strike the address out, never ask again, and so never find it failed (valkey-io/valkey#1191). No
/// election begins by itself then. The votes are needed all the same, and the one that has copied
/// most asks for them.
pub(super) fn next_failover(map: &Map<'_>) -> Say {
    if map.holder_unread().is_some() || voters(map).is_err() {
        return Say::Nothing;
    }
    let owned = map.nodes.iter().fold(SlotSet::empty(), |all, node| all.union(&node.slots));
    let is_left = |node: &&Node<'_>| {
        node.state.replica_of().is_some_and(|id| {
            let lost =
                |view: &PeerView| view.ip.is_none() && !view.slots.difference(&owned).is_empty();
            map.node(id).is_none() && !map.is_alive(id) && node.view_of(id).is_some_and(lost)
        })
    };
    let left = map.nodes.iter().filter(is_left);
    left.max_by_key(|node| node.state.replication_offset)
        .map_or(Say::Nothing, |node| Say::Step(RedisStep::FailOver { at: node.target() }))
}

/// Waiting for replicas to take over, as long as there are voters.
fn await_successors(map: &Map<'_>) -> Say {
    if let Err(reason) = voters(map) {
        return Say::Stalled(reason);
    }
    Say::Wait("a replica is to take over from a primary that is gone".to_owned())
}

/// The next step that gives `free` slots an owner.
fn give(map: &Map<'_>, free: &SlotSet) -> Say {
    let has_successor = |shard| {
        map.in_shard(shard).any(|node| {
            node.state.replica_of().is_some_and(|id| map.views_of(id).any(|v| !v.slots.is_empty()))
        })
    };
    let mut held: BTreeMap<u16, SlotSet> = BTreeMap::new();
    let mut empty = Vec::new();
    for shard in 0..map.wanted.shards {
        let owners = map.owners(shard);
        let slots = owners.iter().fold(SlotSet::empty(), |all, node| all.union(&node.slots));
        if !owners.is_empty() {
            held.insert(shard, slots);
        } else if !has_successor(shard) {
            empty.push(shard);
        }
    }
    if let Some(shard) = empty.first()
        && map.wanted.formed
        && map.wanted.storage == Storage::Persistent
        && !map.wanted.data_loss_accepted
    {
        return Say::Stalled(StallReason::DataLost { shard: *shard });
    }
    let dealt = layout::deal(free, &held, &empty, map.wanted.shards);
    let Some((shard, slots)) = dealt.into_iter().next() else {
        return Say::Wait("slots have no owner, and no shard can take them".to_owned());
    };
    let Some(node) = choose(map, shard) else {
        return Say::Stalled(StallReason::NoPrimaryLeft { shard });
    };
    if node.state.keys > 0 && node.slots.is_empty() {
        return Say::Stalled(StallReason::KeysWithoutSlots(node.pod.clone()));
    }
    claim(map, node, slots)
}

/// The node of a shard that gets slots: the owner, or the primary-to-be.
///
/// A fresh node with an epoch was chosen before and stays chosen. Otherwise the one on the
/// Kubernetes node with the fewest owners, so that one node down is not a majority down.
fn choose<'m, 'a>(map: &'m Map<'a>, shard: u16) -> Option<&'m Node<'a>> {
    let owners_on = |name: Option<&String>| {
        let beside = |node: &&Node<'_>| !node.slots.is_empty() && node.at.node.as_ref() == name;
        map.nodes.iter().filter(beside).count()
    };
    let may = |node: &&Node<'_>| {
        node.state.role == Role::Primary && (!node.claims() || !node.slots.is_empty())
    };
    map.in_shard(shard).filter(may).min_by_key(|node| {
        let is_chosen = node.state.isolated && node.state.my_epoch > 0;
        (
            node.slots.is_empty(),
            node.state.keys > 0,
            !is_chosen,
            !node.state.isolated,
            node.at.node.as_ref().map_or(0, |name| owners_on(Some(name))),
            node.at.ordinal,
        )
    })
}

/// The next step by which `node` comes to own `slots` beyond dispute.
fn claim(map: &Map<'_>, node: &Node<'_>, slots: SlotSet) -> Say {
    let at = node.target();
    let my_epoch = node.state.my_epoch;
    if node.state.isolated && my_epoch == 0 {
        let epoch = map.epoch_max().saturating_add(1);
        return Say::Step(RedisStep::SetConfigEpoch { at, epoch });
    }
    let rivals = rivals(map, node, &slots);
    if my_epoch == 0 || rivals.values().any(|epoch| *epoch >= my_epoch) {
        return Say::Step(RedisStep::BumpEpoch { at });
    }
    let from = rivals.into_keys().cloned().collect();
    Say::Step(RedisStep::AddSlots { at, slots, from })
}
