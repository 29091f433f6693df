//! One computation in one arena, by the engine of `authcluster-argon2id`.
//!
//! An arena is not wiped between two hashes: it keeps blocks of the last one until the next writes over
//! them, and with one pass the first of them are a cheap check of a guess. Wiping each time costs 7
//! to 29 % ([`authcluster_argon2id::Wipe`]), so a lane wipes when it has nothing else to do: what is
//! left in memory is never older than [`crate::lanes::WIPE_AFTER`].
//!
//! Blocking, for tens of milliseconds: only lanes, and the commands that have none, call this.

use authcluster_argon2id::{ArenaOptions, Grant, Input, Params, Variant, hash_into};
use authcluster_contract::cost::Cost;
use authcluster_contract::http::Scheme;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::clock::{self, RandomError};
use crate::formats::argon2::{Argon2Hash, OUTPUT_BYTES, SALT_BYTES, Version};
use crate::formats::{Parsed, nfc};
use crate::work::{Job, Outcome};

/// The memory of one computation, on huge pages where the system offers them. Touched as it is made,
/// so that the kernel has given it before the first hash needs it.
pub struct Arena(authcluster_argon2id::Arena);

/// Why a computation did not come out. Names no content.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The memory could not be had.
    #[error("no memory for Argon2 blocks")]
    Allocate(#[source] authcluster_argon2id::ArenaError),
    /// The function refused parameters that were checked before.
    #[error("the Argon2 function refused its parameters")]
    Compute(#[source] authcluster_argon2id::Error),
    /// No salt.
    #[error("no salt could be drawn")]
    Salt(#[source] RandomError),
}

impl Arena {
    /// An arena of this size, in KiB.
    ///
    /// # Errors
    /// [`EngineError::Allocate`].
    pub fn new(memory_kib: u32) -> Result<Self, EngineError> {
        let arena = authcluster_argon2id::Arena::new(memory_kib, ArenaOptions::default());
        Ok(Self(arena.map_err(EngineError::Allocate)?))
    }

    /// What the system granted, for the log.
    #[must_use]
    pub fn grants(&self) -> (Grant, Grant) {
        (self.0.huge_pages(), self.0.locked())
    }

    /// Overwrites what the last computation left. Free when nothing was computed since.
    pub fn wipe(&mut self) {
        self.0.wipe();
    }

    /// Whether a computation of this cost fits.
    #[must_use]
    pub fn fits(&self, cost: Cost) -> bool {
        cost.memory_kib <= self.0.capacity_kib()
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
    let variant = match hash.scheme {
        Scheme::Argon2id => Variant::Id,
        Scheme::Argon2i => Variant::I,
        Scheme::Argon2d => Variant::D,
    };
    let version = match hash.version {
        Version::V0x10 => authcluster_argon2id::Version::V0x10,
        Version::V0x13 => authcluster_argon2id::Version::V0x13,
    };
    let Cost { memory_kib, iterations, parallelism } = hash.cost;
    let cost = authcluster_argon2id::Cost { memory_kib, passes: iterations, lanes: parallelism };
    let mut output = Zeroizing::new(vec![0; hash.output.len()]);
    let tag_bytes = u32::try_from(output.len()).unwrap_or(u32::MAX);
    let params = Params::new(variant, version, cost, tag_bytes).map_err(EngineError::Compute)?;
    hash_into(&params, &Input::new(password, &hash.salt), &mut arena.0, &mut output)
        .map_err(EngineError::Compute)?;
    Ok(output)
}

#[cfg(test)]
mod tests;
