//! What work costs in time on a lane of this pod.
//!
//! Two parts. [`rates::Rates`] are measured at start with all lanes busy: how long each function takes here, at
//! each size of memory. [`Price`] is what changes while the pod lives: how much longer work takes than
//! that, moved an eighth of the way towards what each job took. A slow neighbour makes this pod dearer
//! within some ten jobs, so it refuses earlier.
//!
//! What a pod publishes of itself is the work that got done in the last four seconds that lanes were busy. Under
//! a quota of CPU most jobs run at full speed and some wait out a period: of the last ten jobs their mean
//! says little, and routers would move users' homes by it.

pub mod probes;
pub mod propose;
pub mod rates;
pub mod steps;

use std::time::Duration;

use authcluster_contract::cost::Units;
use authcluster_contract::limits::WEIGHT_MAX;

/// One job counts as dearer than at start by no more than this: one that was held up for seconds must not
/// price all others out.
const DEARER_MAX: u64 = 4;

/// One job counts as cheaper than at start by no more than this. What was measured at start is that much too
/// dear where as many others started beside it on the same CPUs.
const CHEAPER_MAX: u64 = 32;

/// The weight of one observation is one in this many. Halved, single jobs show; doubled, a
/// slow-down takes twenty jobs to be noticed.
const MEMORY: u64 = 8;

/// Time of lanes that the speed is of: 40 periods of a CPU quota, so that one more or less does not show.
const SPEED_MEMORY: Duration = Duration::from_secs(4);

/// One job counts as held up by no more than this for the speed. A quota holds a job up for a period, 100 ms:
/// so much, of jobs of 3 ms.
const HELD_UP_MAX: u32 = 32;

/// A factor of one. So fine that a job of a microsecond still moves what is of four seconds.
const ONE: u64 = 1 << 32;

/// What one computation is: work, as it is published, and time on an undisturbed lane here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Work.
    pub units: Units,
    /// Time by the rates at start.
    pub time: Duration,
}

impl Quote {
    /// The same so many times.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        let units = Units(self.units.0.saturating_mul(count.into()));
        Self { units, time: self.time.saturating_mul(count) }
    }
}

/// The price of time on one lane: how much longer jobs take than by the rates at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    unit: Duration,
    /// Actual time over predicted time, times [`ONE`].
    factor: u64,
    /// Predicted time over actual time, of the last [`SPEED_MEMORY`], times [`ONE`].
    pace: u64,
}

impl Price {
    /// The price at start, where a unit of new hashes takes so long.
    #[must_use]
    pub fn at_start(unit: Duration) -> Self {
        Self { unit, factor: ONE, pace: ONE }
    }

    /// Takes notice of what a job took that was to take `predicted` by the rates at start.
    pub fn observe(&mut self, predicted: Duration, took: Duration) {
        let seen = ratio(took, predicted).clamp(ONE / CHEAPER_MAX, ONE * DEARER_MAX);
        self.factor = self.factor - self.factor / MEMORY + seen / MEMORY;
        let took = took.min(predicted.saturating_mul(HELD_UP_MAX));
        self.pace = mixed(self.pace, ratio(predicted, took).min(ONE * CHEAPER_MAX), took);
    }

    /// How long that takes now which takes `predicted` by the rates at start.
    #[must_use]
    pub fn service(&self, predicted: Duration) -> Duration {
        scaled(predicted, self.factor)
    }

    /// How long it takes at the better of this price and the one at start.
    #[must_use]
    pub fn service_at_best(&self, predicted: Duration) -> Duration {
        scaled(predicted, self.factor.min(ONE))
    }

    /// Speed of one lane lately, in units per second; at least one, and no more than a weight can say.
    #[must_use]
    pub fn speed(&self) -> u64 {
        let per_second = 1_000_000_000 * u128::from(self.pace) / u128::from(ONE);
        let speed = per_second / self.unit.as_nanos().max(1);
        u64::try_from(speed).unwrap_or(u64::MAX).clamp(1, WEIGHT_MAX)
    }
}

/// `seen` for so much of [`SPEED_MEMORY`], and `before` for the rest.
fn mixed(before: u64, seen: u64, part: Duration) -> u64 {
    let part = part.min(SPEED_MEMORY);
    let rest = SPEED_MEMORY.saturating_sub(part);
    let sum = u128::from(before) * rest.as_nanos() + u128::from(seen) * part.as_nanos();
    u64::try_from(sum / SPEED_MEMORY.as_nanos()).unwrap_or(u64::MAX)
}

/// One time over another, times [`ONE`].
fn ratio(time: Duration, over: Duration) -> u64 {
    let ratio = time.as_nanos().saturating_mul(ONE.into()) / over.as_nanos().max(1);
    u64::try_from(ratio).unwrap_or(u64::MAX)
}

fn scaled(time: Duration, factor: u64) -> Duration {
    let ns = time.as_nanos().saturating_mul(factor.into()) / u128::from(ONE);
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
