//! Which store a pod has, and whether it shares it.

use std::sync::Arc;

use authcluster_contract::config::HasherConfig;

use crate::live::LiveSettings;
use crate::registry::{Registry, SharedTable};
use crate::store::memory::{MemoryStore, SESSION_BYTES_MAX};
use crate::store::redis::RedisStore;
use crate::store::sessions::seal::Sealer;
use crate::store::{SessionSettings, Store};
use crate::telemetry::{Metrics, Tasks};
use crate::work::Local;

/// Where state is, and who else is there.
pub(super) struct Shared {
    /// Sessions and nodes.
    pub(super) store: Arc<dyn Store>,
    /// The live nodes; `None` = this pod is alone.
    pub(super) table: Option<SharedTable>,
    /// What seals sessions there.
    pub(super) sealer: Option<Arc<Sealer>>,
}

/// With `redis`: the shared store, connected in the background, and the registry of nodes. Without:
/// this process's memory.
pub(super) fn open(
    config: &HasherConfig,
    live: &LiveSettings,
    local: &Arc<Local>,
    metrics: &Arc<Metrics>,
    tasks: &Tasks,
) -> anyhow::Result<Shared> {
    let sessions = SessionSettings::of(&config.sessions, metrics)?;
    let sealer = sessions.sealer.clone();
    let Some(redis) = &config.redis else {
        metrics.store_reachable(true);
        metrics.nodes(1);
        let store = Arc::new(MemoryStore::with(sessions, SESSION_BYTES_MAX));
        return Ok(Shared { store, table: None, sealer });
    };
    let store: Arc<dyn Store> =
        Arc::new(RedisStore::start(redis, metrics, tasks)?.with_sessions(sessions));
    let registry = Registry::new(
        Arc::clone(&store) as _,
        Arc::clone(local),
        live.clone(),
        Arc::clone(metrics),
    );
    let table = registry.table();
    registry.start(tasks);
    Ok(Shared { store, table: Some(table), sealer })
}
