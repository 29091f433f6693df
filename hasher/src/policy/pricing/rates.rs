//! How long each function takes on an undisturbed lane here, and so what a computation is worth.
//!
//! [`Rates::measured`] makes them of what lanes measured at start ([`super::probes`]). Argon2's time is not
//! linear in its memory: a block that is in a cache is filled sooner, and the first pass reads less than
//! later ones. So a block's time is known for a few sizes, for the first pass and for the others, and taken
//! from the line between. What was not measured is taken from a table of ratios.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use authcluster_contract::cost::{Cost, Units};

use super::Quote;
use super::probes::{Measured, Probe};
use super::steps::{Demand, Primitive};

/// Time of one unit on the core that the table was measured on, in picoseconds: one MiB-pass of Argon2id at
/// 19 MiB on a Xeon with AVX-512 and SHA instructions.
const NOMINAL_UNIT_PS: u64 = 112_000_000;

/// scrypt's and yescrypt's blocks are slower beyond the caches by so much: 3/2, where only a small memory
/// could be measured. 165 ns at 1 MiB and 300 ns at 128 MiB were seen.
const BEYOND_CACHE: (u64, u64) = (3, 2);

impl Primitive {
    /// Time of one step on the same core, in picoseconds, as it comes in its function: with the
    /// copying and padding around it. `examples/price_formats.rs` shows prices next to times.
    const fn nominal_ps(self) -> u64 {
        match self {
            Self::Blowfish => 53_500_000,
            Self::Md4 => 66_000,
            Self::Md5 => 107_000,
            Self::Sha1 => 58_000,
            Self::Sha256 => 60_000,
            Self::Sha512 => 204_000,
            Self::Sha3 => 430_000,
            Self::Des => 119_000,
            // 165 ns within the cache at N = 2^10, and 300 ns beyond it at 2^17.
            Self::Scrypt => 250_000,
            Self::Yescrypt => 195_000,
        }
    }

    /// Whose rate it follows where there is no function that does much of it, and so nothing to measure.
    const fn like(self) -> Option<Self> {
        match self {
            Self::Md4 => Some(Self::Md5),
            Self::Sha3 => Some(Self::Sha512),
            Self::Blowfish
            | Self::Md5
            | Self::Sha1
            | Self::Sha256
            | Self::Sha512
            | Self::Des
            | Self::Scrypt
            | Self::Yescrypt => None,
        }
    }

    const fn is_memory_hard(self) -> bool {
        matches!(self, Self::Scrypt | Self::Yescrypt)
    }
}

/// Picoseconds at some sizes of memory in KiB, in order; between them along the line, beyond them as
/// at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Curve(Vec<(u32, u64)>);

impl Curve {
    fn flat(ps: u64) -> Self {
        Self(vec![(0, ps)])
    }

    fn at(&self, kib: u32) -> u64 {
        let above = self.0.iter().find(|(at, _)| kib <= *at);
        let below = self.0.iter().rev().find(|(at, _)| *at <= kib);
        match (below, above) {
            (Some((low, from)), Some((high, to))) if low < high => {
                let (part, whole) = (i128::from(kib - low), i128::from(high - low));
                let ps = i128::from(*from) + (i128::from(*to) - i128::from(*from)) * part / whole;
                u64::try_from(ps).unwrap_or(u64::MAX)
            }
            (Some((_, ps)), _) | (None, Some((_, ps))) => *ps,
            (None, None) => 0,
        }
    }
}

/// The rates of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    unit_ps: u64,
    /// Of one block of Argon2, in the first pass and in each of the others.
    first: Curve,
    next: Curve,
    /// What an arena holds, in KiB, and what a KiB costs that is made for one computation.
    arena_kib: u32,
    map_ps: u64,
    steps: BTreeMap<Primitive, Curve>,
}

/// One rate, to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Of which step: `argon2-first` and `argon2-next` are a block in the first and in another pass, `map`
    /// is a KiB of memory made for one computation.
    pub step: &'static str,
    /// At this size of memory, in KiB; 0 = it has none to speak of.
    pub memory_kib: u32,
    /// Time of one step, in picoseconds.
    pub ps: u64,
}

