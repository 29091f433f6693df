//! The figures of the shared store: whether it answers, how calls fail, and how full it is.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Metrics;
use super::values::StoreFailure;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
}

/// The figures of the shared store.
#[derive(Debug, Default)]
pub(super) struct StoreMetrics {
    reachable: Gauge,
    failures: Family<Labels, Counter>,
    memory_used: Gauge<u64, AtomicU64>,
    memory_max: Gauge<u64, AtomicU64>,
}

impl StoreMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "1 while Redis answers, and always of a pod without one";
        registry.register("store_reachable", help, self.reachable.clone());
        let help = "Calls to Redis that failed, by kind";
        registry.register("store_failures", help, self.failures.clone());
        let help =
            "Memory in bytes that the fullest Redis primary uses, by its own INFO; 0 = unknown";
        registry.register("redis_memory_used_bytes", help, self.memory_used.clone());
        let help = "maxmemory in bytes of the fullest Redis primary, by its own INFO; 0 = unknown";
        registry.register("redis_memory_max_bytes", help, self.memory_max.clone());
    }
}

impl Metrics {
    /// Whether the shared store answers from now on.
    pub fn store_reachable(&self, is: bool) {
        self.store.reachable.set(i64::from(is));
    }

    /// A call to the shared store failed.
    pub fn store_failed(&self, kind: StoreFailure) {
        self.store.failures.get_or_create(&Labels { kind: kind.as_str() }).inc();
    }

    /// Memory that the fullest primary uses and may use, in bytes; `None` = unknown.
    pub fn store_memory(&self, figures: Option<(u64, u64)>) {
        let (used, max) = figures.unwrap_or_default();
        self.store.memory_used.set(used);
        self.store.memory_max.set(max);
    }
}
