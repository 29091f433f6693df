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
    ($v:ident, $rotate:expr; $(($x:literal, $y:literal)),*) => {
        $($v[$x] = $rotate(_mm256_xor_si256($v[$x], $v[$y]));)*
    };
}

/// `GB` of RFC 9106, 3.6, for the groups of registers named.
macro_rules! mix {
    ($v:ident, $turns:ident; $(($a:literal, $b:literal, $c:literal, $d:literal)),*) => {
        add!($v; $(($a, $b)),*);
        xor_rotate!($v, right_32; $(($d, $a)),*);
        add!($v; $(($c, $d)),*);
        xor_rotate!($v, |v| _mm256_shuffle_epi8(v, $turns.right_24); $(($b, $c)),*);
        add!($v; $(($a, $b)),*);
        xor_rotate!($v, |v| _mm256_shuffle_epi8(v, $turns.right_16); $(($d, $a)),*);
        add!($v; $(($c, $d)),*);
        xor_rotate!($v, right_63; $(($b, $c)),*);
    };
}

/// Rotates the words of the registers named.
macro_rules! rotate {
    ($v:ident, $order:literal; $($x:literal),*) => {
        $($v[$x] = _mm256_permute4x64_epi64::<$order>($v[$x]);)*
    };
}

/// Of the two registers of a role, with the even columns in the low words and the odd ones in the
/// high words: the next column.
macro_rules! forth {
    ($v:ident; $(($even:literal, $odd:literal)),*) => {
        $(($v[$even], $v[$odd]) = (
            _mm256_alignr_epi8::<8>($v[$odd], $v[$even]),
            _mm256_alignr_epi8::<8>($v[$even], $v[$odd]),
        );)*
    };
}

/// As `forth`, the column before.
macro_rules! back {
    ($v:ident; $(($even:literal, $odd:literal)),*) => {
        $(($v[$even], $v[$odd]) = (
            _mm256_alignr_epi8::<8>($v[$even], $v[$odd]),
            _mm256_alignr_epi8::<8>($v[$odd], $v[$even]),
        );)*
    };
}

/// As `forth` twice.
macro_rules! across {
    ($v:ident; $(($even:literal, $odd:literal)),*) => {
        $(($v[$even], $v[$odd]) = ($v[$odd], $v[$even]);)*
    };
}

/// What lies between the passes of a block.
///
/// Page-aligned, and so is the stack below it. The CPU takes a load for one of a store before it when
/// the lower twelve bits of their addresses agree; left to chance, where the stack starts, that costs
/// a quarter of the time in every third process.
#[repr(C, align(4096))]
struct Scratch {
    r: Block,
    z: Block,
}

impl Scratch {
    fn new() -> Self {
        Self { r: Block::ZERO, z: Block::ZERO }
    }
}

/// The byte orders of the rotations by whole bytes.
struct Turns {
    right_24: __m256i,
    right_16: __m256i,
}

impl Turns {
    #[target_feature(enable = "avx2")]
    fn new() -> Self {
        let right_24 = _mm256_setr_epi8(
            3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, //
            3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10,
        );
        let right_16 = _mm256_setr_epi8(
            2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, //
            2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9,
        );
        // A compiler that knows the order by 16 bits makes two shuffles of it, for want of a table.
        core::hint::black_box(Self { right_24, right_16 })
    }
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
    let mut scratch = Scratch::new();
    let Scratch { r, z } = &mut scratch;
    let turns = Turns::new();
    rows(&Block::ZERO, block, &turns, r, z);
    columns::<false>(0, r, z, &turns, block);
    columns::<false>(1, r, z, &turns, block);
}

#[target_feature(enable = "avx2")]
fn fill_independent<const XORED: bool>(
    blocks: &mut [Block],
    segment: &Segment,
) -> Result<(), Error> {
    let mut references = References::new(segment, &LAYOUT, compress);
    let mut scratch = Scratch::new();
    let Scratch { r, z } = &mut scratch;
    let turns = Turns::new();
    for position in segment.positions() {
        references.advance(position);
        prefetch_once(blocks, references.at(position + REFERENCES_AHEAD));
        prefetch(blocks, segment.start() + position as usize + PLACES_AHEAD);
        let x = blocks.get(segment.before(position)).ok_or(Error::Reference)?;
        let y = blocks.get(references.at(position)).ok_or(Error::Reference)?;
        rows(x, y, &turns, r, z);
        let place = segment.start() + position as usize;
        let new = blocks.get_mut(place).ok_or(Error::Reference)?;
        columns::<XORED>(0, r, z, &turns, new);
        columns::<XORED>(1, r, z, &turns, new);
    }
    Ok(())
}

