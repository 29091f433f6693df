//! What lanes measured at start, and what they do with their time. Read when metrics are asked for.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::lanes::Spent;
use crate::policy::pricing::rates::{Rates, Row};
use crate::work::Local;

/// A closed set: steps are the code's, and sizes follow from the policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RateLabels {
    step: &'static str,
    memory_kib: u32,
}

#[derive(Debug, Default)]
pub(super) struct LaneMetrics {
    rates: Family<RateLabels, Gauge<u64, AtomicU64>>,
    busy: Counter<f64, AtomicU64>,
    cpu: Counter<f64, AtomicU64>,
}

impl LaneMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Time that a lane takes for one step, as measured at start; memory_kib is 0 where a \
                    step has none";
        registry.register("step_picoseconds", help, self.rates.clone());
        let help = "Time that this pod's lanes had a job";
        registry.register("lane_busy_seconds", help, self.busy.clone());
        let help = "Time that this pod's lanes had a job and a CPU: less than they were busy where a quota or \
                    neighbours hold them up";
        registry.register("lane_cpu_seconds", help, self.cpu.clone());
    }

    /// Takes over what was measured.
    pub(super) fn measured(&self, rates: &Rates) {
        for Row { step, memory_kib, ps } in rates.rows() {
            self.rates.get_or_create(&RateLabels { step, memory_kib }).set(ps);
        }
    }

    /// Takes over this pod's figures of the moment.
    pub(super) fn update(&self, local: &Local) {
        self.measured(local.rates());
        let Spent { busy, cpu } = local.spent();
        self.busy.inc_by((busy.as_secs_f64() - self.busy.get()).max(0.0));
        self.cpu.inc_by((cpu.as_secs_f64() - self.cpu.get()).max(0.0));
    }
}
