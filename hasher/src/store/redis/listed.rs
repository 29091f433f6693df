//! Reading what other nodes wrote. Pure but for one log line: a record that makes no sense is left
//! out, and never keeps the others from being read.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::weights::Weight;

use crate::clock;

/// Most nodes that are read. Five times the largest cluster that this is meant for; more is a
/// mistake or an attack, and each read of the registry would take longer than its interval.
const NODES_MAX: usize = 1_000;

/// Longest record in bytes. A real one has some 120.
const RECORD_BYTES_MAX: usize = 1_024;

/// Longest version that a record may name, in bytes.
const VERSION_BYTES_MAX: usize = 64;

/// Nonsense is said so often, however much there is.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// The hash `nodes`, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// The nodes whose records make sense, in order of names.
    pub(super) nodes: Vec<(NodeId, NodeRecord)>,
    /// What was left out, and why. Holds no content of Redis but names that are well-formed.
    pub(super) refused: Vec<String>,
}

/// Sorts what makes sense from what does not.
pub(super) fn listed(mut all: Vec<(Vec<u8>, Vec<u8>)>) -> Listed {
    // In order of names, so that all pods leave out the same ones.
    all.sort();
    let mut listed = Listed::default();
    if NODES_MAX < all.len() {
        listed.refused.push(format!("{} nodes, and {NODES_MAX} are read", all.len()));
        all.truncate(NODES_MAX);
    }
    for (name, record) in all {
        match (node_id(&name), node_record(&record)) {
            (Some(node), Ok(record)) => listed.nodes.push((node, record)),
            (Some(node), Err(reason)) => listed.refused.push(format!("record of {node}: {reason}")),
            (None, _) => listed.refused.push("a record under a name that no node has".to_owned()),
        }
    }
    listed
}

fn node_id(name: &[u8]) -> Option<NodeId> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

fn node_record(text: &[u8]) -> Result<NodeRecord, String> {
    if RECORD_BYTES_MAX < text.len() {
        return Err(format!("longer than {RECORD_BYTES_MAX} bytes"));
    }
    // The parser's own words may quote the text.
    let record: NodeRecord = serde_json::from_slice(text).map_err(|_| "not JSON of its shape")?;
    if VERSION_BYTES_MAX < record.version.len() || record.version.contains(char::is_control) {
        return Err("a version that is none".to_owned());
    }
    record.checked().map_err(|error| error.to_string())
}

/// A node's load and weight. A load that is no number is no heartbeat; a weight that is none leaves
/// the node's own word, and is never taken for zero.
pub(super) fn figures(
    node: &NodeId,
    load: Option<&[u8]>,
    weight: Option<&[u8]>,
) -> (Option<Units>, Option<Weight>, Vec<String>) {
    let mut refused = Vec::new();
    let load = load.and_then(|text| {
        let load = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        if load.is_none() {
            refused.push(format!("load of {node}: not a number of units"));
        }
        load.map(Units)
    });
    let weight = weight.and_then(|text| {
        let weight = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        if weight.is_none() {
            refused.push(format!("weight of {node}: not a number of units per second"));
        }
        weight
    });
    (load, weight, refused)
}

/// Says what was left out, once in a while.
#[derive(Debug, Default)]
pub(super) struct Nonsense(Mutex<Option<Instant>>);

impl Nonsense {
    pub(super) fn say(&self, refused: &[String]) {
        let Some(first) = refused.first() else { return };
        let now = clock::now();
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| SAY_AGAIN <= now - said) {
            *said = Some(now);
            tracing::warn!(first, count = refused.len(), "redis holds nodes that make no sense");
        }
    }
}

#[cfg(test)]
mod tests;
