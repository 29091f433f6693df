//! One computation: Argon2 in one arena, by the engine of `authcluster-argon2id`; of every other
//! function, what its format does.
//!
//! An arena is not wiped between two hashes: it keeps blocks of the last one until the next writes over
//! them, and with one pass the first of them are a cheap check of a guess. Wiping each time costs 7
//! to 29 % ([`authcluster_argon2id::Wipe`]), so a lane wipes when it has nothing else to do: what is
//! left in memory is never older than [`crate::lanes::WIPE_AFTER`].
//!
//! Blocking, for tens of milliseconds: only lanes, and the commands that have none, call this.

use authcluster_argon2id::{ArenaOptions, Grant, Input, Params, Variant, hash_into};
use authcluster_contract::cost::Cost;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::clock::{self, RandomError};
use crate::formats::argon2::{Argon2Hash, OUTPUT_BYTES, SALT_BYTES, Salt, Version};
use crate::formats::{Parsed, Pepper, Stored, argon2, nfc};
use crate::policy::pricing::steps::Demand;
use crate::policy::rehash::Policy;
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

    /// Whether a computation of this kind fits.
    #[must_use]
    pub fn fits(&self, demand: Demand) -> bool {
        demand.arena_kib() <= self.0.capacity_kib()
    }
}

/// Does a job, in the arena or, when it needs more, in memory of its own. Says how often the
/// function was computed: a verify whose password is not in NFC may take two.
///
/// # Errors
/// See [`EngineError`].
pub fn compute(job: &Job, arena: &mut Arena) -> Result<(Outcome, u32), EngineError> {
    let mut large;
    let demand = job.demand();
    let arena = if arena.fits(demand) {
        arena
    } else {
        large = Arena::new(demand.arena_kib())?;
        &mut large
    };
    match job {
        Job::Hash { password, policy } => {
            let composed = nfc(password);
            let bytes = composed.as_deref().map_or(password.expose(), Vec::as_slice);
            let hash = new_hash(policy, bytes, new_salt()?, arena)?;
            Ok((Outcome::Hashed(hash.encode()), 1))
        }
        Job::Wrap { legacy, policy, salt } => {
            let salt = salt.map_or_else(new_salt, Ok)?;
            let hash = new_hash(policy, legacy.digest(), salt, arena)?;
            Ok((Outcome::Hashed(legacy.wrapped(&hash)), 1))
        }
        Job::Verify { password, stored } => {
            let mut tries = 0;
            if let Some(composed) = nfc(password) {
                tries += 1;
                if matches(stored, &composed, arena)? {
                    return Ok((Outcome::Verified(true), tries));
                }
            }
            let matches = matches(stored, password.expose(), arena)?;
            Ok((Outcome::Verified(matches), tries + 1))
        }
    }
}

fn new_salt() -> Result<Salt, EngineError> {
    clock::random_bytes::<SALT_BYTES>().map_err(EngineError::Salt)
}

fn new_hash(
    policy: &Policy,
    password: &[u8],
    salt: Salt,
    arena: &mut Arena,
) -> Result<Argon2Hash, EngineError> {
    let mut hash = Argon2Hash {
        variant: argon2::Variant::Id,
        version: Version::V0x13,
        cost: policy.cost,
        pepper: policy.pepper.clone(),
        salt: salt.to_vec(),
        output: vec![0; OUTPUT_BYTES],
    };
    hash.output = fill(&hash, password, arena)?.to_vec();
    Ok(hash)
}

fn matches(stored: &Stored, password: &[u8], arena: &mut Arena) -> Result<bool, EngineError> {
    match stored.parsed() {
        Parsed::Argon2(hash) => Ok(fill(hash, password, arena)?.ct_eq(&hash.output).into()),
        Parsed::Legacy(hash) => Ok(hash.matches(password)),
        Parsed::Wrapped(wrapped) => {
            let mut matches = false;
            for digest in wrapped.legacy.digests(password) {
                let output = fill(&wrapped.hash, &digest, arena)?;
                let same: bool = output.ct_eq(&wrapped.hash.output).into();
                // Of the length that the setting has room for: a setting that was cut is another one.
                matches |= same & (digest.len() == wrapped.legacy.stored().len());
            }
            Ok(matches)
        }
    }
}

/// The function itself: as many bytes as the hash has.
fn fill(
    hash: &Argon2Hash,
    password: &[u8],
    arena: &mut Arena,
) -> Result<Zeroizing<Vec<u8>>, EngineError> {
    let variant = match hash.variant {
        argon2::Variant::Id => Variant::Id,
        argon2::Variant::I => Variant::I,
        argon2::Variant::D => Variant::D,
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
    let secret = hash.pepper.as_ref().map_or(&[] as &[u8], Pepper::expose);
    let input = Input { secret, ..Input::new(password, &hash.salt) };
    hash_into(&params, &input, &mut arena.0, &mut output).map_err(EngineError::Compute)?;
    Ok(output)
}

#[cfg(test)]
mod tests;
