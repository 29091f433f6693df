//! What work costs in time on a lane of this pod.
//!
//! One number: nanoseconds per unit, measured at start with all lanes busy, and then moved an eighth
//! of the way towards what each job took. A slow neighbour makes this pod dearer within some ten
//! jobs, so it refuses earlier and publishes less capacity. Not modelled yet: that a unit of a small
//! hash, which fits the cache, is cheaper than one of a large hash.

pub mod steps;

use std::time::Duration;

use authcluster_contract::cost::Units;
use authcluster_contract::limits::WEIGHT_MAX;

/// Moves are bounded by this factor around the price at start: one job that was held up for
/// seconds must not price all others out.
const DRIFT_MAX: u64 = 4;

/// The weight of one observation is one in this many. Halved, single jobs show; doubled, a
/// slow-down takes twenty jobs to be noticed.
const MEMORY: u64 = 8;

/// The price of work on one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    at_start_ns: u64,
    ns_per_unit: u64,
}

impl Price {
    /// The price at start: `units` took `time`.
    #[must_use]
    pub fn measured(units: Units, time: Duration) -> Self {
        let ns = per_unit_ns(units, time);
        Self { at_start_ns: ns, ns_per_unit: ns }
    }

    /// Takes notice of what a job took.
    pub fn observe(&mut self, units: Units, time: Duration) {
        let seen = per_unit_ns(units, time)
            .clamp(self.at_start_ns / DRIFT_MAX, self.at_start_ns.saturating_mul(DRIFT_MAX));
        let kept = self.ns_per_unit - self.ns_per_unit / MEMORY;
        self.ns_per_unit = kept.saturating_add(seen / MEMORY).max(1);
    }

    /// How long so much work takes now.
    #[must_use]
    pub fn service(&self, units: Units) -> Duration {
        Duration::from_nanos(self.ns_per_unit.saturating_mul(units.0))
    }

    /// How long so much work takes at the better of this price and the one at start.
    #[must_use]
    pub fn service_at_best(&self, units: Units) -> Duration {
        Duration::from_nanos(self.ns_per_unit.min(self.at_start_ns).saturating_mul(units.0))
    }

    /// Speed of one lane, in units per second; at least one, and no more than a weight can say.
    #[must_use]
    pub fn speed(&self) -> u64 {
        (1_000_000_000 / self.ns_per_unit.max(1)).clamp(1, WEIGHT_MAX)
    }
}

fn per_unit_ns(units: Units, time: Duration) -> u64 {
    let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    (ns / units.0.max(1)).max(1)
}

#[cfg(test)]
mod tests;
