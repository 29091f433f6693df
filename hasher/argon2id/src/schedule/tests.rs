//! The references stay in the memory, and never name the block that is being made.

use proptest::prelude::*;

use super::*;
use crate::Cost;

proptest! {
    #[test]
    fn a_reference_is_an_earlier_block(
        memory_kib in 8..4096_u32,
        lanes in 1..9_u32,
        passes in 1..4_u32,
        at in any::<(u32, u32)>(),
        word in prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)],
    ) {
        let cost = Cost { memory_kib: memory_kib.max(8 * lanes), passes, lanes };
        let params = Params::new(Variant::Id, Version::V0x13, cost, 32).unwrap();
        let shape = Shape::new(&params);
        let segments: Vec<Segment> = shape.segments().collect();
        let segment = segments[at.0 as usize % segments.len()];
        let positions = segment.positions();
        // With two blocks a segment, the first of a lane has nothing left to make.
        prop_assume!(!positions.is_empty());
        let position = positions.start + at.1 % (positions.end - positions.start);
        let made = segment.start() + position as usize;
        let before = segment.before(position);
        let reference = segment.window().any_lane(position, word);
        prop_assert!(made < shape.blocks() && before < shape.blocks());
        prop_assert!(reference < shape.blocks(), "{reference} of {}", shape.blocks());
        prop_assert!(reference != made && reference != before);
        if segment.pass == 0 && lanes == 1 {
            prop_assert!(reference < before);
        }
    }
}

#[test]
fn every_block_is_made_once_a_pass() {
    let cost = Cost { memory_kib: 100, passes: 3, lanes: 3 };
    let params = Params::new(Variant::D, Version::V0x10, cost, 32).unwrap();
    let shape = Shape::new(&params);
    assert_eq!(shape.blocks(), 96);
    let mut made = vec![0; shape.blocks()];
    for segment in shape.segments() {
        for position in segment.positions() {
            made[segment.start() + position as usize] += 1;
        }
    }
    let expected = |index| if index % 32 < 2 { 2 } else { 3 };
    assert!(made.iter().enumerate().all(|(index, count)| *count == expected(index)), "{made:?}");
}
