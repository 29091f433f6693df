//! The only clock and the only source of randomness of the operator. Everything that decides takes
//! time and random bytes as arguments; this file is where they come from.

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// The clock of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

/// The kernel gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("cannot read random bytes")]
pub struct RandomError(#[source] getrandom::Error);

impl Clock {
    /// The time of day, for what others read: certificates, leases, conditions.
    #[must_use]
    pub fn now(self) -> Timestamp {
        Timestamp::now()
    }

    /// A point in time that never goes back, for durations within this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn instant(self) -> Instant {
        Instant::now()
    }

    /// `N` bytes that nobody can guess.
    ///
    /// # Errors
    /// When the kernel has none.
    pub fn random<const N: usize>(self) -> Result<Zeroizing<[u8; N]>, RandomError> {
        let mut bytes = Zeroizing::new([0; N]);
        getrandom::fill(bytes.as_mut_slice()).map_err(RandomError)?;
        Ok(bytes)
    }
}
