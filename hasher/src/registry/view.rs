//! From what the store says to what the table is made of. Pure.

use crate::policy::routing::NodeSeen;
use crate::store::NodeEntry;

/// The same, in the terms of the policy.
pub(super) fn node_seen(entry: NodeEntry) -> NodeSeen {
    let NodeEntry { node, record, load, weight } = entry;
    NodeSeen { node, record, load, weight }
}

/// The nodes that were read, with this pod as it knows itself: it is always there, and its load is
/// of this moment. Only the operator's weight comes from the store.
pub(super) fn with_own(mut read: Vec<NodeSeen>, own: NodeSeen) -> Vec<NodeSeen> {
    match read.iter_mut().find(|seen| seen.node == own.node) {
        Some(seen) => *seen = NodeSeen { weight: seen.weight, ..own },
        None => read.push(own),
    }
    read
}

#[cfg(test)]
mod tests {
    //! Which word counts.

    use authcluster_contract::cost::Units;
    use authcluster_contract::node::NodeRecord;
    use authcluster_contract::weights::Weight;

    use super::*;

    fn seen(node: &str, lanes: u32, load: Option<u64>, weight: Option<u64>) -> NodeSeen {
        let record = NodeRecord {
            address: ([10, 0, 0, 1], 8444).into(),
            lanes,
            speed: 1,
            offered: 0,
            version: String::new(),
            config: String::new(),
        };
        let weight = weight.map(Weight::from_capacity);
        NodeSeen { node: node.parse().unwrap(), record, load: load.map(Units), weight }
    }

    #[test]
    fn this_pod_is_always_there_as_it_knows_itself() {
        let own = seen("own", 2, Some(5), None);
        let other = seen("other", 1, None, None);
        assert_eq!(with_own(vec![], own.clone()), std::slice::from_ref(&own));
        assert_eq!(with_own(vec![other.clone()], own.clone()), [other.clone(), own.clone()]);
        let stale = seen("own", 9, None, Some(0));
        assert_eq!(
            with_own(vec![stale, other.clone()], own),
            [seen("own", 2, Some(5), Some(0)), other]
        );
    }
}