impl Rates {
    /// Those of the table, where nothing was measured: the same everywhere, so what is accepted by its work
    /// on one pod is so on each.
    #[must_use]
    pub fn nominal() -> &'static Self {
        static NOMINAL: LazyLock<Rates> = LazyLock::new(|| {
            let block = Curve::flat(NOMINAL_UNIT_PS / 1024);
            let steps = Primitive::ALL.map(|of| (of, Curve::flat(of.nominal_ps())));
            Rates {
                unit_ps: NOMINAL_UNIT_PS,
                first: block.clone(),
                next: block,
                arena_kib: u32::MAX,
                map_ps: 0,
                steps: steps.into(),
            }
        });
        &NOMINAL
    }

    /// Those that lanes with arenas of `arena_kib` measured. A unit is what it is for `policy`, the cost of a
    /// new hash.
    #[must_use]
    pub fn measured(policy: Cost, arena_kib: u32, measured: &Measured) -> Self {
        let medians = measured.medians_ps();
        let nominal = Self::nominal();
        let (first, next) =
            argon2(&medians).unwrap_or_else(|| (nominal.first.clone(), nominal.next.clone()));
        let map = medians.iter().find(|(probe, _)| matches!(probe, Probe::Map { .. }));
        let mut rates = Self {
            unit_ps: 0,
            // Memory that is new is at least written once.
            map_ps: map.map_or_else(|| first.at(arena_kib), |(_, ps)| *ps),
            first,
            next,
            arena_kib,
            steps: BTreeMap::new(),
        };
        let policy_ps = rates.argon2_ps(policy) / u128::from(policy.units().0.max(1));
        rates.unit_ps = u64::try_from(policy_ps).unwrap_or(u64::MAX).max(1);
        rates.steps = steps(&medians, rates.unit_ps);
        rates
    }

    /// What a computation is worth.
    #[must_use]
    pub fn quote(&self, demand: Demand) -> Quote {
        let Demand { argon2, steps, heap_kib } = demand;
        let steps_ps = steps.map_or(0, |steps| {
            let each = self.steps.get(&steps.of).map_or(0, |curve| curve.at(heap_kib));
            u128::from(steps.count).saturating_mul(each.into())
        });
        let units = steps_ps.div_ceil(self.unit_ps.into());
        let units = Units(u64::try_from(units).unwrap_or(u64::MAX));
        let units = units.saturating_add(argon2.map_or(Units::ZERO, Cost::units));
        let ps = steps_ps.saturating_add(argon2.map_or(0, |cost| self.argon2_ps(cost)));
        let time = Duration::from_nanos(u64::try_from(ps / 1_000).unwrap_or(u64::MAX));
        Quote { units: units.max(Units(1)), time }
    }

    /// Time of one unit of new hashes.
    #[must_use]
    pub fn unit(&self) -> Duration {
        Duration::from_nanos((self.unit_ps / 1_000).max(1))
    }

    /// All of them, to be shown.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let blocks = [("argon2-first", &self.first), ("argon2-next", &self.next)].into_iter();
        let steps = self.steps.iter().map(|(of, curve)| (of.name(), curve));
        let curves = blocks.chain(steps).flat_map(|(step, curve)| {
            curve.0.iter().map(move |(memory_kib, ps)| Row {
                step,
                memory_kib: *memory_kib,
                ps: *ps,
            })
        });
        curves.chain([Row { step: "map", memory_kib: 0, ps: self.map_ps }]).collect()
    }

    fn argon2_ps(&self, cost: Cost) -> u128 {
        let Cost { memory_kib, iterations, .. } = cost;
        let others =
            u128::from(iterations.saturating_sub(1)) * u128::from(self.next.at(memory_kib));
        let map_ps = if memory_kib <= self.arena_kib { 0 } else { self.map_ps };
        let each = u128::from(self.first.at(memory_kib)) + others + u128::from(map_ps);
        each.saturating_mul(memory_kib.into())
    }
}

impl fmt::Display for Rates {
    /// Nanoseconds, as in `argon2-first 19456 KiB 101.3, md5 107.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Row { step, memory_kib, ps }) in self.rows().into_iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let (ns, tenth) = (ps / 1_000, ps % 1_000 / 100);
            match memory_kib {
                0 => write!(f, "{comma}{step} {ns}.{tenth}")?,
                kib => write!(f, "{comma}{step} {kib} KiB {ns}.{tenth}")?,
            }
        }
        Ok(())
    }
}

/// The time of a block, of runs of one and of two passes over the same memory.
fn argon2(medians: &BTreeMap<Probe, u64>) -> Option<(Curve, Curve)> {
    let (mut first, mut next) = (Curve::default(), Curve::default());
    for (probe, one_ps) in medians {
        let Probe::Argon2 { memory_kib, passes: 1 } = *probe else { continue };
        let each = (one_ps / u64::from(memory_kib.max(1))).max(1);
        first.0.push((memory_kib, each));
        if let Some(two_ps) = medians.get(&Probe::Argon2 { memory_kib, passes: 2 }) {
            // Twice measured, twice wrong: what no machine does is not believed.
            let more = two_ps.saturating_sub(*one_ps) / u64::from(memory_kib.max(1));
            next.0.push((memory_kib, more.clamp(each / 2, each.saturating_mul(2))));
        }
    }
    if next.0.is_empty() {
        next = first.clone();
    }
    (!first.0.is_empty()).then_some((first, next))
}

/// The steps of all functions, measured or by the table's ratios.
fn steps(medians: &BTreeMap<Probe, u64>, unit_ps: u64) -> BTreeMap<Primitive, Curve> {
    let measured = |of: Primitive| {
        let points = medians.iter().filter_map(|(probe, ps)| match *probe {
            Probe::Steps { of: other, heap_kib } if other == of => Some((heap_kib, *ps)),
            Probe::Steps { .. } | Probe::Argon2 { .. } | Probe::Map { .. } => None,
        });
        let mut curve = Curve(points.collect());
        if let ([(kib, ps)], true) = (curve.0.as_slice(), of.is_memory_hard()) {
            let beyond = ps.saturating_mul(BEYOND_CACHE.0) / BEYOND_CACHE.1;
            curve.0.push((kib.saturating_mul(8), beyond));
        }
        (!curve.0.is_empty()).then_some(curve)
    };
    let by_ratio = |of: Primitive, other_ps: u64, other_nominal_ps: u64| {
        let ps = u128::from(of.nominal_ps()) * u128::from(other_ps) / u128::from(other_nominal_ps);
        Curve::flat(u64::try_from(ps).unwrap_or(u64::MAX).max(1))
    };
    let rate = |of: Primitive| {
        let like = of.like().and_then(|like| Some((like, measured(like)?.at(0))));
        measured(of)
            .or_else(|| like.map(|(like, ps)| by_ratio(of, ps, like.nominal_ps())))
            .unwrap_or_else(|| by_ratio(of, unit_ps, NOMINAL_UNIT_PS))
    };
    Primitive::ALL.map(|of| (of, rate(of))).into()
}

#[cfg(test)]
mod tests;
