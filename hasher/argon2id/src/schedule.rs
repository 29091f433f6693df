//! Which block is made when, and which earlier block it may refer to: RFC 9106, 3.2 and 3.4.
//!
//! Pure arithmetic. Every index that leaves this file is below `Shape::blocks`, or the fill loops,
//! which look before they read, give the hash up.

use crate::block::Words;
use crate::{Params, Variant, Version};

/// Slices of a pass: lanes meet at their ends.
pub(crate) const SLICES: u32 = 4;

/// Addresses that one address block holds.
pub(crate) const ADDRESSES: usize = crate::block::WORDS;

/// How the memory is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    params: Params,
    pub(crate) segment_blocks: u32,
    pub(crate) lane_blocks: u32,
}

impl Shape {
    pub(crate) fn new(params: &Params) -> Self {
        let cost = params.cost();
        // `Params` has at least one lane, and at least two blocks a segment.
        let segment_blocks = (cost.memory_kib / SLICES).checked_div(cost.lanes).unwrap_or(0);
        Self { params: *params, segment_blocks, lane_blocks: segment_blocks * SLICES }
    }

    /// Blocks in all: the memory cost, rounded down to whole segments.
    pub(crate) fn blocks(&self) -> usize {
        self.lane_blocks as usize * self.params.cost().lanes as usize
    }

    /// The index of a lane's block.
    pub(crate) fn index(&self, lane: u32, column: u32) -> usize {
        lane as usize * self.lane_blocks as usize + column as usize
    }

    /// The segments, in the order in which one thread must fill them.
    pub(crate) fn segments(self) -> impl Iterator<Item = Segment> {
        let cost = self.params.cost();
        (0..cost.passes).flat_map(move |pass| {
            (0..SLICES).flat_map(move |slice| {
                (0..cost.lanes).map(move |lane| Segment { shape: self, pass, slice, lane })
            })
        })
    }
}

/// A quarter of a lane in one pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    shape: Shape,
    pass: u32,
    slice: u32,
    lane: u32,
}

impl Segment {
    /// The positions to fill. The first two blocks of a lane are there from the start.
    pub(crate) fn positions(&self) -> core::ops::Range<u32> {
        let first = if self.pass == 0 && self.slice == 0 { 2 } else { 0 };
        first..self.shape.segment_blocks
    }

    /// The index of the segment's first block.
    pub(crate) fn start(&self) -> usize {
        self.shape.index(self.lane, self.slice * self.shape.segment_blocks)
    }

    /// The index of the block before `position`; before the first block of a lane is its last.
    pub(crate) fn before(&self, position: u32) -> usize {
        let column = self.slice * self.shape.segment_blocks + position;
        self.shape.index(self.lane, column.checked_sub(1).unwrap_or(self.shape.lane_blocks - 1))
    }

    /// Whether the references are drawn without looking at the blocks.
    pub(crate) fn is_independent(&self) -> bool {
        match self.shape.params.variant() {
            Variant::D => false,
            Variant::I => true,
            Variant::Id => self.pass == 0 && self.slice < SLICES / 2,
        }
    }

    /// Whether new blocks are combined with the old ones, by XOR.
    pub(crate) fn is_xored(&self) -> bool {
        self.pass > 0 && self.shape.params.version() == Version::V0x13
    }

    /// The block whose compression gives the segment's addresses, counter at zero.
    pub(crate) fn address_input(&self) -> Words {
        let cost = self.shape.params.cost();
        let mut words = [0; ADDRESSES];
        let head = [
            u64::from(self.pass),
            u64::from(self.lane),
            u64::from(self.slice),
            self.shape.blocks() as u64,
            u64::from(cost.passes),
            u64::from(self.shape.params.variant().code()),
        ];
        for (word, value) in words.iter_mut().zip(head) {
            *word = value;
        }
        words
    }

    /// What turns a block's first word into the index of its reference.
    pub(crate) fn window(&self) -> Window {
        let Shape { segment_blocks, lane_blocks, .. } = self.shape;
        let lanes = self.shape.params.cost().lanes;
        let first_slice = self.pass == 0 && self.slice == 0;
        let (area, start) = match (self.pass, self.slice) {
            (0, slice) => (slice * segment_blocks, 0),
            (_, slice) if slice == SLICES - 1 => (lane_blocks - segment_blocks, 0),
            (_, slice) => (lane_blocks - segment_blocks, (slice + 1) * segment_blocks),
        };
        Window {
            area: u64::from(area),
            start: u64::from(start),
            lane_blocks: u64::from(lane_blocks),
            lane: self.lane,
            // In the first slice no other lane has anything to refer to.
            lanes: if first_slice { 1 } else { lanes },
            base: self.shape.index(self.lane, 0) as u64,
        }
    }
}

/// The blocks a segment may refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Blocks outside this segment that are in reach, of each lane.
    area: u64,
    /// The column at which they start.
    start: u64,
    lane_blocks: u64,
    lane: u32,
    lanes: u32,
    base: u64,
}

impl Window {
    /// Whether every reference is to the segment's own lane.
    pub(crate) fn is_single_lane(&self) -> bool {
        self.lanes == 1
    }

    /// The index of the reference of the block at `position`, drawn by `word`, when all
    /// references are to the own lane.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "memory fits in the address space")]
    pub(crate) fn own_lane(&self, position: u32, word: u64) -> usize {
        let area = self.area + u64::from(position) - 1;
        (self.base + self.column(area, word)) as usize
    }

    /// The index of the reference of the block at `position`, drawn by `word`.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "memory fits in the address space")]
    pub(crate) fn any_lane(&self, position: u32, word: u64) -> usize {
        if self.lanes == 1 {
            return self.own_lane(position, word);
        }
        // 32 bits: a division by 64 takes twice the time, and the next reference waits for it.
        let lane = ((word >> 32) as u32).checked_rem(self.lanes).unwrap_or(0);
        if lane == self.lane {
            return self.own_lane(position, word);
        }
        let area = self.area - u64::from(position == 0);
        (u64::from(lane) * self.lane_blocks + self.column(area, word)) as usize
    }

    /// RFC 9106, 3.4.2: squaring favours blocks that were made lately.
    #[inline(always)]
    fn column(&self, area: u64, word: u64) -> u64 {
        let square = ((word & 0xffff_ffff) * (word & 0xffff_ffff)) >> 32;
        let back = (area * square) >> 32;
        let column = self.start + (area - 1 - back);
        if column >= self.lane_blocks { column - self.lane_blocks } else { column }
    }
}

#[cfg(test)]
mod tests;
