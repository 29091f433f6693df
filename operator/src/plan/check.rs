//! The last look at a plan before it is carried out. The parts that make plans are written not to make
//! such ones; this is what stands between a fault in them and somebody's data.

use std::collections::BTreeMap;

use authcluster_contract::node::NodeId;
use authcluster_contract::weights::Weight;

use super::seen::{Known, ObjectKind, ObjectRef, Observed};
use super::{Plan, Validated, names};

/// A plan that must not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// Something would be made in a namespace, or for a resource, that is on its way out.
    #[error("something would be created while the resource or its namespace is being deleted")]
    CreatesWhileDeleting,
    /// A Redis step without knowledge of Redis.
    #[error("a step on Redis without knowing its state")]
    StepOnUnknown,
    /// Weights without knowledge of the hashers, or of the weights that stand.
    #[error("weights would change without knowing the hashers and the weights that stand")]
    WeightsOnUnknown,
    /// All weights would be zero.
    #[error("every hasher's weight would be zero")]
    AllDrained,
    /// Something that holds data, or that is not ours, or that is wanted, would be deleted.
    #[error("{0} would be deleted")]
    Deletes(ObjectRef),
}

/// Whether `plan` may be carried out.
///
/// # Errors
/// The first reason why not.
pub fn check(plan: &Plan, wanted: &Validated, observed: &Observed) -> Result<(), Unsafe> {
    let leaving = wanted.deleting || observed.kubernetes.namespace_terminating;
    if leaving && (!plan.objects.refs().is_empty() || !plan.secrets.is_empty()) {
        return Err(Unsafe::CreatesWhileDeleting);
    }
    if plan.redis_step.is_some() && observed.redis.known().is_none() {
        return Err(Unsafe::StepOnUnknown);
    }
    check_weights(&plan.weights, observed)?;
    let interest = names::names_of_interest(wanted);
    for object in &plan.deletes {
        let may_go = match object.kind {
            // Whether there are any is the resource's to say.
            ObjectKind::Deployment | ObjectKind::NetworkPolicy => true,
            ObjectKind::Secret => names::is_of_a_caller(&wanted.name, &object.name),
            ObjectKind::ConfigMap
            | ObjectKind::Service
            | ObjectKind::ServiceAccount
            | ObjectKind::PodDisruptionBudget
            | ObjectKind::StatefulSet => false,
        };
        let ours = observed.kubernetes.owned.contains(object);
        if !may_go || !ours || interest.contains(object) {
            return Err(Unsafe::Deletes(object.clone()));
        }
    }
    Ok(())
}

/// Whether some hasher is left with a weight, if one had it.
fn check_weights(
    changes: &BTreeMap<NodeId, Option<Weight>>,
    observed: &Observed,
) -> Result<(), Unsafe> {
    if changes.is_empty() {
        return Ok(());
    }
    let (Known::Known(_), Known::Known(seen)) = (&observed.nodes, &observed.weights) else {
        return Err(Unsafe::WeightsOnUnknown);
    };
    let mut after = seen.clone();
    for (node, weight) in changes {
        match weight {
            Some(weight) => after.insert(node.clone(), *weight),
            None => after.remove(node),
        };
    }
    let writes_zero = changes.values().flatten().any(|weight| weight.is_drain());
    let all_zero = after.values().all(|weight| weight.is_drain());
    if writes_zero && all_zero { Err(Unsafe::AllDrained) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
