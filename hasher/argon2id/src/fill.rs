//! From `H0` to the last block, on the path that was chosen.
//!
//! Everything that touches memory by an index looks first; the paths below hold the only unsafe
//! code of the crate besides the arena's cast.

use zeroize::Zeroizing;

use crate::block::{Block, Layout, NATURAL, WORDS, Words};
use crate::prehash::Prehash;
use crate::schedule::{ADDRESSES, Segment, Shape, Window};
use crate::{Error, Path};

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector loads and stores, and calls into code for a CPU feature")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector loads and stores, and calls into code for a CPU feature")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod cache;
mod portable;

/// What a path can do. The blocks of one hash are only ever seen by one path.
struct Kernel {
    /// The order in which the path keeps words.
    layout: &'static Layout,
    /// Fills a segment.
    fill: fn(&mut [Block], &Segment) -> Result<(), Error>,
}

/// The kernel of a path; `None` when the CPU has it not.
fn kernel(path: Path) -> Option<Kernel> {
    path.is_available().then_some(())?;
    match path {
        #[cfg(target_arch = "x86_64")]
        Path::Avx512 => Some(Kernel { layout: &avx512::LAYOUT, fill: avx512::fill }),
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => Some(Kernel { layout: &avx2::LAYOUT, fill: avx2::fill }),
        #[cfg(not(target_arch = "x86_64"))]
        Path::Avx512 | Path::Avx2 => None,
        Path::Portable => Some(Kernel { layout: &NATURAL, fill: portable::fill }),
    }
}

/// Fills `blocks`, and gives the XOR of the lanes' last ones.
pub(crate) fn fill(
    path: Path,
    shape: Shape,
    prehash: &Prehash,
    lanes: u32,
    blocks: &mut [Block],
) -> Result<Zeroizing<Words>, Error> {
    let kernel = kernel(path).ok_or(Error::PathUnavailable { path })?;
    for lane in 0..lanes {
        for column in 0..2 {
            let block = blocks.get_mut(shape.index(lane, column)).ok_or(Error::Reference)?;
            block.store(&prehash.first_block(column, lane), kernel.layout);
        }
    }
    for segment in shape.segments() {
        (kernel.fill)(blocks, &segment)?;
    }
    let mut last = Zeroizing::new([0; WORDS]);
    for lane in 0..lanes {
        let index = shape.index(lane, shape.lane_blocks - 1);
        blocks.get(index).ok_or(Error::Reference)?.xor_into(&mut last, kernel.layout);
    }
    Ok(last)
}

/// How many blocks ahead the references of independent segments are known. Less than
/// [`ADDRESSES`], so that two address blocks are enough.
const AHEAD: u32 = 32;

/// The references of a segment that are drawn without looking at the blocks.
struct References {
    window: Window,
    /// The first position that has a reference.
    first: u32,
    layout: &'static Layout,
    compress: fn(&mut Block),
    input: Words,
    /// Indices of positions, by position modulo the length: the current and the next 128.
    ring: [u32; 2 * ADDRESSES],
}

impl References {
    fn new(segment: &Segment, layout: &'static Layout, compress: fn(&mut Block)) -> Self {
        let input = segment.address_input();
        let ring = [0; 2 * ADDRESSES];
        let (window, first) = (segment.window(), segment.positions().start);
        let mut references = Self { window, first, layout, compress, input, ring };
        references.draw(0);
        references
    }

    /// The index of the reference of `position`, known once `advance` has come within [`AHEAD`].
    #[inline(always)]
    fn at(&self, position: u32) -> usize {
        let place = position as usize % self.ring.len();
        self.ring.get(place).copied().unwrap_or_default() as usize
    }

    /// Makes the references up to `position + AHEAD` known. To be called for each position in turn,
    /// or only for those that it gives: the next that has something to draw.
    #[inline(always)]
    fn advance(&mut self, position: u32) -> u32 {
        let ahead = position + AHEAD;
        if ahead.is_multiple_of(128) {
            self.draw(ahead);
        }
        (ahead | 127) + 1 - AHEAD
    }

    /// Draws 128 references, from `first` on.
    #[cold]
    #[inline(never)]
    #[expect(clippy::cast_possible_truncation, reason = "memory is below 2^32 blocks")]
    fn draw(&mut self, first: u32) {
        if let Some(counter) = self.input.get_mut(COUNTER) {
            *counter += 1;
        }
        let mut block = Block::ZERO;
        block.store(&self.input, self.layout);
        (self.compress)(&mut block);
        (self.compress)(&mut block);
        let mut words = [0; WORDS];
        block.xor_into(&mut words, self.layout);
        let half = first as usize % self.ring.len();
        let places = self.ring.iter_mut().skip(half);
        for ((place, position), word) in places.zip(first..).zip(words) {
            // The first two words of a lane's first address block are drawn and not used.
            *place = self.window.any_lane(position.max(self.first), word) as u32;
        }
    }
}

/// The word of the address input that counts address blocks.
const COUNTER: usize = 6;

#[cfg(test)]
mod tests;
