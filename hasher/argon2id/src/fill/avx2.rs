//! Stub.
use super::Segment;
use crate::block::{Block, Layout, NATURAL};
pub(super) static LAYOUT: Layout = NATURAL;
pub(super) fn compress(block: &mut Block) {
    super::portable::compress(block)
}
pub(super) fn fill(blocks: &mut [Block], segment: &Segment) -> Result<(), crate::Error> {
    super::portable::fill(blocks, segment)
}
