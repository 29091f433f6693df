//! Whether others may copy this node's data.
//!
//! A replica looks for its primary at an address, and does not ask who answers there. When the pod of
//! a primary comes back empty at its old address, by its container's restart or because its address was
//! given to it again, the replicas would connect to it and copy the emptiness over the last data there
//! is. So a node that starts without slots and without a primary refuses them: the user `replication`
//! may not ask for a copy. They try again every second.
//!
//! It may from the moment when the node has slots or a primary of its own: then whoever asks is in the
//! right place. `ready`, which the kubelet runs every few seconds, sees to it. Redis closes connections
//! when it reads its users again, once in the life of a node.

use std::path::PathBuf;

use crate::args::Settings;
use crate::files::{self, FileError};
use crate::nodes::{Listed, myself};
use crate::resp::{Node, RespError};

/// Whether others may copy this node's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// They may.
    Served,
    /// They may not yet.
    Withheld,
}

/// Why the users were not read again.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file of the agent.
    #[error(transparent)]
    File(#[from] FileError),
    /// The server.
    #[error("the server does not read its users again")]
    Server(#[from] RespError),
}

/// What a node may do that is seen like this, by itself or in its `nodes.conf`.
#[must_use]
pub fn copies(nodes: &[Listed]) -> Copies {
    match myself(nodes) {
        Some(me) if me.has_slots || me.replica_of.is_some() => Copies::Served,
        Some(_) | None => Copies::Withheld,
    }
}

/// The file with the users as they are once copies are served. It is there as long as they are not.
#[must_use]
pub fn pending(settings: &Settings) -> PathBuf {
    settings.run.join("users.pending.acl")
}

/// Serves copies if they were withheld and `nodes` says that it is time. The connection may be closed
/// afterwards.
///
/// # Errors
/// See [`ServeError`]. The next call tries again.
pub fn serve_when_due(
    settings: &Settings,
    nodes: &[Listed],
    node: &mut Node,
) -> Result<(), ServeError> {
    if copies(nodes) == Copies::Withheld {
        return Ok(());
    }
    let pending = pending(settings);
    let Some(users) = files::read_if_there(&pending)? else { return Ok(()) };
    files::write_private(&settings.acl(), &users)?;
    node.ask(&["ACL", "LOAD"])?;
    Ok(files::remove(&pending)?)
}

#[cfg(test)]
mod tests {
    //! Who may be copied from.

    use super::{Copies, copies};
    use crate::nodes::listed;

    #[test]
    fn only_a_node_with_a_place_is_copied() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let check = |me: &str| copies(&listed(&format!("{a} 10.0.0.1:6379@16379 {me}")));
        assert_eq!(check("myself,master - 0 0 1 connected 0-9"), Copies::Served);
        assert_eq!(check(&format!("myself,slave {b} 0 0 1 connected")), Copies::Served);
        assert_eq!(check("myself,master - 0 0 1 connected"), Copies::Withheld);
        assert_eq!(check("master - 0 0 1 connected 0-9"), Copies::Withheld);
        assert_eq!(copies(&[]), Copies::Withheld);
    }
}