#[target_feature(enable = "avx2")]
fn fill_dependent<const XORED: bool>(blocks: &mut [Block], segment: &Segment) -> Result<(), Error> {
    let window = segment.window();
    let positions = segment.positions();
    let before = blocks.get(segment.before(positions.start)).ok_or(Error::Reference)?;
    let mut index = window.any_lane(positions.start, before.0[0][0]);
    let mut scratch = Scratch::new();
    let Scratch { r, z } = &mut scratch;
    let turns = Turns::new();
    for position in positions {
        let place = segment.start() + position as usize;
        prefetch(blocks, place + PLACES_AHEAD);
        let x = blocks.get(segment.before(position)).ok_or(Error::Reference)?;
        let y = blocks.get(index).ok_or(Error::Reference)?;
        rows(x, y, &turns, r, z);
        let new = blocks.get_mut(place).ok_or(Error::Reference)?;
        columns::<XORED>(0, r, z, &turns, new);
        index = window.any_lane(position + 1, new.0[0][0]);
        prefetch_once(blocks, index);
        let new = blocks.get_mut(place).ok_or(Error::Reference)?;
        columns::<XORED>(1, r, z, &turns, new);
    }
    Ok(())
}

/// `R = X ^ Y` into `r`, and the row pass of it into `z`, four rows at a time.
#[target_feature(enable = "avx2")]
#[inline]
fn rows(x: &Block, y: &Block, turns: &Turns, r: &mut Block, z: &mut Block) {
    let inputs = parts(x).as_chunks::<16>().0.iter().zip(parts(y).as_chunks::<16>().0);
    let outputs = parts_mut(r).as_chunks_mut::<16>().0.iter_mut();
    let outputs = outputs.zip(parts_mut(z).as_chunks_mut::<16>().0);
    for ((x, y), (r, z)) in inputs.zip(outputs) {
        let mut v = [_mm256_setzero_si256(); 16];
        for (((v, x), y), r) in v.iter_mut().zip(x).zip(y).zip(r) {
            *v = _mm256_xor_si256(load(x), load(y));
            store(r, *v);
        }
        mix!(v, turns; (0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15));
        rotate!(v, 0b00_11_10_01; 1, 5, 9, 13);
        rotate!(v, 0b01_00_11_10; 2, 6, 10, 14);
        rotate!(v, 0b10_01_00_11; 3, 7, 11, 15);
        mix!(v, turns; (0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15));
        rotate!(v, 0b10_01_00_11; 1, 5, 9, 13);
        rotate!(v, 0b01_00_11_10; 2, 6, 10, 14);
        rotate!(v, 0b00_11_10_01; 3, 7, 11, 15);
        for (z, v) in z.iter_mut().zip(v) {
            store(z, v);
        }
    }
}

/// The column pass of four of the eight columns, and XOR with `R`, into `new`: of those in the first or
/// the second `half` of each row.
#[target_feature(enable = "avx2")]
#[inline]
fn columns<const XORED: bool>(half: usize, r: &Block, z: &Block, turns: &Turns, new: &mut Block) {
    let mut v = [_mm256_setzero_si256(); 16];
    for ([v, w], row) in v.as_chunks_mut::<2>().0.iter_mut().zip(rows_of(z)) {
        let [first, second] = half_of(row, half);
        (*v, *w) = (load(first), load(second));
    }
    // A role is two rows of two parts each.
    mix!(v, turns; (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15));
    forth!(v; (4, 6), (5, 7));
    across!(v; (8, 10), (9, 11));
    back!(v; (12, 14), (13, 15));
    mix!(v, turns; (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15));
    back!(v; (4, 6), (5, 7));
    across!(v; (8, 10), (9, 11));
    forth!(v; (12, 14), (13, 15));
    let rows = rows_of(r).iter().zip(rows_of_mut(new));
    for ([v, w], (r, new)) in v.as_chunks::<2>().0.iter().zip(rows) {
        for ((v, r), new) in [v, w].into_iter().zip(half_of(r, half)).zip(half_of_mut(new, half)) {
            let mut result = _mm256_xor_si256(*v, load(r));
            if XORED {
                result = _mm256_xor_si256(result, load(new));
            }
            store(new, result);
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn right_32(v: __m256i) -> __m256i {
    _mm256_shuffle_epi32::<0b10_11_00_01>(v)
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

/// The rows of a block, of four parts each.
fn rows_of(block: &Block) -> &[[[u64; 4]; 4]] {
    parts(block).as_chunks().0
}

/// As [`rows_of`], to be written.
fn rows_of_mut(block: &mut Block) -> &mut [[[u64; 4]; 4]] {
    parts_mut(block).as_chunks_mut().0
}

/// The first two parts of a row, or the last two.
#[inline(always)]
fn half_of(row: &[[u64; 4]; 4], half: usize) -> [&[u64; 4]; 2] {
    let [a, b, c, d] = row;
    if half == 0 { [a, b] } else { [c, d] }
}

/// As [`half_of`], to be written.
#[inline(always)]
fn half_of_mut(row: &mut [[u64; 4]; 4], half: usize) -> [&mut [u64; 4]; 2] {
    let [a, b, c, d] = row;
    if half == 0 { [a, b] } else { [c, d] }
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
