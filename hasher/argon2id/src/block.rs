//! A block of 1 KiB, and the order in which a path keeps its words.
//!
//! Only the first two blocks of a lane, the addresses and the last blocks are ever seen in the order
//! of RFC 9106. In between, each path keeps words where its registers want them.

use zeroize::Zeroize;

/// 64-bit words in a block.
pub(crate) const WORDS: usize = 128;

/// One block: sixteen cache lines, each aligned.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block(pub(crate) [[u64; 8]; 16]);

/// A block's words in the order of RFC 9106.
pub(crate) type Words = [u64; WORDS];

/// For each place in a [`Block`], the number of the word that lives there.
pub(crate) type Layout = [u8; WORDS];

/// Words where RFC 9106 has them.
#[expect(clippy::indexing_slicing, reason = "done by the compiler, which looks")]
pub(crate) const NATURAL: Layout = {
    let mut layout = [0; WORDS];
    let mut place: u8 = 0;
    while (place as usize) < WORDS {
        layout[place as usize] = place;
        place += 1;
    }
    layout
};

impl Block {
    /// A block of zeros.
    pub(crate) const ZERO: Self = Self([[0; 8]; 16]);

    /// Puts `words` where `layout` wants them.
    pub(crate) fn store(&mut self, words: &Words, layout: &Layout) {
        for (place, &word) in self.0.as_flattened_mut().iter_mut().zip(layout) {
            *place = words.get(usize::from(word)).copied().unwrap_or_default();
        }
    }

    /// XORs the block into `words`, which are in natural order.
    pub(crate) fn xor_into(&self, words: &mut Words, layout: &Layout) {
        for (&place, &word) in self.0.as_flattened().iter().zip(layout) {
            if let Some(word) = words.get_mut(usize::from(word)) {
                *word ^= place;
            }
        }
    }
}

impl Zeroize for Block {
    fn zeroize(&mut self) {
        self.0.as_flattened_mut().zeroize();
    }
}
