//! Argon2d, Argon2i and Argon2id (RFC 9106, versions 0x10 and 0x13), as fast as the CPU allows,
//! behind safe functions.
//!
//! A [`Params`] says what to compute, an [`Input`] of what, an [`Arena`] is the memory, and
//! [`hash_into`] does the work on the calling thread: no allocation, no thread, no lock. The
//! blocks are filled with AVX-512, AVX2 or plain code; [`Path`] says which, and every path gives
//! the same tags as the `argon2` crate and libargon2.
//!
//! What a hash leaves in memory is told in [`Arena`]'s module, and [`Wipe`] chooses. Registers,
//! and the stack slots they are spilled to, are not wiped.

mod arena;
mod block;
mod error;
mod fill;
mod params;
mod path;
mod prehash;
mod schedule;

pub use arena::{Arena, ArenaOptions, Grant, Wipe};
pub use error::{ArenaError, Error};
pub use params::{Cost, Input, Params, Variant, Version};
pub use path::Path;

use prehash::Prehash;
use schedule::Shape;

/// Hashes `input` into `out`, which must be as long as the parameters' tag, on the fastest path.
///
/// # Errors
/// [`Error`]; `out` is then untouched.
pub fn hash_into(
    params: &Params,
    input: &Input<'_>,
    arena: &mut Arena,
    out: &mut [u8],
) -> Result<(), Error> {
    hash_into_on(Path::detect(), params, input, arena, out)
}

/// As [`hash_into`], on the path given: for tests, benchmarks, and operators who must force one.
///
/// # Errors
/// As [`hash_into`], and [`Error::PathUnavailable`].
pub fn hash_into_on(
    path: Path,
    params: &Params,
    input: &Input<'_>,
    arena: &mut Arena,
    out: &mut [u8],
) -> Result<(), Error> {
    let tag_bytes = params.tag_bytes();
    if u32::try_from(out.len()) != Ok(tag_bytes) {
        return Err(Error::Output { actual_bytes: out.len(), tag_bytes });
    }
    let Cost { memory_kib, lanes, .. } = params.cost();
    let shape = Shape::new(params);
    let capacity_kib = arena.capacity_kib();
    let blocks = arena
        .blocks_mut(shape.blocks())
        .ok_or(Error::ArenaTooSmall { capacity_kib, memory_kib })?;
    let prehash = Prehash::new(params, input)?;
    let last = fill::fill(path, shape, &prehash, lanes, blocks)?;
    prehash::tag(&last, out);
    if arena.is_wiped_after_hash() {
        arena.wipe();
    }
    Ok(())
}
