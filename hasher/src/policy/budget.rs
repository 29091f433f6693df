//! Does the memory suffice? Arenas are there for the life of the pod; what is left of the
//! container's limit is for stored hashes that need more than an arena, one at a time or several.
//!
//! Memory is the one budget that must never be guessed: one hash more than fits, and the kernel
//! picks which login dies.

/// What the program needs beside its arenas, in KiB: code, stacks, connections at 64 KiB of body
/// each, TLS. Measured at rest it is a sixth of this.
pub const OVERHEAD_KIB: u64 = 64 * 1024;

/// Most memory for stored hashes larger than an arena, in KiB, however much there is. One at RFC
/// 9106's second choice needs a sixteenth of it.
pub const LARGE_KIB_MAX: u64 = 1024 * 1024;

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

/// Memory for stored hashes larger than an arena, in KiB. No limit is no error: a laptop has none.
///
/// # Errors
/// [`BudgetError`] when the arenas do not fit.
pub fn large_kib(limit_kib: Option<u64>, lanes: u32, arena_kib: u32) -> Result<u64, BudgetError> {
    let needed_kib = u64::from(lanes) * u64::from(arena_kib) + OVERHEAD_KIB;
    match limit_kib {
        None => Ok(LARGE_KIB_MAX),
        Some(limit_kib) => match limit_kib.checked_sub(needed_kib) {
            Some(left_kib) => Ok(left_kib.min(LARGE_KIB_MAX)),
            None => Err(BudgetError { lanes, arena_kib, needed_kib, limit_kib }),
        },
    }
}

#[cfg(test)]
mod tests;
