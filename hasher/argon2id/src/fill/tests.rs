//! The paths against one another in blocks on the heap, where an address sanitizer sees each read and
//! write beyond them. The arena's mapping is larger than its blocks, and would hide one.

use super::*;
use crate::{Cost, Input, Params, Variant, Version};

fn last(path: Path, params: &Params, blocks: &mut [Block]) -> Result<Zeroizing<Words>, Error> {
    let input = Input::new(b"password", b"somesalt");
    let prehash = Prehash::new(params, &input).unwrap();
    fill(path, Shape::new(params), &prehash, params.cost().lanes, blocks)
}

fn check(cost: Cost) {
    for variant in [Variant::D, Variant::I, Variant::Id] {
        for version in [Version::V0x10, Version::V0x13] {
            let params = Params::new(variant, version, cost, 32).unwrap();
            let mut blocks = vec![Block::ZERO; Shape::new(&params).blocks()];
            let expected = last(Path::Portable, &params, &mut blocks).unwrap();
            for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
                let words = last(path, &params, &mut blocks).unwrap();
                assert_eq!(words[..], expected[..], "{params:?} {path}");
            }
        }
    }
}

#[test]
fn paths_agree_and_stay_within_the_blocks() {
    check(Cost { memory_kib: 8, passes: 1, lanes: 1 });
    check(Cost { memory_kib: 40, passes: 3, lanes: 1 });
    check(Cost { memory_kib: 35, passes: 2, lanes: 4 });
    if !cfg!(miri) {
        // Segments of more than two address blocks.
        check(Cost { memory_kib: 1203, passes: 2, lanes: 1 });
        check(Cost { memory_kib: 3001, passes: 2, lanes: 2 });
    }
}

#[test]
fn too_few_blocks_are_an_error_on_every_path() {
    let cost = Cost { memory_kib: 64, passes: 2, lanes: 1 };
    for variant in [Variant::D, Variant::I, Variant::Id] {
        let params = Params::new(variant, Version::V0x13, cost, 32).unwrap();
        for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
            for blocks in [0, 1, 2, 63] {
                let mut blocks = vec![Block::ZERO; blocks];
                assert_eq!(
                    last(path, &params, &mut blocks).err(),
                    Some(Error::Reference),
                    "{path}"
                );
            }
        }
    }
}

#[test]
fn a_path_that_the_cpu_lacks_is_an_error() {
    let cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
    let params = Params::new(Variant::Id, Version::V0x13, cost, 32).unwrap();
    for path in Path::ALL.into_iter().filter(|path| !path.is_available()) {
        let mut blocks = vec![Block::ZERO; 8];
        let refused = last(path, &params, &mut blocks).err();
        assert_eq!(refused, Some(Error::PathUnavailable { path }));
    }
}
