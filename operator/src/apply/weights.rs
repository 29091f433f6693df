//! Writes capacity weights.

use std::collections::BTreeMap;

use authcluster_contract::node::NodeId;
use authcluster_contract::weights::Weight;

use super::Error;
use crate::context::Context;
use crate::observe::World;

/// Writes them.
pub(super) async fn apply_weights(
    _context: &Context,
    _world: &World,
    weights: BTreeMap<NodeId, Option<Weight>>,
) -> Result<(), Error> {
    drop(weights);
    Ok(())
}
