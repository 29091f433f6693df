//! The fill loop in 512-bit registers.
//!
//! A block lives in sixteen registers, four by four: register (a, r) holds the words 4a to 4a + 3
//! of the rows 2r and 2r + 1. So `a` is the role of a register in the row pass, and `r` its role
//! in the column pass: neither pass moves a word from one register to another. Only the turns
//! between the straight and the diagonal half of a pass move words, within a register.
//!
//! Nothing is turned back. The rows' diagonal half wants register (a, r) turned by a columns of
//! its row; the columns' straight half only wants registers of the same a to agree, and they do.
//! The columns' diagonal half wants (a, r) turned by r columns; the rows' straight half of the next
//! block only wants registers of the same r to agree, and they do. So blocks stay in memory in the
//! order of the columns' diagonal half: 30 turns a block.
//!
//! The rest is order. The reference of the next block is drawn by the first word of this one, so
//! its register goes first in the column pass, and the sixteen cache lines of the reference are
//! asked for while the others are computed.

use core::arch::x86_64::*;

use super::cache::{PLACES_AHEAD, REFERENCES_AHEAD, prefetch, prefetch_once};
use super::{References, Segment};
use crate::Error;
use crate::block::{Block, Layout};

/// Register (a, r) is line 4r + a.
#[expect(clippy::indexing_slicing, reason = "done by the compiler, which looks")]
#[expect(clippy::cast_possible_truncation, reason = "a word number is below 128")]
pub(super) static LAYOUT: Layout = {
    let mut layout = [0; 128];
    let mut place = 0;
    while place < 128 {
        let (line, lane) = (place / 8, place % 8);
        let (a, r) = (line % 4, line / 4);
        let element = column_turn(r, lane);
        layout[place] = (16 * (2 * r + element / 4) + 4 * a + element % 4) as u8;
        place += 1;
    }
    layout
};

/// The lane `by` columns on, in the 4x4 matrices of the row pass. A lane is 4 * row + column.
const fn row_turn(by: usize, lane: usize) -> usize {
    lane & 4 | (lane + by) & 3
}

/// The lane `by` columns on, in the 4x4 matrices of the column pass: their columns are the
/// lane's high and low bit, the matrix is the middle one.
const fn column_turn(by: usize, lane: usize) -> usize {
    let column = (lane >> 2) * 2 + (lane & 1) + by;
    (column >> 1 & 1) << 2 | lane & 2 | column & 1
}

/// Where register (0, 1) stays as it is in both turns: that takes a shuffle off the way to the
/// first word.
const STILL: usize = 1;

/// What each lane of line 4r + a takes: `.0` from the columns' to the rows' diagonal half, `.1` back.
#[repr(align(64))]
struct Turns([[u64; 8]; 16], [[u64; 8]; 16]);

#[expect(clippy::indexing_slicing, reason = "done by the compiler, which looks")]
static TURNS: Turns = {
    let mut turns = Turns([[0; 8]; 16], [[0; 8]; 16]);
    let mut line = 0;
    while line < 16 {
        let (a, r) = (line % 4, line / 4);
        let mut lane = 0;
        while lane < 8 {
            let in_rows = row_turn(a, column_turn(STILL, lane));
            let mut other = 0;
            while other < 8 {
                if column_turn(r, other) == in_rows {
                    turns.0[line][lane] = other as u64;
                    turns.1[line][other] = lane as u64;
                }
                other += 1;
            }
            lane += 1;
        }
        line += 1;
    }
    turns
};

/// `x + y + 2 * low(x) * low(y)`, RFC 9106, 3.6, for each pair of registers.
macro_rules! add {
    ($v:ident; $(($x:literal, $y:literal)),*) => {$(
        let product = _mm512_mul_epu32($v[$x], $v[$y]);
        let sum = _mm512_add_epi64($v[$x], $v[$y]);
        $v[$x] = _mm512_add_epi64(sum, _mm512_add_epi64(product, product));
    )*};
}

/// XOR, then a rotation to the right, for each pair of registers.
macro_rules! xor_rotate {
    ($v:ident, $right:literal; $(($x:literal, $y:literal)),*) => {
        $($v[$x] = _mm512_ror_epi64::<$right>(_mm512_xor_si512($v[$x], $v[$y]));)*
    };
}

/// `GB` of RFC 9106, 3.6, for the groups of registers named, up to where the first is final.
macro_rules! mix_head {
    ($v:ident; $(($a:literal, $b:literal, $c:literal, $d:literal)),*) => {
        add!($v; $(($a, $b)),*);
        xor_rotate!($v, 32; $(($d, $a)),*);
        add!($v; $(($c, $d)),*);
        xor_rotate!($v, 24; $(($b, $c)),*);
        add!($v; $(($a, $b)),*);
    };
}

