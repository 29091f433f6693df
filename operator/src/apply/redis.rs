//! Takes one step on Redis. Makes no choices; refuses what is no longer what the step was made for.
//!
//! * A node is asked for its id first: its address may be another's by now.
//! * Every command that changes something starts only while the lease lasts longer than it may take.
//! * Every step may be sent twice, and by two operators at once.
//! * Nothing here, and nothing that the user `operator` may say, destroys data.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ::redis::Cmd;
use authcluster_contract::slots::SlotSet;
use futures::future::join_all;

use crate::clock::Clock;
use crate::lease::Fence;
use crate::observe::redis::nodes::{self, observe_state};
use crate::plan::topology::{NodeState, PodName, RedisId, RedisStep, Role, Target};
use crate::redis_client::{self, ANSWER_TIMEOUT, Access, Node, cluster};

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no way to reach Redis.
    #[error("there is no password of Redis yet")]
    Unreachable,
    /// The lease does not last long enough to begin a write.
    #[error("the lease ends too soon to begin a write")]
    Fenced,
    /// A node did not answer, or refused.
    #[error(transparent)]
    Client(#[from] redis_client::Error),
    /// A node's answer cannot be understood.
    #[error(transparent)]
    Node(#[from] nodes::Error),
    /// The address is another's by now.
    #[error("at the address of {pod} is node {found}, not {expected}")]
    OtherNode {
        /// The pod.
        pod: PodName,
        /// Who was to be there.
        expected: RedisId,
        /// Who is there.
        found: RedisId,
    },
    /// A replica cannot own slots or be replicated.
    #[error("{0} is no primary")]
    NotPrimary(PodName),
    /// Slots that are to be given away have an owner.
    #[error("{pod} takes {owner} for the owner of slots that it is to get")]
    Owned {
        /// Who was to get them.
        pod: PodName,
        /// Their owner.
        owner: RedisId,
    },
}

/// Proof that this process leads, for the writes of one pass.
#[derive(Clone, Copy)]
pub struct Leading<'a> {
    /// How long it leads.
    pub fence: &'a Fence,
    /// Until now.
    pub clock: Clock,
}

impl Leading<'_> {
    /// Whether a write that may take `timeout` can begin.
    #[must_use]
    pub fn allows(self, timeout: Duration) -> bool {
        self.fence.allows(self.clock.instant(), timeout)
    }
}

/// Takes the step.
///
/// # Errors
/// See [`Error`]. Some of a step's commands may have been taken then; the step that the next pass
/// derives goes on from there.
pub async fn apply_step(
    access: &Access,
    leading: Leading<'_>,
    step: &RedisStep,
) -> Result<(), Error> {
    match step {
        RedisStep::SetConfigEpoch { at, epoch } => {
            let (mut hand, state) = Hand::on(access, leading, at).await?;
            if state.my_epoch != 0 {
                return Ok(());
            }
            let mut command = cluster("SET-CONFIG-EPOCH");
            hand.write("CLUSTER SET-CONFIG-EPOCH", command.arg(*epoch)).await
        }
        RedisStep::BumpEpoch { at } => {
            let (mut hand, _) = Hand::on(access, leading, at).await?;
            hand.write("CLUSTER BUMPEPOCH", &cluster("BUMPEPOCH")).await
        }
        RedisStep::AddSlots { at, slots, from } => {
            add_slots(access, leading, at, slots, from).await
        }
        RedisStep::Meet { at, other } => {
            let (mut hand, _) = Hand::on(access, leading, at).await?;
            Hand::on(access, leading, other).await?;
            hand.write("CLUSTER MEET", &meet(other.ip, access.port())).await
        }
        RedisStep::Replicate { at, of } => {
            let (_, primary) = Hand::on(access, leading, of).await?;
            if primary.role != Role::Primary {
                return Err(Error::NotPrimary(of.pod.clone()));
            }
            let (mut hand, state) = Hand::on(access, leading, at).await?;
            // Said again it would break the connection. One that copies from an old address has
            // none that is worth keeping.
            if state.replica_of() == Some(&of.id) && state.copies_from == Some(of.ip) {
                return Ok(());
            }
            let mut command = cluster("REPLICATE");
            hand.write("CLUSTER REPLICATE", command.arg(of.id.as_str())).await
        }
        RedisStep::FailOver { at } => {
            let (mut hand, state) = Hand::on(access, leading, at).await?;
            if state.role == Role::Primary {
                return Ok(());
            }
            // Without its primary, but by the votes of the others.
            hand.write("CLUSTER FAILOVER", cluster("FAILOVER").arg("FORCE")).await
        }
        RedisStep::Forget { id, at } => {
            // At all of them at once: within 60 s of the first one's forgetting, the last one must
            // have forgotten too, or it tells the first of it again.
            let forgotten = at.iter().map(|target| forget(access, leading, target, id));
            join_all(forgotten).await.into_iter().collect()
        }
    }
}

