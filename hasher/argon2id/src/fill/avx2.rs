//! The fill loop in 256-bit registers, for CPUs without AVX-512.
//!
//! Blocks keep the order of RFC 9106. Sixteen registers hold a quarter of a block, so each pass
//! goes over the block in quarters: two rows at a time, then the columns of one `a` at a time.
//! A register holds the four words of a role in a row. In the row pass a diagonal is a rotation
//! within a register; in the column pass, where a matrix has one bit of its column number in the
//! register and one in the lane, it is a byte alignment of two registers or just another name.
//!
//! As with AVX-512, the column that holds the first word is done first, so that the next reference
//! can be asked for while the others are computed.

use core::arch::x86_64::*;

use super::cache::{PLACES_AHEAD, REFERENCES_AHEAD, prefetch, prefetch_once};
use super::{References, Segment};
use crate::Error;
use crate::block::{Block, Layout, NATURAL};

/// Where this path keeps words: where RFC 9106 has them.
pub(super) static LAYOUT: Layout = NATURAL;

/// `x + y + 2 * low(x) * low(y)`, RFC 9106, 3.6, for each pair of registers.
macro_rules! add {
    ($v:ident; $(($x:literal, $y:literal)),*) => {$(
        let product = _mm256_mul_epu32($v[$x], $v[$y]);
        let sum = _mm256_add_epi64($v[$x], $v[$y]);
        $v[$x] = _mm256_add_epi64(sum, _mm256_add_epi64(product, product));
    )*};
}

/// XOR, then a rotation to the right, for each pair of registers.
macro_rules! xor_rotate {
    ($v:ident, $rotate:ident; $(($x:literal, $y:literal)),*) => {
        $($v[$x] = $rotate(_mm256_xor_si256($v[$x], $v[$y]));)*
    };
}

/// `GB` of RFC 9106, 3.6, for the groups of registers named.
macro_rules! mix {
    ($v:ident; $(($a:literal, $b:literal, $c:literal, $d:literal)),*) => {
        add!($v; $(($a, $b)),*);
        xor_rotate!($v, right_32; $(($d, $a)),*);
        add!($v; $(($c, $d)),*);
        xor_rotate!($v, right_24; $(($b, $c)),*);
        add!($v; $(($a, $b)),*);
        xor_rotate!($v, right_16; $(($d, $a)),*);
        add!($v; $(($c, $d)),*);
        xor_rotate!($v, right_63; $(($b, $c)),*);
    };
}

/// Compresses zero and `block` into `block`.
pub(super) fn compress(block: &mut Block) {
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2.
        unsafe { compress_on(block) }
    }
}

/// Fills a segment.
pub(super) fn fill(blocks: &mut [Block], segment: &Segment) -> Result<(), Error> {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return Err(Error::PathUnavailable { path: crate::Path::Avx2 });
    }
    match (segment.is_independent(), segment.is_xored()) {
        // SAFETY: the CPU has AVX2.
        (true, false) => unsafe { fill_independent::<false>(blocks, segment) },
        // SAFETY: the CPU has AVX2.
        (true, true) => unsafe { fill_independent::<true>(blocks, segment) },
        // SAFETY: the CPU has AVX2.
        (false, false) => unsafe { fill_dependent::<false>(blocks, segment) },
        // SAFETY: the CPU has AVX2.
        (false, true) => unsafe { fill_dependent::<true>(blocks, segment) },
    }
}

#[target_feature(enable = "avx2")]
fn compress_on(block: &mut Block) {
    let (mut r, mut z) = (Block::ZERO, Block::ZERO);
    rows(&Block::ZERO, block, &mut r, &mut z);
    for a in 0..4 {
        columns::<false>(a, &r, &z, block);
    }
}

#[target_feature(enable = "avx2")]
fn fill_independent<const XORED: bool>(
    blocks: &mut [Block],
    segment: &Segment,
) -> Result<(), Error> {
    let mut references = References::new(segment, &LAYOUT, compress);
    let (mut r, mut z) = (Block::ZERO, Block::ZERO);
    for position in segment.positions() {
        references.advance(position);
        prefetch_once(blocks, references.at(position + REFERENCES_AHEAD));
        let x = blocks.get(segment.before(position)).ok_or(Error::Reference)?;
        let y = blocks.get(references.at(position)).ok_or(Error::Reference)?;
        rows(x, y, &mut r, &mut z);
        let place = segment.start() + position as usize;
        let new = blocks.get_mut(place).ok_or(Error::Reference)?;
        for a in 0..4 {
            columns::<XORED>(a, &r, &z, new);
        }
    }
    Ok(())
}

#[target_feature(enable = "avx2")]
fn fill_dependent<const XORED: bool>(blocks: &mut [Block], segment: &Segment) -> Result<(), Error> {
    let window = segment.window();
    let positions = segment.positions();
    let before = blocks.get(segment.before(positions.start)).ok_or(Error::Reference)?;
    let mut index = window.any_lane(positions.start, before.0[0][0]);
    let (mut r, mut z) = (Block::ZERO, Block::ZERO);
    for position in positions {
        let place = segment.start() + position as usize;
        prefetch(blocks, place + PLACES_AHEAD);
        let x = blocks.get(segment.before(position)).ok_or(Error::Reference)?;
        let y = blocks.get(index).ok_or(Error::Reference)?;
        rows(x, y, &mut r, &mut z);
        let new = blocks.get_mut(place).ok_or(Error::Reference)?;
        columns::<XORED>(0, &r, &z, new);
        index = window.any_lane(position + 1, new.0[0][0]);
        prefetch_once(blocks, index);
        let new = blocks.get_mut(place).ok_or(Error::Reference)?;
        for a in 1..4 {
            columns::<XORED>(a, &r, &z, new);
        }
    }
    Ok(())
}

