//! Reads what every Redis node of one `AuthCluster` says of itself and of the others, and what the
//! hashers keep there. Reads only.

use std::collections::BTreeMap;

use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::weights::Weight;

use super::kubernetes::live::Live;
use crate::context::Context;
use crate::plan::seen::Known;
use crate::plan::{KubernetesSeen, Validated, topology};

/// What was read from Redis.
pub struct Reading {
    /// What every node said.
    pub topology: Known<topology::Seen>,
    /// The hashers' records.
    pub nodes: Known<BTreeMap<NodeId, NodeRecord>>,
    /// The hashers' weights.
    pub weights: Known<BTreeMap<NodeId, Weight>>,
}

/// Reads Redis.
#[expect(clippy::unused_async, reason = "seam")]
pub async fn observe_redis(
    _context: &Context,
    _wanted: &Validated,
    _seen: &KubernetesSeen,
    _live: &Live,
) -> Reading {
    let unknown = || "not read yet".to_owned();
    Reading {
        topology: Known::Unknown(unknown()),
        nodes: Known::Unknown(unknown()),
        weights: Known::Unknown(unknown()),
    }
}
