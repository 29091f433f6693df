//! Who is believed.

use super::doubt_doubles;
use crate::plan::topology::{NodeSeen, NodeTexts, PodName, Seen, parse_node};

fn state(letter: &str) -> NodeSeen {
    let nodes =
        format!("{} 10.0.0.1:6379@16379 myself,master - 0 0 0 connected\n", letter.repeat(40));
    let texts = NodeTexts {
        nodes: &nodes,
        cluster_info: "cluster_state:ok\r\ncluster_current_epoch:1\r\ncluster_my_epoch:1\r\n",
        info: "master_repl_offset:0\r\n",
        keys: 0,
    };
    NodeSeen::Known(Box::new(parse_node(&texts).unwrap()))
}

#[test]
fn one_node_is_not_two_pods() {
    let nodes = [("x", state("a")), ("y", state("a")), ("z", state("b"))];
    let nodes = nodes.map(|(pod, seen)| (PodName::new(pod), seen)).into();
    let known = |seen: Seen| {
        let is_known = |seen| matches!(seen, NodeSeen::Known(_));
        seen.nodes.into_values().map(is_known).collect::<Vec<_>>()
    };
    assert_eq!(known(doubt_doubles(Seen { nodes })), [false, false, true]);
}
