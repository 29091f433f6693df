//! The only clock and the only source of randomness.
//!
//! Time is Tokio's, so that a test that pauses it pauses everything; a lane's thread, which is
//! outside of Tokio, reads the same clock of the system.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The present moment, on a clock that never goes back.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this file is where the clock is read")]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The time of the system in milliseconds since 1970. For what people read, and for the store of a pod that
/// is alone: it may jump, so nothing is measured by it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this file is where the clock is read")]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Time that a CPU has spent on this thread, which no other process adds to.
#[must_use]
pub fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Time that CPUs have spent on all threads of this process.
#[must_use]
pub fn process_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct RandomError(#[source] getrandom::Error);

/// Bytes that nobody can guess.
///
/// # Errors
/// [`RandomError`]; no caller may go on with other bytes.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}
