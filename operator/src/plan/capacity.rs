//! The capacity weight of each hasher, as it is to stand in Redis.
//!
//! A weight is what the node measured of itself, times its pool's share. It is zero when the pod is on
//! its way out, or its Kubernetes node is cordoned, not ready or short of memory: then routers send
//! nothing new. A measured speed is never twice the same, so a weight stands until it is wrong by a
//! tenth: routers keep the homes of users, and nothing is written in the steady state. Never are all weights zero: that would only tell every router to do what it thinks
//! best, so the ones that still stand keep theirs. This protects against a drain of everything, not
//! against hashers that lie about their speed: they are trusted with passwords already.

use std::collections::{BTreeMap, BTreeSet};

use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::weights::Weight;

use super::Validated;
use super::seen::{Known, KubernetesSeen, Observed, PodSeen};

/// What to do about weights, and what to say of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Weights to write, and nodes to remove.
    pub changes: BTreeMap<NodeId, Option<Weight>>,
    /// Whether every hasher's weight stands in Redis.
    pub state: CapacityState,
    /// The sum of all weights, in units per second; `None` when it is not known.
    pub total: Option<u64>,
}

/// Whether every hasher's weight stands in Redis. Values that only changed do not count: they are
/// written in the same pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapacityState {
    /// It does.
    Pushed,
    /// These ready pods have not registered themselves yet.
    NodesMissing(Vec<String>),
    /// These nodes have no weight yet.
    WeightsMissing(Vec<String>),
    /// Redis could not be read.
    Unknown(String),
}

/// The weights that follow from what was seen.
#[must_use]
pub fn plan_capacity(wanted: &Validated, observed: &Observed) -> Capacity {
    let (nodes, weights) = match (&observed.nodes, &observed.weights) {
        (Known::Known(nodes), Known::Known(weights)) => (nodes, weights),
        (Known::Unknown(why), _) | (_, Known::Unknown(why)) => {
            let state = CapacityState::Unknown(why.clone());
            return Capacity { changes: BTreeMap::new(), state, total: None };
        }
    };
    let kubernetes = &observed.kubernetes;
    let desired = desired(wanted, kubernetes, nodes, weights);
    let gone = nodes
        .keys()
        .chain(weights.keys())
        .filter(|node| !kubernetes.hasher_pods.contains_key(node.as_str()))
        .map(|node| (node.clone(), None));
    let changed = desired
        .iter()
        .filter(|(node, weight)| weights.get(*node) != Some(*weight))
        .map(|(node, weight)| (node.clone(), Some(*weight)));
    let state = state(kubernetes, nodes, weights, &desired);
    let total = desired.values().map(|weight| weight.get()).fold(0, u64::saturating_add);
    Capacity { changes: gone.chain(changed).collect(), state, total: Some(total) }
}

fn state(
    kubernetes: &KubernetesSeen,
    nodes: &BTreeMap<NodeId, NodeRecord>,
    weights: &BTreeMap<NodeId, Weight>,
    desired: &BTreeMap<NodeId, Weight>,
) -> CapacityState {
    let registered: BTreeSet<&str> = nodes.keys().map(NodeId::as_str).collect();
    let unregistered: Vec<String> = kubernetes
        .hasher_pods
        .iter()
        .filter(|(name, pod)| pod.ready && !pod.terminating && !registered.contains(name.as_str()))
        .map(|(name, _)| name.clone())
        .collect();
    if !unregistered.is_empty() {
        return CapacityState::NodesMissing(unregistered);
    }
    let missing: Vec<String> = desired
        .keys()
        .filter(|node| !weights.contains_key(*node))
        .map(ToString::to_string)
        .collect();
    if missing.is_empty() { CapacityState::Pushed } else { CapacityState::WeightsMissing(missing) }
}

/// The weight of each pod that has registered itself.
fn desired(
    wanted: &Validated,
    kubernetes: &KubernetesSeen,
    nodes: &BTreeMap<NodeId, NodeRecord>,
    standing: &BTreeMap<NodeId, Weight>,
) -> BTreeMap<NodeId, Weight> {
    let offered: Vec<(NodeId, &PodSeen, Weight)> = nodes
        .iter()
        .filter_map(|(node, record)| {
            let pod = kubernetes.hasher_pods.get(node.as_str())?;
            let standing = standing.get(node).copied();
            let weight = match offer(wanted, pod, record) {
                Some(offered) => steady(standing, offered),
                None => standing.unwrap_or(Weight::DRAIN),
            };
            Some((node.clone(), pod, weight))
        })
        .collect();
    let weigh = |may_serve: &dyn Fn(&PodSeen) -> bool| -> BTreeMap<NodeId, Weight> {
        offered
            .iter()
            .map(|(node, pod, weight)| {
                (node.clone(), if may_serve(pod) { *weight } else { Weight::DRAIN })
            })
            .collect()
    };
    let some_serve = |weights: &BTreeMap<NodeId, Weight>| weights.values().any(|w| !w.is_drain());
    let drained = weigh(&|pod| !pod.terminating && is_fit(kubernetes, pod));
    if some_serve(&drained) {
        return drained;
    }
    let staying = weigh(&|pod| !pod.terminating);
    if some_serve(&staying) { staying } else { BTreeMap::new() }
}

/// What the node can sustain, times its pool's share. `None` for a pod of a pool that is gone: it keeps
/// what it has until its successors serve.
fn offer(wanted: &Validated, pod: &PodSeen, record: &NodeRecord) -> Option<Weight> {
    let pool = pod.pool.as_deref();
    let pool = wanted.pools.iter().find(|candidate| Some(candidate.label()) == pool)?;
    let share = record.capacity().saturating_mul(u64::from(pool.capacity_percent)) / 100;
    Some(Weight::from_capacity(share))
}

/// The weight that stands, unless it is wrong by a tenth or more, or one of the two is a drain.
fn steady(standing: Option<Weight>, offered: Weight) -> Weight {
    match standing {
        Some(standing) if !standing.is_drain() && !offered.is_drain() => {
            let change = standing.get().abs_diff(offered.get());
            if change.saturating_mul(10) < standing.get() { standing } else { offered }
        }
        Some(_) | None => offered,
    }
}

/// Whether the pod's Kubernetes node is to get work. A node that is gone is not.
fn is_fit(kubernetes: &KubernetesSeen, pod: &PodSeen) -> bool {
    pod.node
        .as_ref()
        .and_then(|node| kubernetes.nodes.get(node))
        .is_some_and(|node| node.ready && !node.cordoned && !node.memory_pressure)
}

#[cfg(test)]
mod tests;
