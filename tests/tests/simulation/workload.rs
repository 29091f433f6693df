//! What callers ask for: the same requests for the policy and for the oracle.

use crate::random::{Random, Zipf};
use crate::scenario::Scenario;

/// Nanoseconds of one unit of work on every lane, at full speed.
pub(crate) const UNIT_NS: u64 = 190_000;

/// The mix: share, and nominal milliseconds on one lane. Two Argon2id policies and an old bcrypt of
/// cost 12, in the proportions of a migration under way.
pub(crate) const MIX: [(f64, f64); 3] = [(0.60, 20.0), (0.30, 28.0), (0.10, 220.0)];

/// Spread of actual times around the nominal ones.
const JITTER: f64 = 0.08;

const USERS: u32 = 50_000;
const EXPONENT: f64 = 0.9;

/// The one user that a third of all requests are about, where there is one.
pub(crate) const HOT: u32 = u32::MAX;

/// One request as it arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) at_ns: u64,
    pub(crate) user: u32,
    pub(crate) units: u64,
    /// Actual time over nominal.
    pub(crate) jitter: f64,
    /// Where the Service sends it, and whatever else is drawn.
    pub(crate) draw: u64,
}

impl Arrival {
    /// Time on a lane at full speed.
    pub(crate) fn service_ns(&self) -> u64 {
        (self.units as f64 * UNIT_NS as f64 * self.jitter) as u64
    }
}

pub(crate) fn arrivals(scenario: &Scenario) -> Vec<Arrival> {
    let mut random = Random::new(scenario.seed);
    let zipf = Zipf::new(USERS, EXPONENT);
    let mean_ms: f64 = MIX.iter().map(|(share, ms)| share * ms).sum();
    let lanes: usize = scenario.lanes.iter().sum();
    let between_ns = mean_ms * 1e6 / (scenario.utilisation * lanes as f64);
    let (mut at, mut all) = (0.0, Vec::new());
    loop {
        at += random.exponential(between_ns);
        if at >= scenario.end_ns() as f64 {
            return all;
        }
        let kind = random.unit();
        let ms = if kind < 0.60 {
            MIX[0].1
        } else if kind < 0.90 {
            MIX[1].1
        } else {
            MIX[2].1
        };
        let user = zipf.draw(&mut random);
        let user = if random.unit() < scenario.hot_share() { HOT } else { user };
        let units = (ms * 1e6 / UNIT_NS as f64).round() as u64;
        let (jitter, draw) = (random.jitter(JITTER), random.bits());
        all.push(Arrival { at_ns: at as u64, user, units, jitter, draw });
    }
}
