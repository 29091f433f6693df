//! One computation in one arena. The portable path of the `argon2` crate for now; the seam for a
//! faster one.
//!
//! Blocking, for tens of milliseconds: only lanes, and the commands that have none, call this.

use std::collections::TryReserveError;

use argon2::{Algorithm, Argon2, Block, Params};
use authcluster_contract::cost::Cost;
use authcluster_contract::http::Scheme;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::clock::{self, RandomError};
use crate::formats::argon2::{Argon2Hash, OUTPUT_BYTES, SALT_BYTES, Version};
use crate::formats::{Parsed, nfc};
use crate::work::{Job, Outcome};

/// The memory of one computation, in blocks of 1 KiB. Touched as it is made, so that the kernel has
/// given it before the first hash needs it.
pub struct Arena(Vec<Block>);

/// Why a computation did not come out. Names no content.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The memory could not be had.
    #[error("no memory for {memory_kib} KiB of Argon2 blocks")]
    Allocate {
        /// How much was wanted.
        memory_kib: u32,
        /// Why it was not there.
        #[source]
        cause: TryReserveError,
    },
    /// The function refused parameters that were checked before.
    #[error("the Argon2 function refused its parameters")]
    Compute(#[source] argon2::Error),
    /// No salt.
    #[error("no salt could be drawn")]
    Salt(#[source] RandomError),
}

impl Arena {
    /// An arena of this size.
    ///
    /// # Errors
    /// [`EngineError::Allocate`].
    pub fn new(memory_kib: u32) -> Result<Self, EngineError> {
        let blocks = usize::try_from(memory_kib).unwrap_or(usize::MAX);
        let mut memory = Vec::new();
        memory
            .try_reserve_exact(blocks)
            .map_err(|cause| EngineError::Allocate { memory_kib, cause })?;
        memory.resize(blocks, Block::new());
        Ok(Self(memory))
    }

    /// Whether a computation of this cost fits.
    #[must_use]
    pub fn fits(&self, cost: Cost) -> bool {
        usize::try_from(cost.memory_kib).is_ok_and(|blocks| blocks <= self.0.len())
    }
}

/// Does a job, in the arena or, when it needs more, in memory of its own. Says how often the
/// function was computed: a verify whose password is not in NFC may take two.
///
/// # Errors
/// See [`EngineError`].
pub fn compute(job: &Job, arena: &mut Arena) -> Result<(Outcome, u64), EngineError> {
    let mut large;
    let arena = if arena.fits(job.cost()) {
        arena
    } else {
        large = Arena::new(job.cost().memory_kib)?;
        &mut large
    };
    match job {
        Job::Hash { password, cost } => {
            let salt = clock::random_bytes::<SALT_BYTES>().map_err(EngineError::Salt)?;
            let mut hash = Argon2Hash {
                scheme: Scheme::Argon2id,
                version: Version::V0x13,
                cost: *cost,
                salt: salt.to_vec(),
                output: vec![0; OUTPUT_BYTES],
            };
            let composed = nfc(password);
            let bytes = composed.as_deref().map_or(password.expose(), Vec::as_slice);
            hash.output = fill(&hash, bytes, arena)?.to_vec();
            Ok((Outcome::Hashed(hash.encode()), 1))
        }
        Job::Verify { password, stored } => {
            let Parsed::Argon2(hash) = stored.parsed();
            let mut tries = 0;
            if let Some(composed) = nfc(password) {
                tries += 1;
                if matches(hash, &composed, arena)? {
                    return Ok((Outcome::Verified(true), tries));
                }
            }
            let matches = matches(hash, password.expose(), arena)?;
            Ok((Outcome::Verified(matches), tries + 1))
        }
    }
}

fn matches(hash: &Argon2Hash, password: &[u8], arena: &mut Arena) -> Result<bool, EngineError> {
    let output = fill(hash, password, arena)?;
    Ok(output.ct_eq(&hash.output).into())
}

/// The function itself: as many bytes as the hash has.
fn fill(
    hash: &Argon2Hash,
    password: &[u8],
    arena: &mut Arena,
) -> Result<Zeroizing<Vec<u8>>, EngineError> {
    let algorithm = match hash.scheme {
        Scheme::Argon2id => Algorithm::Argon2id,
        Scheme::Argon2i => Algorithm::Argon2i,
        Scheme::Argon2d => Algorithm::Argon2d,
    };
    let version = match hash.version {
        Version::V0x10 => argon2::Version::V0x10,
        Version::V0x13 => argon2::Version::V0x13,
    };
    let Cost { memory_kib, iterations, parallelism } = hash.cost;
    let length = hash.output.len();
    let params = Params::new(memory_kib, iterations, parallelism, Some(length))
        .map_err(EngineError::Compute)?;
    let mut output = Zeroizing::new(vec![0; length]);
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(password, &hash.salt, &mut output, &mut arena.0)
        .map_err(EngineError::Compute)?;
    Ok(output)
}

#[cfg(test)]
mod tests;
