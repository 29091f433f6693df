//! The store of a pod that is alone: sessions and nodes in this process's memory.
//!
//! Bounded, because callers decide how many sessions there are: when it is full, ended sessions are
//! cleared away, and if there is none the new one is refused. Nothing that is valid is evicted.

mod limits;
mod nodes;
mod sessions;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use authcluster_contract::cost::Units;
use authcluster_contract::node::{NodeId, NodeRecord};

pub(crate) use self::limits::MemoryLimits;
use self::sessions::Kept;
use super::{Standing, Store};

/// Most sessions at once. With 4 KiB of data each they take some 450 MiB; without, some 40 MiB.
pub const SESSIONS_MAX: usize = 100_000;

/// Sessions by digest, nodes by name, attempts by subject.
#[derive(Default)]
pub struct MemoryStore {
    sessions: Mutex<BTreeMap<String, Kept>>,
    sessions_max: usize,
    records: Mutex<BTreeMap<NodeId, NodeRecord>>,
    loads: Mutex<BTreeMap<NodeId, (Units, Instant)>>,
    limits: MemoryLimits,
}

impl MemoryStore {
    /// Empty, for at most [`SESSIONS_MAX`] sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::with_room_for(SESSIONS_MAX)
    }

    /// Empty, for at most so many sessions.
    #[must_use]
    pub fn with_room_for(sessions_max: usize) -> Self {
        Self { sessions_max, ..Self::default() }
    }
}

/// Every change of the maps is one call on a map, so a panic leaves it whole.
fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for MemoryStore {
    fn standing(&self) -> Standing {
        Standing::Reachable
    }
}

#[cfg(test)]
mod tests;
