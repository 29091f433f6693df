//! How many hashers there are to be, from the work that callers offer.
//!
//! Utilisation is the work offered (counted once, at the pod that the caller spoke to, refused work
//! included) over the capacity that is there, of all pools together: any hasher may get any request.
//! A pool gets as many pods as bring it to its target, at once when they are more, and when they are
//! fewer only after everything that was asked for in the stabilisation window was less. The rules of
//! the Kubernetes `HorizontalPodAutoscaler` (tolerance, missing data), on a figure that it cannot see:
//! CPU says nothing of work that was refused.
//!
//! Missing data never takes a pod away: what cannot be read starts the window anew.

mod history;

use std::collections::BTreeMap;

use authcluster_contract::node::NodeId;
use k8s_openapi::jiff::Timestamp;

use super::seen::{Known, Observed};
use super::validate::{Pool, Scaling, Validated};

pub use history::History;

/// Within this share of the target, in percent, a pool stays as it is: the tolerance of the
/// `HorizontalPodAutoscaler`. Offered work of the same users differs by some percent between any two
/// windows.
const TOLERANCE_PERCENT: u128 = 10;

/// What is remembered of each pool, by its label.
pub type Histories = BTreeMap<String, History>;

/// What callers ask for, and what there is to do it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Work offered, in units per second.
    pub offered: u64,
    /// Capacity of the pods that get work, in units per second; never 0.
    pub capacity: u64,
    /// Pods that get work, by pool.
    pub serving: BTreeMap<String, u32>,
    /// Pods that are ready and get none (their node is cordoned, say), by pool: they are not counted
    /// on.
    pub idle: BTreeMap<String, u32>,
    /// Whether every ready pod has told its figures. With some missing, the work offered may be more.
    pub complete: bool,
}

impl Load {
    /// Work offered, in percent of the capacity.
    #[must_use]
    pub fn utilization_percent(&self) -> u64 {
        let percent = u128::from(self.offered) * 100 / u128::from(self.capacity.max(1));
        u64::try_from(percent).unwrap_or(u64::MAX)
    }
}

/// How many pods each pool gets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Autoscaled {
    /// What is to be remembered for the next time.
    pub histories: Histories,
    /// Changes of a pool's number, in words, each from what its Deployment has now.
    pub changes: Vec<String>,
    /// What `spec.hasher.replicas` is to be, so that whoever takes over the number (a person, a
    /// `HorizontalPodAutoscaler`) begins with the one in force. `None` when it is that already, or does
    /// not count because there are pools.
    pub scale: Option<u32>,
}

/// Sets the number of pods of each pool that is scaled by load, and says what changed.
#[must_use]
pub fn autoscale(wanted: &mut Validated, observed: &Observed, now: Timestamp) -> Autoscaled {
    let load = load(observed);
    let mut scaled = Autoscaled::default();
    let cluster = wanted.name.clone();
    for pool in &mut wanted.pools {
        let Some(scaling) = pool.scaling else { continue };
        let seen = observed.kubernetes.deployment(&cluster, pool);
        let current = seen.map_or(pool.replicas, |seen| u32::try_from(seen.replicas).unwrap_or(0));
        let before = observed.histories.get(pool.label()).cloned().unwrap_or_default();
        let asked = load.as_ref().ok().map(|load| asked(pool, scaling, current, load));
        let (replicas, history) = before.decide(scaling, current, asked, now);
        if seen.is_some() && replicas != current {
            scaled.changes.push(words(pool, current, replicas, load.as_ref().ok()));
        }
        if pool.name.is_none() && pool.replicas != replicas {
            scaled.scale = Some(replicas);
        }
        pool.replicas = replicas;
        scaled.histories.insert(pool.label().to_owned(), history);
    }
    scaled
}

/// What the load asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Pods, unbounded.
    pub replicas: u32,
    /// Whether it may be fewer than there are.
    pub complete: bool,
}

fn asked(pool: &Pool, scaling: Scaling, current: u32, load: &Load) -> Asked {
    let of = |pods: &BTreeMap<String, u32>| pods.get(pool.label()).copied().unwrap_or(0);
    let (serving, idle) = (of(&load.serving), of(&load.idle));
    if serving == 0 {
        // Nothing of this pool is measured, so nothing is known of how many it takes.
        return Asked { replicas: current, complete: false };
    }
    let needed = u128::from(load.offered) * 100;
    let target = u128::from(load.capacity) * u128::from(scaling.target_percent);
    let near = needed.abs_diff(target) * 100 <= target * TOLERANCE_PERCENT;
    let replicas = if near {
        current
    } else {
        let exact = (u128::from(serving) * needed).div_ceil(target.max(1));
        u32::try_from(exact).unwrap_or(u32::MAX).saturating_add(idle)
    };
    Asked { replicas, complete: load.complete }
}

/// The load as the hashers tell it.
///
/// # Errors
/// Why it is not known.
pub fn load(observed: &Observed) -> Result<Load, String> {
    let (nodes, weights) = match (&observed.nodes, &observed.weights) {
        (Known::Known(nodes), Known::Known(weights)) => (nodes, weights),
        (Known::Unknown(why), _) | (_, Known::Unknown(why)) => return Err(why.clone()),
    };
    let mut load = Load {
        offered: 0,
        capacity: 0,
        serving: BTreeMap::new(),
        idle: BTreeMap::new(),
        complete: true,
    };
    for (name, pod) in &observed.kubernetes.hasher_pods {
        let node: Option<NodeId> = name.parse().ok();
        let record = node.as_ref().and_then(|node| nodes.get(node));
        // A pod on its way out has still been offered work that others will be offered next.
        load.offered = load.offered.saturating_add(record.map_or(0, |record| record.offered));
        if !pod.ready || pod.terminating {
            continue;
        }
        let weight = node.as_ref().and_then(|node| weights.get(node));
        let (Some(_), Some(weight)) = (record, weight) else {
            load.complete = false;
            continue;
        };
        let pool = pod.pool.clone().unwrap_or_default();
        let counted = if weight.is_drain() { &mut load.idle } else { &mut load.serving };
        *counted.entry(pool).or_default() += 1;
        load.capacity = load.capacity.saturating_add(weight.get());
    }
    if load.capacity == 0 {
        return Err("no hasher has told its capacity".to_owned());
    }
    Ok(load)
}

fn words(pool: &Pool, current: u32, replicas: u32, load: Option<&Load>) -> String {
    let which = pool.name.as_ref().map_or(String::new(), |name| format!(" of pool {name}"));
    let why = load.map_or("the bounds changed".to_owned(), |load| {
        format!(
            "{} of {} units/s are offered ({} %)",
            load.offered,
            load.capacity,
            load.utilization_percent()
        )
    });
    format!("hashers{which} from {current} to {replicas}: {why}")
}

#[cfg(test)]
mod tests;
