//! The compression function in plain code, for any CPU: the path that the others are held against.

use super::{References, Segment};
use crate::Error;
use crate::block::{Block, NATURAL};

/// Compresses zero and `block` into `block`.
pub(super) fn compress(block: &mut Block) {
    let result = compressed(&Block::ZERO, block);
    *block = result;
}

/// Fills a segment.
pub(super) fn fill(blocks: &mut [Block], segment: &Segment) -> Result<(), Error> {
    let window = segment.window();
    let mut references =
        segment.is_independent().then(|| References::new(segment, &NATURAL, compress));
    for position in segment.positions() {
        let before = blocks.get(segment.before(position)).ok_or(Error::Reference)?;
        let index = match &mut references {
            Some(references) => {
                references.advance(position);
                references.at(position)
            }
            None => {
                window.any_lane(position, before.0.as_flattened().first().copied().unwrap_or(0))
            }
        };
        let reference = blocks.get(index).ok_or(Error::Reference)?;
        let mut new = compressed(before, reference);
        let place = blocks.get_mut(segment.start() + position as usize).ok_or(Error::Reference)?;
        if segment.is_xored() {
            xor(&mut new, place);
        }
        *place = new;
    }
    Ok(())
}

fn xor(block: &mut Block, other: &Block) {
    for (word, other) in block.0.as_flattened_mut().iter_mut().zip(other.0.as_flattened()) {
        *word ^= other;
    }
}

/// `G` of RFC 9106, 3.5.
fn compressed(x: &Block, y: &Block) -> Block {
    let mut r = *x;
    xor(&mut r, y);
    let mut z = r;
    for row in z.0.as_chunks_mut::<2>().0 {
        permute_row(row.as_flattened_mut());
    }
    permute_columns(&mut z);
    xor(&mut z, &r);
    z
}

/// `P` of RFC 9106, 3.6, on sixteen words that lie together.
fn permute_row(row: &mut [u64]) {
    let Ok(v) = <&mut [u64; 16]>::try_from(row) else { return };
    permute(v);
}

/// `P` on the eight columns of register pairs.
fn permute_columns(z: &mut Block) {
    let words = z.0.as_flattened_mut();
    for column in 0..8 {
        let mut v = [0; 16];
        let places = |k: usize| 16 * (k / 2) + 2 * column + k % 2;
        for (k, word) in v.iter_mut().enumerate() {
            *word = words.get(places(k)).copied().unwrap_or_default();
        }
        permute(&mut v);
        for (k, word) in v.iter().enumerate() {
            if let Some(place) = words.get_mut(places(k)) {
                *place = *word;
            }
        }
    }
}

#[inline(always)]
fn permute(v: &mut [u64; 16]) {
    let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = v;
    mix(a0, b0, c0, d0);
    mix(a1, b1, c1, d1);
    mix(a2, b2, c2, d2);
    mix(a3, b3, c3, d3);
    mix(a0, b1, c2, d3);
    mix(a1, b2, c3, d0);
    mix(a2, b3, c0, d1);
    mix(a3, b0, c1, d2);
}

/// `GB` of RFC 9106, 3.6.
#[inline(always)]
fn mix(a: &mut u64, b: &mut u64, c: &mut u64, d: &mut u64) {
    *a = add(*a, *b);
    *d = (*d ^ *a).rotate_right(32);
    *c = add(*c, *d);
    *b = (*b ^ *c).rotate_right(24);
    *a = add(*a, *b);
    *d = (*d ^ *a).rotate_right(16);
    *c = add(*c, *d);
    *b = (*b ^ *c).rotate_right(63);
}

#[inline(always)]
fn add(x: u64, y: u64) -> u64 {
    let product = (x & 0xffff_ffff) * (y & 0xffff_ffff);
    x.wrapping_add(y).wrapping_add(product << 1)
}
