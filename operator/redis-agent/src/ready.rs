//! `ready`: whether the pod counts for disruption budgets and roll-outs.
//!
//! Ready is a primary with slots that has its data loaded, and a replica that hears from its primary
//! and has copied all of it. A node without slots is not: were it ready, a drain could take
//! the node with the only copy of the data while this one is still empty. Formation does not wait for
//! readiness: the operator goes by addresses, and the headless Service publishes them before.

use crate::args::Settings;
use crate::copies::{self, ServeError};
use crate::files::{self, FileError};
use crate::link;
use crate::nodes::{Listed, listed, myself};
use crate::resp::{Node, RespError, field};
use crate::users::User;

/// Why the pod is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// A file of the agent.
    #[error(transparent)]
    File(#[from] FileError),
    /// The server does not answer.
    #[error("the server does not answer")]
    Server(#[from] RespError),
    /// Nobody can copy its data.
    #[error(transparent)]
    Copies(#[from] ServeError),
    /// What is missing.
    #[error("{0}")]
    State(&'static str),
}

/// Asks the server of this pod, and lets others copy its data once that is safe.
///
/// # Errors
/// Why the pod is not ready.
pub fn ready(settings: &Settings) -> Result<(), NotReady> {
    let passwords = files::passwords(&settings.users)?;
    let user = User::Operator;
    let mut node = Node::connect(settings.address(), user.name(), passwords.of(user))?;
    let info = node.ask(&["INFO"])?;
    let nodes = listed(&node.ask(&["CLUSTER", "NODES"])?);
    let judged = judge(&info, &nodes);
    copies::serve_when_due(settings, &nodes, &mut node)?;
    judged.map_or(Ok(()), |why| Err(NotReady::State(why)))
}

/// Why a node is not ready, by what it says of itself.
#[must_use]
pub fn judge(info: &str, nodes: &[Listed]) -> Option<&'static str> {
    if field(info, "loading") != Some("0") {
        return Some("the data set is being loaded");
    }
    let Some(me) = myself(nodes) else { return Some("the node does not know itself") };
    if me.replica_of.is_none() {
        return (!me.has_slots).then_some("the node owns no slots and replicates nobody");
    }
    link::problem(info)
}

#[cfg(test)]
mod tests {
    //! Who is ready.

    use super::judge;
    use crate::nodes::listed;

    #[test]
    fn t12_ready_is_a_node_that_has_its_data() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let primary = format!("{a} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-9");
        let fresh = format!("{a} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected");
        let replica = format!("{a} 10.0.0.1:6379@16379 myself,slave {b} 0 0 1 connected");
        let check = |info: &str, nodes: &str| judge(info, &listed(nodes)).is_none();
        assert!(check("loading:0\r\n", &primary));
        assert!(!check("loading:1\r\n", &primary));
        assert!(!check("loading:0\r\n", &fresh));
        let up = "loading:0\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:0\r\n\
                  master_sync_in_progress:0\r\n";
        assert!(check(up, &replica));
        assert!(!check(&up.replace(":up", ":down"), &replica));
        assert!(!check(&up.replace("progress:0", "progress:1"), &replica));
        assert!(!check(up, ""));
    }
}