/// The rest of `GB`.
macro_rules! mix_tail {
    ($v:ident; $(($a:literal, $b:literal, $c:literal, $d:literal)),*) => {
        xor_rotate!($v, 16; $(($d, $a)),*);
        add!($v; $(($c, $d)),*);
        xor_rotate!($v, 63; $(($b, $c)),*);
    };
}

/// Turns registers by the tables of the lines named.
macro_rules! turn {
    ($v:ident, $turns:expr; $(($x:literal, $line:literal)),*) => {
        $($v[$x] = _mm512_permutexvar_epi64(load(&$turns[$line]), $v[$x]);)*
    };
}

/// One block, from the registers of the one before and from its reference in memory, combined
/// with the old block if there is one. `$first` is run with the first line as soon as that is done.
///
/// A macro, because a function of this size is not inlined, and then its registers go to memory.
macro_rules! compressed {
    ($x:ident, $y:ident, $old:expr, $first:expr) => {{
        let mut r = $x;
        for (x, y) in r.iter_mut().zip(&$y.0) {
            *x = _mm512_xor_si512(*x, load(y));
        }
        let mut v = r;
        mix_head!(v; (0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15));
        mix_tail!(v; (0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15));
        turn!(v, TURNS.0; (0, 0), (1, 1), (2, 2), (3, 3), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9));
        turn!(v, TURNS.0; (10, 10), (11, 11), (12, 12), (13, 13), (14, 14), (15, 15));
        mix_head!(v; (0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15));
        // The column pass of a = 0, in `w`, up to where the first line is final. It is one long
        // chain; what is done in `v` between its links, the rest of the row pass and the beginning
        // of the other columns, fills the time in which the chain waits for itself.
        let mut w = [v[0], v[4], v[8], v[12]];
        add!(w; (0, 1));
        xor_rotate!(v, 16; (3, 0), (7, 4), (11, 8), (15, 12));
        xor_rotate!(w, 32; (3, 0));
        add!(w; (2, 3));
        add!(v; (2, 3), (6, 7), (10, 11), (14, 15));
        xor_rotate!(w, 24; (1, 2));
        add!(w; (0, 1));
        xor_rotate!(v, 63; (1, 2), (5, 6), (9, 10), (13, 14));
        add!(v; (1, 5), (2, 6), (3, 7));
        xor_rotate!(w, 16; (3, 0));
        add!(w; (2, 3));
        xor_rotate!(v, 32; (13, 1), (14, 2), (15, 3));
        turn!(w, TURNS.1; (0, 0), (3, 12));
        xor_rotate!(w, 63; (1, 2));
        add!(w; (0, 1));
        add!(v; (9, 13), (10, 14), (11, 15));
        turn!(w, TURNS.1; (2, 8));
        xor_rotate!(w, 32; (3, 0));
        add!(w; (2, 3));
        xor_rotate!(v, 24; (5, 9), (6, 10), (7, 11));
        xor_rotate!(w, 24; (1, 2));
        add!(w; (0, 1));
        let old: Option<&[[u64; 8]; 16]> = $old;
        let first = match old {
            Some(old) => _mm512_ternarylogic_epi64::<XOR3>(w[0], r[0], load(&old[0])),
            None => _mm512_xor_si512(w[0], r[0]),
        };
        $first(first);
        [v[0], v[4], v[8], v[12]] = w;
        add!(v; (1, 5), (2, 6), (3, 7));
        mix_tail!(v; (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15));
        turn!(v, TURNS.1; (1, 1), (2, 2), (3, 3), (5, 5), (6, 6), (7, 7));
        turn!(v, TURNS.1; (9, 9), (10, 10), (11, 11), (13, 13), (14, 14), (15, 15));
        mix_head!(v; (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15));
        mix_tail!(v; (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15));
        match old {
            Some(old) => {
                for ((v, r), old) in v.iter_mut().zip(&r).zip(old) {
                    *v = _mm512_ternarylogic_epi64::<XOR3>(*v, *r, load(old));
                }
            }
            None => {
                for (v, r) in v.iter_mut().zip(&r) {
                    *v = _mm512_xor_si512(*v, *r);
                }
            }
        }
        v[0] = first;
        v
    }};
}

/// The truth table of XOR of three.
const XOR3: i32 = 0x96;

/// Compresses zero and `block` into `block`. Only ever called on a CPU that has the path.
pub(super) fn compress(block: &mut Block) {
    if std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: the CPU has AVX-512F.
        unsafe { compress_on(block) }
    }
}

