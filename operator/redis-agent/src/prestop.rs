//! `prestop`: hands a primary over to a replica that has everything before the pod ends, so that clients
//! see a hand-over of milliseconds instead of an election of seconds.
//!
//! A primary that is asked to hand over lets nobody write until its replica has what it has and has been
//! elected. So it is asked only when both take milliseconds: a replica that is behind, as after a cut of
//! the network, is waited for, and so are the other primaries that hand over ([`crate::queue`]).
//!
//! It never keeps the pod from ending: what it could not do, it says.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::args::Settings;
use crate::config::Passwords;
use crate::files::{self, FileError};
use crate::link;
use crate::nodes::{listed, myself};
use crate::queue::Queue;
use crate::resp::{Node, RespError, field};
use crate::users::User;

/// Between two looks at both ends. A hand-over takes some milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long Redis tries to hand over before it gives up (`CLUSTER_MF_TIMEOUT`).
const GIVEN_UP_AFTER: Duration = Duration::from_secs(5);

/// A replica that was not elected is not put to the vote again before so long: four times the node timeout,
/// which the operator sets to 5 s. Asked earlier, it only keeps its primary from writing.
const ELECTION_EVERY: Duration = Duration::from_secs(20);

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
    #[error(
        "no replica answers, or none agrees; the others will have to elect one, if there is any"
    )]
    NoReplica,
    /// All that answer lack something.
    #[error("no replica is in sync after {0:?}; the others will have to elect one")]
    Behind(Duration),
    /// It did not get a turn.
    #[error(
        "other primaries were still handing over after {0:?}; the others will have to elect one"
    )]
    Queued(Duration),
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
    let connect = |address| connect(address, &passwords);
    let mut queue = Queue::new(&me.id, &nodes, &connect);
    let replicas = nodes.iter().filter(|node| node.replica_of.as_ref() == Some(&me.id));
    let mut replicas: Vec<Node> =
        replicas.filter_map(|replica| connect(replica.address?).ok()).collect();
    let mut asked: Option<Instant> = None;
    loop {
        let info = own.ask(&["INFO", "replication"])?;
        if field(&info, "role") == Some("slave") {
            queue.leave();
            std::thread::sleep(REDIRECT_FOR);
            return Ok(Outcome::HandedOver);
        }
        let since = asked.map(|at| at.elapsed());
        if since.is_none_or(|since| since > ELECTION_EVERY) {
            let wanted = offset(&info, "master_repl_offset");
            if ask_one_with(wanted, &mut replicas, &mut queue) {
                asked = Some(Instant::now());
            }
        } else if since.is_some_and(|since| since > GIVEN_UP_AFTER) {
            queue.leave();
        }
        if replicas.is_empty() {
            return Err(PrestopError::NoReplica);
        }
        if begun.elapsed() >= settings.prestop {
            let limit = settings.prestop;
            return Err(match asked {
                Some(_) => PrestopError::TooLong(limit),
                None if queue.has_place() => PrestopError::Queued(limit),
                None => PrestopError::Behind(limit),
            });
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn connect(address: SocketAddr, passwords: &Passwords) -> Result<Node, RespError> {
    let user = User::Operator;
    Node::connect(address, user.name(), passwords.of(user))
}

/// Asks the first replica that has all of its primary up to `offset` to take over, once it is this one's
/// turn; whether it was asked. Those that do not answer, or refuse, are left out from now on.
fn ask_one_with(offset: Option<u64>, replicas: &mut Vec<Node>, queue: &mut Queue<'_>) -> bool {
    let Some(chosen) = first_with(offset, replicas) else {
        // Others need not wait for a replica that is behind.
        queue.leave();
        return false;
    };
    if !queue.is_first() {
        return false;
    }
    let asked = replicas.get_mut(chosen).is_some_and(|it| it.ask(&["CLUSTER", "FAILOVER"]).is_ok());
    if !asked {
        replicas.remove(chosen);
    }
    asked
}

/// The first replica that has all of its primary up to `offset`.
fn first_with(offset: Option<u64>, replicas: &mut Vec<Node>) -> Option<usize> {
    let mut infos = Vec::new();
    replicas.retain_mut(|replica| {
        let info = replica.ask(&["INFO", "replication"]).ok();
        let answers = info.is_some();
        infos.extend(info);
        answers
    });
    infos.iter().position(|info| has_all(info, offset))
}

/// Whether a replica follows its primary, and has all that this had when it was at `wanted`.
fn has_all(info: &str, wanted: Option<u64>) -> bool {
    link::problem(info).is_none()
        && offset(info, "slave_repl_offset").zip(wanted).is_some_and(|(has, wanted)| has >= wanted)
}

fn offset(info: &str, name: &str) -> Option<u64> {
    field(info, name)?.parse().ok()
}