/// `R = X ^ Y` into `r`, and the row pass of it into `z`, two rows at a time.
#[target_feature(enable = "avx2")]
#[inline]
fn rows(x: &Block, y: &Block, r: &mut Block, z: &mut Block) {
    let inputs = parts(x).as_chunks::<8>().0.iter().zip(parts(y).as_chunks::<8>().0);
    let outputs = parts_mut(r).as_chunks_mut::<8>().0.iter_mut();
    let outputs = outputs.zip(parts_mut(z).as_chunks_mut::<8>().0);
    for ((x, y), (r, z)) in inputs.zip(outputs) {
        let mut v = [_mm256_setzero_si256(); 8];
        for (((v, x), y), r) in v.iter_mut().zip(x).zip(y).zip(r) {
            *v = _mm256_xor_si256(load(x), load(y));
            store(r, *v);
        }
        mix!(v; (0, 1, 2, 3), (4, 5, 6, 7));
        v = [
            v[0],
            _mm256_permute4x64_epi64::<0b00_11_10_01>(v[1]),
            _mm256_permute4x64_epi64::<0b01_00_11_10>(v[2]),
            _mm256_permute4x64_epi64::<0b10_01_00_11>(v[3]),
            v[4],
            _mm256_permute4x64_epi64::<0b00_11_10_01>(v[5]),
            _mm256_permute4x64_epi64::<0b01_00_11_10>(v[6]),
            _mm256_permute4x64_epi64::<0b10_01_00_11>(v[7]),
        ];
        mix!(v; (0, 1, 2, 3), (4, 5, 6, 7));
        v = [
            v[0],
            _mm256_permute4x64_epi64::<0b10_01_00_11>(v[1]),
            _mm256_permute4x64_epi64::<0b01_00_11_10>(v[2]),
            _mm256_permute4x64_epi64::<0b00_11_10_01>(v[3]),
            v[4],
            _mm256_permute4x64_epi64::<0b10_01_00_11>(v[5]),
            _mm256_permute4x64_epi64::<0b01_00_11_10>(v[6]),
            _mm256_permute4x64_epi64::<0b00_11_10_01>(v[7]),
        ];
        for (z, v) in z.iter_mut().zip(v) {
            store(z, v);
        }
    }
}

/// The column pass of the two columns in the parts `a` of each row, XORed with `R`, into `new`.
#[target_feature(enable = "avx2")]
#[inline]
fn columns<const XORED: bool>(a: usize, r: &Block, z: &Block, new: &mut Block) {
    let mut v = [_mm256_setzero_si256(); 8];
    for (v, part) in v.iter_mut().zip(parts(z).iter().skip(a).step_by(4)) {
        *v = load(part);
    }
    mix!(v; (0, 2, 4, 6), (1, 3, 5, 7));
    let [b0, b1, c0, c1, d0, d1] = [v[2], v[3], v[4], v[5], v[6], v[7]];
    v[2] = _mm256_alignr_epi8::<8>(b1, b0);
    v[3] = _mm256_alignr_epi8::<8>(b0, b1);
    v[4] = c1;
    v[5] = c0;
    v[6] = _mm256_alignr_epi8::<8>(d0, d1);
    v[7] = _mm256_alignr_epi8::<8>(d1, d0);
    mix!(v; (0, 2, 4, 6), (1, 3, 5, 7));
    let [b0, b1, c0, c1, d0, d1] = [v[2], v[3], v[4], v[5], v[6], v[7]];
    v[2] = _mm256_alignr_epi8::<8>(b0, b1);
    v[3] = _mm256_alignr_epi8::<8>(b1, b0);
    v[4] = c1;
    v[5] = c0;
    v[6] = _mm256_alignr_epi8::<8>(d1, d0);
    v[7] = _mm256_alignr_epi8::<8>(d0, d1);
    let r = parts(r).iter().skip(a).step_by(4);
    let new = parts_mut(new).iter_mut().skip(a).step_by(4);
    for ((v, r), new) in v.into_iter().zip(r).zip(new) {
        let mut result = _mm256_xor_si256(v, load(r));
        if XORED {
            result = _mm256_xor_si256(result, load(new));
        }
        store(new, result);
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn right_32(v: __m256i) -> __m256i {
    _mm256_shuffle_epi32::<0b10_11_00_01>(v)
}

#[target_feature(enable = "avx2")]
#[inline]
fn right_24(v: __m256i) -> __m256i {
    let bytes = _mm256_setr_epi8(
        3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, //
        3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10,
    );
    _mm256_shuffle_epi8(v, bytes)
}

#[target_feature(enable = "avx2")]
#[inline]
fn right_16(v: __m256i) -> __m256i {
    let bytes = _mm256_setr_epi8(
        2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, //
        2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9,
    );
    _mm256_shuffle_epi8(v, bytes)
}

#[target_feature(enable = "avx2")]
#[inline]
fn right_63(v: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_srli_epi64::<63>(v), _mm256_add_epi64(v, v))
}

/// The 256-bit parts of a block: part 4 * row + a.
fn parts(block: &Block) -> &[[u64; 4]] {
    block.0.as_flattened().as_chunks().0
}

/// As [`parts`], to be written.
fn parts_mut(block: &mut Block) -> &mut [[u64; 4]] {
    block.0.as_flattened_mut().as_chunks_mut().0
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(part: &[u64; 4]) -> __m256i {
    // SAFETY: the reference covers the 32 bytes that are read, and no alignment is asked for.
    unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(part: &mut [u64; 4], v: __m256i) {
    // SAFETY: the reference covers the 32 bytes that are written, and no alignment is asked for.
    unsafe { _mm256_storeu_si256(part.as_mut_ptr().cast(), v) }
}