/// Fills a segment.
pub(super) fn fill(blocks: &mut [Block], segment: &Segment) -> Result<(), Error> {
    if !std::arch::is_x86_feature_detected!("avx512f") {
        return Err(Error::PathUnavailable { path: crate::Path::Avx512 });
    }
    let window = segment.window();
    match (segment.is_independent(), window.is_single_lane(), segment.is_xored()) {
        // SAFETY: the CPU has AVX-512F.
        (true, _, false) => unsafe { fill_independent::<false>(blocks, segment) },
        // SAFETY: the CPU has AVX-512F.
        (true, _, true) => unsafe { fill_independent::<true>(blocks, segment) },
        // SAFETY: the CPU has AVX-512F.
        (false, true, false) => unsafe {
            fill_dependent::<false>(blocks, segment, |position, word| {
                window.own_lane(position, word)
            })
        },
        // SAFETY: the CPU has AVX-512F.
        (false, true, true) => unsafe {
            fill_dependent::<true>(blocks, segment, |position, word| {
                window.own_lane(position, word)
            })
        },
        // SAFETY: the CPU has AVX-512F.
        (false, false, false) => unsafe {
            fill_dependent::<false>(blocks, segment, |position, word| {
                window.any_lane(position, word)
            })
        },
        // SAFETY: the CPU has AVX-512F.
        (false, false, true) => unsafe {
            fill_dependent::<true>(blocks, segment, |position, word| {
                window.any_lane(position, word)
            })
        },
    }
}

#[target_feature(enable = "avx512f")]
fn compress_on(block: &mut Block) {
    let x = [_mm512_setzero_si512(); 16];
    let y = *block;
    let new = compressed!(x, y, None, |_| ());
    store_block(block, &new);
}

#[target_feature(enable = "avx512f")]
fn fill_independent<const XORED: bool>(
    blocks: &mut [Block],
    segment: &Segment,
) -> Result<(), Error> {
    let mut references = References::new(segment, &LAYOUT, compress);
    let mut positions = segment.positions();
    while !positions.is_empty() {
        // No call within the loop below: it would send the sixteen registers to memory.
        let end = references.advance(positions.start).min(positions.end);
        let before = segment.before(positions.start);
        let mut x = load_block(blocks.get(before).ok_or(Error::Reference)?);
        for position in positions.start..end {
            let place = segment.start() + position as usize;
            prefetch_once(blocks, references.at(position + REFERENCES_AHEAD));
            prefetch(blocks, place + PLACES_AHEAD);
            let y = blocks.get(references.at(position)).ok_or(Error::Reference)?;
            let old = blocks.get(place).filter(|_| XORED).map(|block| &block.0);
            let new = compressed!(x, y, old, |_| ());
            store_block(blocks.get_mut(place).ok_or(Error::Reference)?, &new);
            x = new;
        }
        positions.start = end;
    }
    Ok(())
}

#[target_feature(enable = "avx512f")]
fn fill_dependent<const XORED: bool>(
    blocks: &mut [Block],
    segment: &Segment,
    reference: impl Fn(u32, u64) -> usize,
) -> Result<(), Error> {
    let positions = segment.positions();
    let before = blocks.get(segment.before(positions.start)).ok_or(Error::Reference)?;
    let mut index = reference(positions.start, before.0[0][0]);
    let mut x = load_block(before);
    for position in positions {
        let y = blocks.get(index).ok_or(Error::Reference)?;
        let place = segment.start() + position as usize;
        prefetch(blocks, place + PLACES_AHEAD);
        let old = blocks.get(place).filter(|_| XORED).map(|block| &block.0);
        let new = compressed!(x, y, old, |first| {
            let word = _mm_cvtsi128_si64(_mm512_castsi512_si128(first)).cast_unsigned();
            index = reference(position + 1, word);
            prefetch_once(blocks, index);
        });
        store_block(blocks.get_mut(place).ok_or(Error::Reference)?, &new);
        x = new;
    }
    Ok(())
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load_block(block: &Block) -> [__m512i; 16] {
    let mut v = [_mm512_setzero_si512(); 16];
    for (v, line) in v.iter_mut().zip(&block.0) {
        *v = load(line);
    }
    v
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store_block(block: &mut Block, v: &[__m512i; 16]) {
    for (line, v) in block.0.iter_mut().zip(v) {
        store(line, *v);
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(line: &[u64; 8]) -> __m512i {
    // SAFETY: the reference covers the 64 bytes that are read, and no alignment is asked for.
    unsafe { _mm512_loadu_si512(line.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(line: &mut [u64; 8], v: __m512i) {
    // SAFETY: the reference covers the 64 bytes that are written, and no alignment is asked for.
    unsafe { _mm512_storeu_si512(line.as_mut_ptr().cast(), v) }
}
