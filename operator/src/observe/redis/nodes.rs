//! What every Redis node says of itself and of the others. A node that does not answer is unknown, and
//! may hold anything.

use std::collections::BTreeMap;
use std::net::IpAddr;

use futures::future::join_all;

use crate::error::chain;
use crate::plan::topology::{
    NodeSeen, NodeState, NodeTexts, ParseError, PodName, RedisId, Seen, parse_node,
};
use crate::redis_client::{self, Access, Node, cluster};

/// Why a node is unknown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not answer.
    #[error(transparent)]
    Client(#[from] redis_client::Error),
    /// It cannot be understood.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// Asks all of them at once.
pub async fn observe_nodes(access: &Access, pods: &BTreeMap<PodName, IpAddr>) -> Seen {
    let read = pods.iter().map(|(pod, ip)| async move {
        let state = observe_node(access, pod, *ip).await;
        let seen = match state {
            Ok(state) => NodeSeen::Known(Box::new(state)),
            Err(error) => NodeSeen::Unknown(chain(&error)),
        };
        (pod.clone(), seen)
    });
    doubt_doubles(Seen { nodes: join_all(read).await.into_iter().collect() })
}

async fn observe_node(access: &Access, pod: &PodName, ip: IpAddr) -> Result<NodeState, Error> {
    observe_state(&mut access.connect(pod, ip).await?).await
}

/// What the node on this connection says.
///
/// # Errors
/// No answer, or one that cannot be understood.
pub async fn observe_state(node: &mut Node) -> Result<NodeState, Error> {
    let mut asked = ::redis::pipe();
    asked.add_command(cluster("INFO"));
    asked.add_command(cluster("NODES"));
    asked.cmd("INFO").arg("replication");
    asked.cmd("DBSIZE");
    let (cluster_info, nodes, info, keys): (String, String, String, u64) =
        node.ask_all("CLUSTER NODES", &asked).await?;
    let texts = NodeTexts { nodes: &nodes, cluster_info: &cluster_info, info: &info, keys };
    Ok(parse_node(&texts)?)
}

/// One node cannot be two pods. When it answers for two, a pod is gone and its address is another's
/// by now, and which one that is shows only when Kubernetes has caught up.
fn doubt_doubles(mut seen: Seen) -> Seen {
    let mut counts: BTreeMap<RedisId, usize> = BTreeMap::new();
    for node in seen.nodes.values() {
        if let NodeSeen::Known(state) = node {
            *counts.entry(state.id.clone()).or_default() += 1;
        }
    }
    for node in seen.nodes.values_mut() {
        if let NodeSeen::Known(state) = node
            && counts.get(&state.id).is_some_and(|count| *count > 1)
        {
            *node = NodeSeen::Unknown(format!("{} answers for another pod as well", state.id));
        }
    }
    seen
}

#[cfg(test)]
mod tests;