/// Gives slots to a primary that takes nobody but the nodes of `from` for their owner.
async fn add_slots(
    access: &Access,
    leading: Leading<'_>,
    at: &Target,
    slots: &SlotSet,
    from: &BTreeSet<RedisId>,
) -> Result<(), Error> {
    let (mut hand, state) = Hand::on(access, leading, at).await?;
    if state.role != Role::Primary {
        return Err(Error::NotPrimary(at.pod.clone()));
    }
    let mut taken = SlotSet::empty();
    for (owner, view) in &state.peers {
        let theirs = view.slots.intersection(slots);
        if theirs.is_empty() {
            continue;
        }
        if !from.contains(owner) {
            return Err(Error::Owned { pod: at.pod.clone(), owner: owner.clone() });
        }
        taken = taken.union(&theirs);
    }
    // A node gives itself only slots that, by its own view, nobody owns.
    if !taken.is_empty() {
        let command = with_ranges(cluster("DELSLOTSRANGE"), &taken);
        hand.write("CLUSTER DELSLOTSRANGE", &command).await?;
    }
    let missing = slots.difference(&state.slots);
    if missing.is_empty() {
        return Ok(());
    }
    let command = with_ranges(cluster("ADDSLOTSRANGE"), &missing);
    hand.write("CLUSTER ADDSLOTSRANGE", &command).await
}

async fn forget(
    access: &Access,
    leading: Leading<'_>,
    target: &Target,
    id: &RedisId,
) -> Result<(), Error> {
    let (mut hand, state) = Hand::on(access, leading, target).await?;
    if !state.peers.contains_key(id) {
        return Ok(());
    }
    hand.write("CLUSTER FORGET", cluster("FORGET").arg(id.as_str())).await
}

fn meet(ip: IpAddr, port: u16) -> Cmd {
    let mut command = cluster("MEET");
    command.arg(ip.to_string()).arg(port);
    command
}

fn with_ranges(mut command: Cmd, slots: &SlotSet) -> Cmd {
    for range in slots.ranges() {
        command.arg(range.first.get()).arg(range.last.get());
    }
    command
}

/// A connection to the very node that a step is for.
struct Hand<'a> {
    node: Node,
    leading: Leading<'a>,
}

impl<'a> Hand<'a> {
    /// Connects, and makes sure of the node's id. Returns what the node says now, too.
    async fn on(
        access: &Access,
        leading: Leading<'a>,
        target: &Target,
    ) -> Result<(Self, NodeState), Error> {
        let mut node = access.connect(&target.pod, target.ip).await?;
        let state = observe_state(&mut node).await?;
        if state.id != target.id {
            return Err(Error::OtherNode {
                pod: target.pod.clone(),
                expected: target.id.clone(),
                found: state.id,
            });
        }
        Ok((Self { node, leading }, state))
    }

    /// Sends a command that changes something.
    async fn write(&mut self, name: &'static str, command: &Cmd) -> Result<(), Error> {
        if !self.leading.allows(ANSWER_TIMEOUT) {
            return Err(Error::Fenced);
        }
        Ok(self.node.ask(name, command).await?)
    }
}
