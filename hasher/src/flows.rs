//! What each call does, step by step: the order is here, the rules are in `policy`.
//!
//! An unknown user and a wrong password take the same steps, cost the same work and get the same
//! answer.

mod inspect;
mod limits;
mod login;
mod migrate;
mod nobody;
mod password;
mod session;
mod subject;
mod wrap;

use std::sync::Arc;
use std::time::{Duration, Instant};

use authcluster_contract::config::{Migration, Sessions};
use authcluster_contract::http::{BreakerState, BreakerView, NodeView, NodesReply};
use authcluster_contract::node::NodeId;
use authcluster_contract::user::UserKeyMaker;
use authcluster_contract::weights::Weight;

pub use self::login::LoginAnswer;
pub use self::nobody::{Nobody, NobodyError};
use crate::auth::Caller;
use crate::clock;
use crate::error::ApiError;
use crate::formats::Bounds;
use crate::limits::Limiter;
use crate::live::LiveSettings;
use crate::policy::breaker::State;
use crate::policy::pricing::Quote;
use crate::policy::rehash::Policy;
use crate::store::Store;
use crate::telemetry::{Metrics, Tasks};
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
    /// What a new hash is made with.
    pub policy: Policy,
    /// What a stored hash may cost.
    pub bounds: Bounds,
    /// How long sessions live.
    pub sessions: Sessions,
    /// Settings that change while it runs.
    pub live: LiveSettings,
    /// Worked on when there is no such user.
    pub nobody: Nobody,
    /// How users move from old hashes to new ones.
    pub migration: Migration,
    /// Where locks are given back.
    pub tasks: Tasks,
}

impl Service {
    /// When a request that arrived now is to be done: in the time that its caller gives it, at most in
    /// the configured one.
    #[must_use]
    pub fn deadline(&self, given: Option<Duration>) -> Instant {
        let most = Duration::from_millis(u64::from(self.live.current().routing.deadline_ms));
        clock::now() + given.map_or(most, |given| given.min(most))
    }

    /// Counts what a caller asks for, unless that is more than it may.
    fn offer(&self, caller: &Caller, job: Job) -> Result<Job, ApiError> {
        let Quote { units, .. } = self.work.quote(job.demand()).times(job.tries_max());
        self.limits.spend(caller, units)?;
        self.offered.add(units);
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
