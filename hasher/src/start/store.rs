//! Which store a pod has, and whether it shares it.

use std::sync::Arc;

use authcluster_contract::config::HasherConfig;

use crate::registry::{Registry, SharedTable};
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::store::redis::{RedisStore, SettingsError};
use crate::telemetry::{Metrics, Tasks};
use crate::work::Local;

/// Where state is, and who else is there.
pub(super) struct Shared {
    /// Sessions and nodes.
    pub(super) store: Arc<dyn Store>,
    /// The live nodes; `None` = this pod is alone.
    pub(super) table: Option<SharedTable>,
}

/// With `redis`: the shared store, connected in the background, and the registry of nodes. Without:
/// this process's memory.
pub(super) fn open(
    config: &HasherConfig,
    local: &Arc<Local>,
    metrics: &Arc<Metrics>,
    tasks: &Tasks,
) -> Result<Shared, SettingsError> {
    let Some(redis) = &config.redis else {
        metrics.store_reachable(true);
        metrics.nodes(1);
        return Ok(Shared { store: Arc::new(MemoryStore::new()), table: None });
    };
    let store: Arc<dyn Store> = Arc::new(RedisStore::start(redis, metrics, tasks)?);
    let registry = Registry::new(Arc::clone(&store) as _, Arc::clone(local), Arc::clone(metrics));
    let table = registry.table();
    registry.start(tasks);
    Ok(Shared { store, table: Some(table) })
}
