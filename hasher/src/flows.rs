//! What each call does, step by step: the order is here, the rules are in `policy`.
//!
//! An unknown user and a wrong password take the same steps, cost the same work and get the same
//! answer.

mod inspect;
mod limits;
mod login;
mod password;
mod session;

use std::sync::Arc;
use std::time::{Duration, Instant};

use authcluster_contract::config::Sessions;
use authcluster_contract::cost::Cost;
use authcluster_contract::http::{BreakerState, BreakerView, NodeView, NodesReply};
use authcluster_contract::node::NodeId;
use authcluster_contract::user::UserKeyMaker;
use authcluster_contract::weights::Weight;

pub use self::login::LoginAnswer;
use crate::auth::Caller;
use crate::clock;
use crate::error::ApiError;
use crate::formats::argon2::{Argon2Hash, OUTPUT_BYTES, SALT_BYTES, Variant, Version};
use crate::formats::{Bounds, Stored};
use crate::limits::Limiter;
use crate::policy::breaker::State;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::work::{Job, Known, Offered, Outcome, Work};

pub use self::inspect::describe;

/// Everything that the flows need of this pod.
pub struct Service {
    /// Whoever does the hashing.
    pub work: Arc<dyn Work>,
    /// Where sessions are.
    pub store: Arc<dyn Store>,
    /// Who may try to log in, and how much work callers may ask for.
    pub limits: Arc<Limiter>,
    /// Work that callers have offered here.
    pub offered: Arc<Offered>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Turns names into keys.
    pub keys: UserKeyMaker,
    /// This pod.
    pub node: NodeId,
    /// What a new hash costs.
    pub cost: Cost,
    /// What a stored hash may cost.
    pub bounds: Bounds,
    /// How long sessions live.
    pub sessions: Sessions,
    /// Time that a request may take.
    pub deadline: Duration,
    /// Worked on when there is no such user.
    pub nobody: Arc<Stored>,
}

/// A stored hash of this cost that no password matches, because its output is random.
///
/// # Errors
/// The system has no randomness to give.
pub fn nobody(cost: Cost, bounds: &Bounds) -> Result<Stored, ApiError> {
    let hash = Argon2Hash {
        variant: Variant::Id,
        version: Version::V0x13,
        cost,
        salt: clock::random_bytes::<SALT_BYTES>()?.to_vec(),
        output: clock::random_bytes::<OUTPUT_BYTES>()?.to_vec(),
    };
    Ok(Stored::parse(&hash.encode(), bounds)?)
}

impl Service {
    /// When a request that arrived now is to be done: in the time that its caller gives it, at most in
    /// the configured one.
    #[must_use]
    pub fn deadline(&self, given: Option<Duration>) -> Instant {
        clock::now() + given.map_or(self.deadline, |given| given.min(self.deadline))
    }

    /// Counts what a caller asks for, unless that is more than it may.
    fn offer(&self, caller: &Caller, job: Job) -> Result<Job, ApiError> {
        self.limits.spend(caller, job.units())?;
        self.offered.add(job.units());
        Ok(job)
    }

    /// The nodes that this pod knows.
    #[must_use]
    pub fn nodes(&self) -> NodesReply {
        let nodes = self.work.nodes().into_iter().map(|Known { entry, breaker }| NodeView {
            node: entry.node.to_string(),
            lanes: entry.record.lanes,
            weight: entry.weight.map_or(entry.record.capacity(), Weight::get),
            load: entry.load.unwrap_or_default().0,
            version: entry.record.version,
            breaker: breaker.map(breaker_view),
        });
        NodesReply { node: self.node.to_string(), nodes: nodes.collect() }
    }
}

fn breaker_view((state, since): (State, Duration)) -> BreakerView {
    let state = match state {
        State::Closed => BreakerState::Closed,
        State::Open => BreakerState::Open,
        State::HalfOpen => BreakerState::HalfOpen,
    };
    BreakerView { state, since_seconds: since.as_secs() }
}

/// A job came out as another kind than it was.
#[derive(Debug, thiserror::Error)]
#[error("a job of one kind came out as another")]
struct WrongOutcome;

fn verified(outcome: &Outcome) -> Result<bool, ApiError> {
    match outcome {
        Outcome::Verified(matches) => Ok(*matches),
        Outcome::Hashed(_) => Err(ApiError::internal(WrongOutcome)),
    }
}
