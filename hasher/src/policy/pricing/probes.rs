//! What lanes measure at start, and what is made of it.
//!
//! A probe's time is the CPU's, not the clock's: a neighbour that takes the CPU away for ten milliseconds
//! would make one function look ten times dearer than the next. How much of the clock a lane is given is
//! measured over all of them together, and all rates are that much slower ([`Measured::add`]): with a quota, or
//! with more lanes than CPUs, that is the speed there is.

use std::collections::BTreeMap;
use std::time::Duration;

use authcluster_contract::limits::POLICY_MEMORY_MIB_MIN;

use super::steps::Primitive;

/// Largest memory that Argon2 is measured at, in KiB: beyond every cache, and two passes take a
/// tenth of a second.
const ARGON2_KIB_MAX: u32 = 256 * 1024;

/// Smallest, in KiB. Stored hashes with less are rare and cheap.
const ARGON2_KIB_MIN: u32 = 256;

/// Each size of memory is so many times the next smaller one. Within it a block's time moves by a fifth at
/// most.
const APART: u32 = 4;

/// Sizes of memory.
const SIZES: usize = 4;

/// Memory of the functions that need their own, in KiB: within a core's cache, and beyond it.
const HEAPS_KIB: [u32; 2] = [1024, 8 * 1024];

/// Memory that is made and given back to see what that costs, in KiB.
const MAP_KIB: u32 = 4 * 1024;

/// What the program has to spare before it serves, in KiB: a quarter of what it is given beside
/// its arenas.
const SPARE_KIB: u64 = 16 * 1024;

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// A hash of new memory cost and passes.
    Argon2 {
        /// Memory, in KiB.
        memory_kib: u32,
        /// Passes.
        passes: u32,
    },
    /// Steps of another function, at this size of memory.
    Steps {
        /// Of which.
        of: Primitive,
        /// Memory that is made for them, in KiB.
        heap_kib: u32,
    },
    /// Memory that is made and given back.
    Map {
        /// How much, in KiB.
        memory_kib: u32,
    },
}

/// What lanes with arenas of this size measure, the most important first: each at the same time as all
/// others, so that they share caches and bandwidth as they will.
#[must_use]
pub fn probes(lanes: u32, arena_kib: u32, large_kib: u64) -> Vec<Probe> {
    let largest = arena_kib.min(ARGON2_KIB_MAX);
    let sizes = std::iter::successors(Some(largest), |kib| Some(kib / APART));
    let sizes = sizes.take_while(|kib| *kib == largest || ARGON2_KIB_MIN <= *kib).take(SIZES);
    let argon2 =
        sizes.flat_map(|memory_kib| [1, 2].map(|passes| Probe::Argon2 { memory_kib, passes }));
    let fits = |kib: u32| u64::from(lanes) * u64::from(kib) <= large_kib.saturating_add(SPARE_KIB);
    let steps = Primitive::ALL.into_iter().flat_map(|of| match of {
        Primitive::Md4 | Primitive::Sha3 => Vec::new(),
        Primitive::Scrypt | Primitive::Yescrypt => {
            let heaps = HEAPS_KIB.into_iter().filter(|kib| fits(*kib));
            heaps.map(|heap_kib| Probe::Steps { of, heap_kib }).collect()
        }
        Primitive::Blowfish
        | Primitive::Md5
        | Primitive::Sha1
        | Primitive::Sha256
        | Primitive::Sha512
        | Primitive::Des => vec![Probe::Steps { of, heap_kib: 0 }],
    });
    let map = fits(MAP_KIB).then_some(Probe::Map { memory_kib: MAP_KIB });
    argon2.chain(steps).chain(map).collect()
}

/// Argon2 alone, at sizes of memory up to this one, for whoever looks for parameters: each half of the one
/// before.
#[must_use]
pub fn sizes_up_to(arena_kib: u32) -> Vec<Probe> {
    let sizes = std::iter::successors(Some(arena_kib), |kib| Some(kib / 2));
    let sizes = sizes.take_while(|kib| *kib == arena_kib || POLICY_MEMORY_MIB_MIN * 512 <= *kib);
    sizes.flat_map(|memory_kib| [1, 2].map(|passes| Probe::Argon2 { memory_kib, passes })).collect()
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Picoseconds of CPU of each run, for one step; of Argon2, for the whole.
    runs_ps: BTreeMap<Probe, Vec<u64>>,
    cpu: Duration,
    clock: Duration,
}

impl Measured {
    /// One run: so many steps in so much time of the CPU.
    pub fn ran(&mut self, probe: Probe, steps: u64, cpu: Duration) {
        let ps = cpu.as_nanos().saturating_mul(1_000) / u128::from(steps.max(1));
        let ps = u64::try_from(ps).unwrap_or(u64::MAX).max(1);
        self.runs_ps.entry(probe).or_default().push(ps);
    }

    /// One lane's whole time, of the CPU and of the clock.
    pub fn took(&mut self, cpu: Duration, clock: Duration) {
        self.cpu += cpu;
        self.clock += clock;
    }

    /// Another lane's.
    pub fn add(&mut self, other: Self) {
        for (probe, mut runs) in other.runs_ps {
            self.runs_ps.entry(probe).or_default().append(&mut runs);
        }
        self.took(other.cpu, other.clock);
    }

    /// The part of the clock that lanes were given a CPU for, in thousandths.
    #[must_use]
    pub fn cpu_permille(&self) -> u64 {
        let permille = self.cpu.as_nanos().saturating_mul(1_000) / self.clock.as_nanos().max(1);
        u64::try_from(permille).unwrap_or(1_000).clamp(1, 1_000)
    }

    /// The median of one probe, of the clock.
    #[must_use]
    pub fn median(&self, probe: Probe) -> Option<Duration> {
        let ps = *self.medians_ps().get(&probe)?;
        Some(Duration::from_nanos(ps / 1_000))
    }

    /// The median of each probe, in picoseconds of the clock.
    pub(super) fn medians_ps(&self) -> BTreeMap<Probe, u64> {
        let medians = self.runs_ps.iter().filter_map(|(probe, runs)| {
            let mut runs = runs.clone();
            runs.sort_unstable();
            let median = *runs.get(runs.len() / 2)?;
            Some((*probe, median.saturating_mul(1_000) / self.cpu_permille()))
        });
        medians.collect()
    }
}

#[cfg(test)]
mod tests;
