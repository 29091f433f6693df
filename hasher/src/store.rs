//! The state that pods share, behind one trait: `store/memory.rs` is the store of a pod that is alone,
//! `store/redis.rs` the one of many. Both pass the checks of `store/conformance.rs`.
//!
//! The only place that may name a Redis client. A store decides nothing: rules are in `policy`.
//! Times to live are durations, and the store's own clock counts them down, so that pods with
//! different clocks agree (sourcegraph#56826).

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod limits;
pub mod memory;
pub mod migrations;
pub mod nodes;
pub mod redis;
pub mod sessions;

use futures::future::BoxFuture;

use self::sessions::seal::SealError;
use crate::clock::RandomError;

pub use self::limits::LimitStore;
pub use self::migrations::MigrationStore;
pub use self::nodes::{NodeEntry, NodeStore};
pub use self::sessions::{
    ListedSession, LiveSession, RotatedSession, Session, SessionSettings, SessionStore,
};

/// What a call to the store comes to, in the end.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Everything that pods share.
pub trait Store: SessionStore + NodeStore + LimitStore + MigrationStore {
    /// Whether the store answers. Costs nothing.
    fn standing(&self) -> Standing;
}

/// Whether the store answers, with the reason when it does not, in words for the team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It answers.
    Reachable,
    /// It answered before.
    Lost(String),
    /// It has not answered since this program started.
    NeverReached(String),
}

impl Standing {
    /// Refuses what would fail anyway, before anyone has paid for it.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] unless the store answers.
    pub fn check(self) -> Result<(), StoreError> {
        match self {
            Self::Reachable => Ok(()),
            Self::Lost(reason) | Self::NeverReached(reason) => {
                Err(StoreError::Unreachable(reason.into()))
            }
        }
    }
}

/// Why the store did not answer. Names no key and no content.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No node of the cluster answered for this slot in time.
    #[error("the shared store cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store answered with something that cannot be.
    #[error("the shared store holds a value that makes no sense")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Too few replicas have a write that must outlive its primary. It may be there, and may be lost.
    #[error("{got} of the {wanted} replicas that must have a write have it")]
    NotReplicated {
        /// How many must have it.
        wanted: u32,
        /// How many have it.
        got: u32,
    },
    /// The store has no memory left for what was to be written.
    #[error("the shared store is full")]
    Full,
    /// One shard holds both copies of a critical session.
    #[error("one shard of the shared store holds both slots of a critical session")]
    CriticalUnavailable,
    /// A session cannot be sealed or opened.
    #[error("the seal of a session")]
    Seal(#[from] SealError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}
