//! Hashing as a job that any pod can do: what there is to do, on which terms, and how it came out.
//!
//! [`Local`] does it on this pod's lanes. The router does the same through other pods, behind the
//! same [`Work`], and the peer endpoint calls exactly [`Local::run`]. A refusal says how long the
//! earliest lane is busy; it is an answer, not a failure.

mod local;
mod routed;
mod started;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use authcluster_contract::secret::Password;
use authcluster_contract::user::UserKey;
use futures::future::BoxFuture;

use crate::formats::argon2::Salt;
use crate::formats::{Stored, Wrappable};
use crate::policy::breaker::State;
use crate::policy::pricing::Quote;
use crate::policy::pricing::steps::Demand;
use crate::policy::rehash::Policy;
use crate::store::NodeEntry;

pub use self::local::{Identity, Local};
pub use self::routed::Routed;
pub use self::started::HashStarted;

/// How a job comes out, in the end.
pub type WorkFuture<'a> = BoxFuture<'a, Result<Outcome, WorkError>>;

/// Whoever gets jobs done.
pub trait Work: Send + Sync + 'static {
    /// Does one job before its deadline, or refuses. The user finds the user's home pod; any pod does
    /// without one.
    fn compute<'a>(&'a self, who: Option<&'a Who>, job: Job, deadline: Instant) -> WorkFuture<'a> {
        self.compute_marking(who, job, deadline, HashStarted::default())
    }

    /// The same, and sets the flag when a hashing worker begins or may begin.
    fn compute_marking<'a>(
        &'a self,
        who: Option<&'a Who>,
        job: Job,
        deadline: Instant,
        started: HashStarted,
    ) -> WorkFuture<'a>;

    /// What a computation is worth on this pod, now.
    fn quote(&self, demand: Demand) -> Quote;

    /// The nodes that share the work, as this pod knows them; itself, when it is alone.
    fn nodes(&self) -> Vec<Known>;
}

/// One node in this pod's eyes.
#[derive(Clone, Debug)]
pub struct Known {
    /// What was read of it; of itself, what this pod knows.
    pub entry: NodeEntry,
    /// Its circuit breaker and how long that has been so; `None` for this pod itself.
    pub breaker: Option<(State, Duration)>,
}

/// Whose job it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The user.
    pub user: UserKey,
    /// The user's request comes from an address that this user has logged in from.
    pub known: bool,
}

impl Who {
    /// A user from anywhere.
    #[must_use]
    pub fn unknown(user: UserKey) -> Self {
        Self { user, known: false }
    }
}

/// One piece of work, with everything that it needs. Passwords are the bytes that the caller sent:
/// whoever computes normalises them.
#[derive(Clone, Debug)]
pub enum Job {
    /// Make a new Argon2id hash.
    Hash {
        /// The password.
        password: Password,
        /// What it is made with.
        policy: Policy,
    },
    /// Compare a password with a stored hash.
    Verify {
        /// The password.
        password: Password,
        /// The hash, within this pod's bounds.
        stored: Arc<Stored>,
    },
    /// Put Argon2id around a stored hash of an older function.
    Wrap {
        /// The hash, taken apart.
        legacy: Wrappable,
        /// What it is wrapped in.
        policy: Policy,
        /// The salt of Argon2id; drawn without.
        salt: Option<Salt>,
    },
}

impl Job {
    /// What one computation takes.
    #[must_use]
    pub fn demand(&self) -> Demand {
        match self {
            Self::Hash { policy, .. } | Self::Wrap { policy, .. } => policy.cost.into(),
            Self::Verify { stored, password } => stored.demand(password.expose().len()),
        }
    }

    /// How often it may be computed: a verify whose password is not in NFC may need a second try.
    #[must_use]
    pub fn tries_max(&self) -> u32 {
        match self {
            Self::Verify { password, .. } if crate::formats::nfc(password).is_some() => 2,
            Self::Hash { .. } | Self::Verify { .. } | Self::Wrap { .. } => 1,
        }
    }
}

/// What whoever hands over a job can live with.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The job must be finished by then.
    pub deadline: Instant,
    /// Refuse instead of keeping the job longer than this beyond what it takes at best.
    pub wait_max: Option<Duration>,
    /// Set when a hashing worker begins the job.
    pub started: HashStarted,
}

impl Terms {
    /// To be finished by then, however long the job waits; without an observer of its start.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, wait_max: None, started: HashStarted::default() }
    }
}

/// A finished job.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The new hash, a PHC string or a wrapped one.
    Hashed(String),
    /// Whether the password is the stored one.
    Verified(bool),
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hashed(_) => "Hashed(..)",
            Self::Verified(_) => "Verified(..)",
        })
    }
}

/// A job that was not done because there is too much to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Time until the earliest lane is free.
    pub wait: Duration,
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// No lane can finish it in time.
    #[error("no lane can finish in time; the earliest is free in {} ms", .0.wait.as_millis())]
    Refused(Refused),
    /// Too many jobs of this user are under way; final, wherever it is said.
    #[error("too many jobs of this user are under way")]
    UserBusy,
    /// It went wrong; names no content.
    #[error("the hash could not be computed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The work that callers have offered at this pod since it started, shed work included: counted
/// once, at the pod that the caller spoke to. Its rate tells the autoscaler what is wanted.
#[derive(Debug, Default)]
pub struct Offered(AtomicU64);

impl Offered {
    /// Adds one request's work.
    pub fn add(&self, units: Units) {
        self.0.fetch_add(units.0, Ordering::Relaxed);
    }

    /// All of it so far; it only grows.
    #[must_use]
    pub fn total(&self) -> Units {
        Units(self.0.load(Ordering::Relaxed))
    }
}
