//! Which Argon2id parameters fit a machine: memory first, then passes, as RFC 9106 (section 4) goes about
//! it. Time is what a hash takes while all lanes work; memory is what a pod has for each lane.
//!
//! Memory comes first because it is what an attacker cannot buy cheaply; passes only use the time that is
//! left. Nothing is proposed that OWASP would call weak: a target that asks for it is an error.

use std::time::Duration;

use authcluster_contract::cost::Cost;
use authcluster_contract::limits::{
    POLICY_ITERATIONS_MAX, POLICY_MEMORY_MIB_MAX, POLICY_MEMORY_MIB_MIN,
};

use super::rates::Rates;
use crate::policy::budget::OVERHEAD_KIB;

/// The sets that OWASP's Password Storage Cheat Sheet calls equal, as memory in MiB and passes: with so
/// much memory, so many passes are the least.
pub const FLOOR: [(u32, u32); 5] = [(46, 1), (19, 2), (12, 3), (9, 4), (POLICY_MEMORY_MIB_MIN, 5)];

/// Sizes that are looked at, in MiB: OWASP's, and round ones, at most half as much again apart above 64.
pub const SIZES_MIB: [u32; 17] = [
    POLICY_MEMORY_MIB_MIN,
    9,
    12,
    19,
    32,
    46,
    64,
    96,
    128,
    192,
    256,
    384,
    512,
    768,
    1024,
    1536,
    POLICY_MEMORY_MIB_MAX,
];

/// What is wanted of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Longest time of a hash.
    pub target: Duration,
    /// Hashing threads.
    pub lanes: u32,
    /// Memory of the pod, in KiB.
    pub memory_kib: u64,
}

/// One set of parameters, with one lane of Argon2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Memory, in MiB.
    pub memory_mib: u32,
    /// Passes.
    pub iterations: u32,
    /// Time of a hash while all lanes work.
    pub time: Duration,
}

/// Why nothing can be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// The pod is too small.
    #[error(
        "{lanes} lanes of {POLICY_MEMORY_MIB_MIN} MiB, the least there is, do not fit into {} MiB beside {} MiB for \
         the program: give the pod more memory, or fewer lanes",
        memory_kib / 1024, OVERHEAD_KIB / 1024
    )]
    Memory {
        /// Hashing threads.
        lanes: u32,
        /// Memory of the pod, in KiB.
        memory_kib: u64,
    },
    /// The target is too short for anything that is safe.
    #[error(
        "{} ms is too short on this machine: the quickest set that OWASP calls safe, {} MiB and {} passes, takes \
         {} ms while all lanes work; ask for that or more",
        target.as_millis(), least.memory_mib, least.iterations, ceil_ms(least.time)
    )]
    Target {
        /// What was asked for.
        target: Duration,
        /// What takes the least time and is not weak.
        least: Choice,
    },
}

fn ceil_ms(time: Duration) -> u128 {
    time.as_micros().div_ceil(1_000)
}

/// The most memory that each lane of a pod can have, in KiB.
///
/// # Errors
/// [`ProposeError::Memory`] when that is less than the least there is.
pub fn lane_kib(lanes: u32, memory_kib: u64) -> Result<u32, ProposeError> {
    let kib = memory_kib.saturating_sub(OVERHEAD_KIB) / u64::from(lanes.max(1));
    let kib =
        u32::try_from(kib).unwrap_or(u32::MAX).min(POLICY_MEMORY_MIB_MAX.saturating_mul(1024));
    let fits = POLICY_MEMORY_MIB_MIN.saturating_mul(1024) <= kib;
    fits.then_some(kib).ok_or(ProposeError::Memory { lanes, memory_kib })
}

/// Every set that is wanted and not weak, one for each size of memory, from the least memory to the most:
/// the last one is the one to take.
///
/// # Errors
/// There is none: see [`ProposeError`].
pub fn propose(rates: &Rates, wish: Wish) -> Result<Vec<Choice>, ProposeError> {
    let Wish { target, lanes, memory_kib } = wish;
    let lane_mib = lane_kib(lanes, memory_kib)? / 1024;
    let sizes = || SIZES_MIB.into_iter().filter(|size| *size <= lane_mib);
    let least = sizes().filter_map(|size| Some(choice(rates, size, passes_min(size)?)));
    let least = least.min_by_key(|choice| choice.time);
    let least = least.ok_or(ProposeError::Memory { lanes, memory_kib })?;
    let choices: Vec<Choice> =
        sizes().filter_map(|size| most_passes(rates, size, target)).collect();
    if choices.is_empty() { Err(ProposeError::Target { target, least }) } else { Ok(choices) }
}

/// The least passes that go with so much memory.
fn passes_min(memory_mib: u32) -> Option<u32> {
    FLOOR.into_iter().find(|(least, _)| *least <= memory_mib).map(|(_, passes)| passes)
}

fn choice(rates: &Rates, memory_mib: u32, iterations: u32) -> Choice {
    let memory_kib = memory_mib.saturating_mul(1024);
    let quote = rates.quote(Cost { memory_kib, iterations, parallelism: 1 }.into());
    Choice { memory_mib, iterations, time: quote.time }
}

/// With so much memory, as many passes as there is time for.
fn most_passes(rates: &Rates, memory_mib: u32, target: Duration) -> Option<Choice> {
    let passes = passes_min(memory_mib)?..=POLICY_ITERATIONS_MAX;
    let choices = passes.map(|passes| choice(rates, memory_mib, passes));
    choices.take_while(|choice| choice.time <= target).last()
}

#[cfg(test)]
mod tests;
