//! The store of a pod that is alone: sessions and nodes in this process's memory.
//!
//! Bounded: when a part is full, what has ended is cleared away, and if that is not enough the new entry
//! is refused. Nothing that still counts is evicted.

mod expiring;
mod limits;
mod migrations;
mod nodes;
mod sessions;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use authcluster_contract::cost::Units;
use authcluster_contract::node::{NodeId, NodeRecord};

pub(crate) use self::limits::MemoryLimits;
use self::migrations::MemoryMigrations;
use self::sessions::Sessions;
use super::{SessionSettings, Standing, Store};

pub use self::sessions::SESSION_BYTES_MAX;

/// Sessions by digest, nodes by name, attempts by subject, migrations by user.
pub struct MemoryStore {
    sessions: Sessions,
    records: Mutex<BTreeMap<NodeId, NodeRecord>>,
    loads: Mutex<BTreeMap<NodeId, (Units, Instant)>>,
    limits: MemoryLimits,
    migrations: MemoryMigrations,
}

impl MemoryStore {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::with(SessionSettings::default(), SESSION_BYTES_MAX)
    }

    /// Empty, with room for so many bytes of sessions.
    #[must_use]
    pub fn with(settings: SessionSettings, session_bytes_max: usize) -> Self {
        Self {
            sessions: Sessions::new(settings, session_bytes_max),
            records: Mutex::default(),
            loads: Mutex::default(),
            limits: MemoryLimits::default(),
            migrations: MemoryMigrations::default(),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
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
