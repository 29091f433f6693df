//! The only clock and the only source of randomness.
//!
//! Time is Tokio's, so that a test that pauses it pauses everything; a lane's thread, which is
//! outside of Tokio, reads the same clock of the system.

use std::time::Instant;

/// The present moment, on a clock that never goes back.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this file is where the clock is read")]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
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
