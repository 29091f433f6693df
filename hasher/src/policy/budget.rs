//! Does the memory suffice? Arenas are there for the life of the pod; what is left of the
//! container's limit is for stored hashes that need more than an arena, one at a time or several.
//!
//! Memory is the one budget that must never be guessed: one hash more than fits, and the kernel
//! picks which login dies.

use authcluster_contract::formats::MEMORY_PART_KIB;

/// Memory that the program needs beside its arenas, in KiB: code, stacks, metrics, Redis and peers
/// ([`PROGRAM_KIB`]), and at least [`CONNECTIONS_KIB_MIN`] for connections.
pub const OVERHEAD_KIB: u64 = PROGRAM_KIB + CONNECTIONS_KIB_MIN;

/// Memory of the program without connections, in KiB. Measured at rest it is 11 MiB. One MiB is for the part of a MiB
/// that bounds on stored hashes do not count ([`MEMORY_PART_KIB`]).
const PROGRAM_KIB: u64 = 16 * 1024;

/// Least memory for connections, in KiB; `policy::connections` divides it.
pub const CONNECTIONS_KIB_MIN: u64 = 48 * 1024;

/// Most memory for connections, in KiB: some 5,000 callers' connections.
const CONNECTIONS_KIB_MAX: u64 = 512 * 1024;

/// Of the memory that is left beside arenas and [`OVERHEAD_KIB`], so much is for large hashes alone, in KiB.
/// Of what is above it, an eighth is for connections.
const LARGE_KIB_FIRST: u64 = 256 * 1024;

/// Most memory for stored hashes larger than an arena, in KiB, however much there is. One at RFC
/// 9106's second choice needs a sixteenth of it.
pub const LARGE_KIB_MAX: u64 = 1024 * 1024 + MEMORY_PART_KIB as u64;

/// The container is too small for what it is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{lanes} lanes of {} MiB and {} MiB for the program need {} MiB, and the memory limit is {} MiB: \
     raise the limit, or lower lanes or password.argon2id.memory_mib",
    arena_kib / 1024, OVERHEAD_KIB / 1024, needed_kib.div_ceil(1024), limit_kib / 1024
)]
pub struct BudgetError {
    lanes: u32,
    arena_kib: u32,
    needed_kib: u64,
    limit_kib: u64,
}

/// How the memory beside the arenas is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBudget {
    /// For stored hashes larger than an arena, in KiB.
    pub large_kib: u64,
    /// For connections and the bodies of their requests, in KiB.
    pub connections_kib: u64,
}

/// Divides the memory limit; without a limit (a laptop) everything gets its maximum.
///
/// # Errors
/// [`BudgetError`] when the arenas do not fit.
pub fn memory_budget(
    limit_kib: Option<u64>,
    lanes: u32,
    arena_kib: u32,
) -> Result<MemoryBudget, BudgetError> {
    let Some(limit_kib) = limit_kib else {
        return Ok(MemoryBudget { large_kib: LARGE_KIB_MAX, connections_kib: CONNECTIONS_KIB_MAX });
    };
    let needed_kib = u64::from(lanes) * u64::from(arena_kib) + OVERHEAD_KIB;
    let Some(left_kib) = limit_kib.checked_sub(needed_kib) else {
        return Err(BudgetError { lanes, arena_kib, needed_kib, limit_kib });
    };
    let more_kib = left_kib.saturating_sub(LARGE_KIB_FIRST) / 8;
    let more_kib = more_kib.min(CONNECTIONS_KIB_MAX - CONNECTIONS_KIB_MIN);
    let large_kib = match left_kib - more_kib {
        // Nothing is meant for old hashes.
        large_kib @ ..1024 => large_kib,
        // The program lends the part of a MiB, so that a pod with 64 MiB for old hashes verifies those "of 64 MiB".
        large_kib => (large_kib + u64::from(MEMORY_PART_KIB)).min(LARGE_KIB_MAX),
    };
    Ok(MemoryBudget { large_kib, connections_kib: CONNECTIONS_KIB_MIN + more_kib })
}

#[cfg(test)]
mod tests;
