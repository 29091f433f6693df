//! The store that pods share: sessions and the registry of nodes on a Redis Cluster.
//!
//! A session is created, read and ended by one script each, so it never lies there without a time
//! to live, and Redis alone says what time it is. The connection is made and mended in the
//! background (`link`): a pod starts without Redis, and each call is bounded (`settings`).

mod breaker;
mod durable;
pub mod limits;
mod link;
mod listed;
mod map;
mod memory;
pub mod migrations;
mod nodes;
mod order;
mod primary;
mod script;
pub mod sessions;
mod settings;
mod shards;
mod watch;

use std::sync::Arc;

use authcluster_contract::config::Redis;
use authcluster_contract::slots::Slot;

use self::link::Link;
use self::listed::Nonsense;
use super::{SessionSettings, Standing, Store, StoreError};
use crate::telemetry::{Metrics, Tasks};

pub use self::settings::SettingsError;

/// Sessions and nodes on a Redis Cluster.
pub struct RedisStore {
    link: Arc<Link>,
    nonsense: Nonsense,
    sessions: SessionSettings,
}

impl RedisStore {
    /// A store that connects in the background, again and again until it succeeds.
    ///
    /// # Errors
    /// A configuration that can never work. A Redis that does not answer is none.
    pub fn start(
        config: &Redis,
        metrics: &Arc<Metrics>,
        tasks: &Tasks,
    ) -> Result<Self, SettingsError> {
        let link = Arc::new(Link::new(config, Arc::clone(metrics))?);
        tasks.spawn("redis", Arc::clone(&link).keep(tasks.stopping()));
        Ok(Self { link, nonsense: Nonsense::default(), sessions: SessionSettings::default() })
    }

    /// The same, with other rules for sessions.
    #[must_use]
    pub fn with_sessions(self, sessions: SessionSettings) -> Self {
        Self { sessions, ..self }
    }
}

impl Store for RedisStore {
    fn standing(&self) -> Standing {
        self.link.standing()
    }
}

fn slot(key: &str) -> Slot {
    Slot::of_key(key.as_bytes())
}

fn corrupt(cause: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Corrupt(cause)
}
