//! `prestop`: hands a primary over to a replica in sync before the pod ends, so that clients see a
//! hand-over of milliseconds instead of an election of seconds.
//!
//! It never keeps the pod from ending: what it could not do, it says.

use std::time::{Duration, Instant};

use crate::args::Settings;
use crate::config::Passwords;
use crate::files::{self, FileError};
use crate::nodes::{Listed, listed, myself};
use crate::resp::{Node, RespError, field};
use crate::users::User;

/// Between two looks at the own role. A hand-over takes some milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// After a hand-over the server goes on for so long: whoever asks it is told where the slots are now. One
/// that ended at once would leave its callers to find that out by themselves.
const REDIRECT_FOR: Duration = Duration::from_secs(1);

/// Why nothing was handed over.
#[derive(Debug, thiserror::Error)]
pub enum PrestopError {
    /// A file of the agent.
    #[error(transparent)]
    File(#[from] FileError),
    /// The server of this pod.
    #[error("the server does not answer")]
    Server(#[from] RespError),
    /// There is nobody to hand over to.
    #[error("no replica is in sync; the others will have to elect one, if there is any")]
    NoReplica,
    /// It did not come about.
    #[error("the replica has not taken over within {0:?}")]
    TooLong(Duration),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The pod holds no primary with slots.
    NothingToDo,
    /// A replica has taken over.
    HandedOver,
}

/// Hands over, if there is anything to hand over.
///
/// # Errors
/// See [`PrestopError`].
#[expect(clippy::disallowed_methods, reason = "these waits are the agent's own, and bounded")]
pub fn prestop(settings: &Settings) -> Result<Outcome, PrestopError> {
    let passwords = files::passwords(&settings.users)?;
    let begun = Instant::now();
    let mut own = connect(settings.address(), &passwords)?;
    let nodes = listed(&own.ask(&["CLUSTER", "NODES"])?);
    let Some(me) = myself(&nodes) else { return Ok(Outcome::NothingToDo) };
    if me.replica_of.is_some() || !me.has_slots {
        return Ok(Outcome::NothingToDo);
    }
    let replicas = nodes.iter().filter(|node| node.replica_of.as_ref() == Some(&me.id));
    let (mut replica, _) = replicas
        .filter_map(|replica| in_sync(replica, &passwords))
        .max_by_key(|(_, offset)| *offset)
        .ok_or(PrestopError::NoReplica)?;
    replica.ask(&["CLUSTER", "FAILOVER"])?;
    loop {
        if field(&own.ask(&["INFO", "replication"])?, "role") == Some("slave") {
            std::thread::sleep(REDIRECT_FOR);
            return Ok(Outcome::HandedOver);
        }
        if begun.elapsed() >= settings.prestop {
            return Err(PrestopError::TooLong(settings.prestop));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn connect(address: std::net::SocketAddr, passwords: &Passwords) -> Result<Node, RespError> {
    let user = User::Operator;
    Node::connect(address, user.name(), passwords.of(user))
}

/// A connection to a replica and its offset, if it has all data.
fn in_sync(replica: &Listed, passwords: &Passwords) -> Option<(Node, u64)> {
    let mut node = connect(replica.address?, passwords).ok()?;
    let info = node.ask(&["INFO", "replication"]).ok()?;
    let is = |name, value| field(&info, name) == Some(value);
    if !is("master_link_status", "up") || !is("master_sync_in_progress", "0") {
        return None;
    }
    let offset = field(&info, "slave_repl_offset")?.parse().ok()?;
    Some((node, offset))
}
