//! Steps that make the pods one cluster: who knows whom, who replicates whom, who is forgotten.

use authcluster_contract::slots::SlotSet;

use super::map::{Map, Node};
use super::seen::{Link, RedisId, Role};
use super::{RedisStep, Say, StallReason};

/// Makes pods known to each other, and new addresses of known ones.
///
/// From one node, the anchor, to all: it tells the rest. When all pods moved at once no node can
/// reach another until the anchor is told. Where the anchor is right and another node holds an old
/// address, that node is told as well: gossip would need the node timeout for it.
pub(super) fn next_meet(map: &Map<'_>) -> Say {
    let joined: Vec<&Node<'_>> = map.nodes.iter().filter(|node| !map.is_reserved(node)).collect();
    if let Some(node) = joined.iter().find(|node| node.state.ip.is_some_and(|ip| ip != node.ip)) {
        return Say::Wait(format!("{} announces another address than its pod's", node.pod));
    }
    let known_pods = |node: &Node<'_>| {
        joined.iter().filter(|other| node.view_of(&other.state.id).is_some()).count()
    };
    let order =
        |node: &&&Node<'_>| (!node.claims(), std::cmp::Reverse(known_pods(node)), node.pod.clone());
    let Some(anchor) = joined.iter().min_by_key(order) else { return Say::Nothing };
    let others = || joined.iter().filter(|other| other.state.id != anchor.state.id);
    for other in others() {
        let ip = anchor.view_of(&other.state.id).and_then(|view| view.ip);
        if ip != Some(other.ip) {
            let (at, other) = (anchor.target(), other.target());
            return Say::Step(RedisStep::Meet { at, other });
        }
    }
    for node in others() {
        for other in joined.iter().filter(|other| other.state.id != node.state.id) {
            if let Some(view) = node.view_of(&other.state.id)
                && view.ip != Some(other.ip)
            {
                return Say::Step(RedisStep::Meet { at: node.target(), other: other.target() });
            }
        }
    }
    Say::Nothing
}

/// Makes the nodes without slots replicas of the owner of their shard.
pub(super) fn next_replicate(map: &Map<'_>) -> Say {
    let mut wait = Say::Nothing;
    for node in &map.nodes {
        let owners = map.owners(node.at.shard);
        let [owner] = owners.as_slice() else { continue };
        if node.state.id == owner.state.id || follows(node, owner) {
            continue;
        }
        match replicate(map, node, owner) {
            Say::Step(step) => return Say::Step(step),
            Say::Stalled(reason) => wait = Say::Stalled(reason),
            Say::Wait(words) if matches!(wait, Say::Nothing) => wait = Say::Wait(words),
            Say::Wait(_) | Say::Nothing => {}
        }
    }
    wait
}

/// Whether a node replicates the owner and copies from where it is. One that copies from an old
/// address never connects again by itself: Redis learns of the new one by gossip, and goes on with the
/// old one (redis/redis#14633). Said again, it takes the new one.
fn follows(node: &Node<'_>, owner: &Node<'_>) -> bool {
    let Role::Replica { of, link } = &node.state.role else { return false };
    let elsewhere = node.state.copies_from.is_some_and(|ip| ip != owner.ip);
    *of == owner.state.id && !(elsewhere && *link == Link::Down)
}

fn replicate(map: &Map<'_>, node: &Node<'_>, owner: &Node<'_>) -> Say {
    let pod = node.pod;
    if node.claims() {
        return Say::Wait(format!("{pod} has yet to learn who owns slots now"));
    }
    let knows_owner = node
        .view_of(&owner.state.id)
        .is_some_and(|view| view.ip == Some(owner.ip) && view.replica_of.is_none() && view.alive);
    if !knows_owner {
        return Say::Wait(format!("{pod} has yet to hear of {}", owner.pod));
    }
    match &node.state.role {
        Role::Primary if node.state.keys > 0 => {
            return Say::Stalled(StallReason::KeysWithoutSlots(pod.clone()));
        }
        Role::Primary => {}
        // Only a replica may hold what its primary lost: it stays until it took over.
        Role::Replica { of, link: _ }
            if *of != owner.state.id && is_needed_by_replicas(map, of) =>
        {
            return Say::Wait(format!("{pod} is to take over from {of}"));
        }
        Role::Replica { .. } => {}
    }
    Say::Step(RedisStep::Replicate { at: node.target(), of: owner.target() })
}

/// Whether the id stands for slots that no living pod owns: its replicas are to be elected.
fn is_needed_by_replicas(map: &Map<'_>, id: &RedisId) -> bool {
    let owned = map.nodes.iter().fold(SlotSet::empty(), |all, node| all.union(&node.slots));
    map.node(id).is_none_or(|node| !node.claims())
        && map.views_of(id).any(|view| !view.slots.difference(&owned).is_empty())
}

/// Forgets a node that is no pod any more.
///
/// Only when every pod was read (it could be the one that was not), when it owns nothing in anyone's
/// view (its slots would be left to nobody), when nobody replicates it ("can't forget my master"),
/// and when it is dead (it would introduce itself again).
pub(super) fn next_forget(map: &Map<'_>) -> Say {
    let strangers = map.strangers();
    if strangers.is_empty() || map.holder_unread().is_some() {
        return Say::Nothing;
    }
    let mut wait = Say::Nothing;
    for id in strangers {
        if map.is_alive(id) {
            wait = Say::Wait(format!("{id} is no pod of this cluster and lives in it"));
        } else if may_forget(map, id) {
            let at = map.nodes.iter().filter(|node| node.view_of(id).is_some());
            return Say::Step(RedisStep::Forget {
                id: id.clone(),
                at: at.map(Node::target).collect(),
            });
        }
    }
    wait
}

fn may_forget(map: &Map<'_>, id: &RedisId) -> bool {
    let has_replicas = map.nodes.iter().any(|node| {
        let of_peers = node
            .state
            .peers
            .values()
            .any(|peer| peer.replica_of.as_ref() == Some(id) && peer.alive);
        of_peers || node.state.replica_of() == Some(id)
    });
    let owns = map.views_of(id).any(|view| !view.slots.is_empty());
    let all_owned = map.nodes.iter().fold(SlotSet::empty(), |all, node| all.union(&node.slots));
    !owns && !has_replicas && all_owned == SlotSet::all()
}
