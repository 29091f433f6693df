//! What an arena promises besides speed.

use super::*;
use crate::{Cost, Error, Input, Params, Variant, Version, hash_into};

const OPTIONS: [ArenaOptions; 2] = [
    ArenaOptions { huge_pages: true, lock: true, wipe: Wipe::OnDemand },
    ArenaOptions { huge_pages: false, lock: false, wipe: Wipe::AfterHash },
];

fn params(memory_kib: u32) -> Params {
    let cost = Cost { memory_kib, passes: 1, lanes: 1 };
    Params::new(Variant::Id, Version::V0x13, cost, 16).unwrap()
}

fn hash(arena: &mut Arena, memory_kib: u32, out: &mut [u8]) -> Result<(), Error> {
    hash_into(&params(memory_kib), &Input::new(b"password", b"somesalt"), arena, out)
}

fn is_zero(arena: &mut Arena) -> bool {
    let blocks = arena.capacity_kib as usize;
    arena.bytes_mut(blocks).iter().all(|byte| *byte == 0)
}

#[test]
fn blocks_are_whole_and_aligned() {
    for options in OPTIONS {
        for capacity_kib in [8, 9, 100, 2047, 2048, 2049] {
            let mut arena = Arena::new(capacity_kib, options).unwrap();
            let blocks = capacity_kib as usize;
            let all = arena.blocks_mut(blocks).unwrap();
            assert_eq!(all.len(), blocks);
            let unit = if options.huge_pages { HUGE_PAGE_BYTES } else { PAGE_BYTES };
            assert_eq!(all.as_ptr().addr() % unit, 0);
            assert!(arena.blocks_mut(blocks + 1).is_none());
        }
    }
}

#[test]
fn grants_tell_what_was_asked() {
    let asked = Arena::new(8, OPTIONS[0]).unwrap();
    assert_ne!(asked.huge_pages(), Grant::NotAsked);
    assert_ne!(asked.locked(), Grant::NotAsked);
    let unasked = Arena::new(8, OPTIONS[1]).unwrap();
    assert_eq!(unasked.huge_pages(), Grant::NotAsked);
    assert_eq!(unasked.locked(), Grant::NotAsked);
}

#[test]
fn too_little_and_too_much_are_refused() {
    for capacity_kib in [0, 7] {
        let refused = Arena::new(capacity_kib, ArenaOptions::default()).unwrap_err();
        assert!(matches!(refused, ArenaError::Capacity { .. }), "{refused}");
    }
    let mut arena = Arena::new(64, ArenaOptions::default()).unwrap();
    let expected = Error::ArenaTooSmall { capacity_kib: 64, memory_kib: 68 };
    assert_eq!(hash(&mut arena, 68, &mut [0; 16]), Err(expected));
    let expected = Error::Output { actual_bytes: 15, tag_bytes: 16 };
    assert_eq!(hash(&mut arena, 64, &mut [0; 15]), Err(expected));
}

#[test]
fn wiping_leaves_zeros_and_changes_no_hash() {
    for options in OPTIONS {
        let mut arena = Arena::new(64, options).unwrap();
        let (mut first, mut second) = ([0; 16], [1; 16]);
        hash(&mut arena, 64, &mut first).unwrap();
        assert_eq!(is_zero(&mut arena), options.wipe == Wipe::AfterHash);
        arena.wipe();
        assert!(is_zero(&mut arena));
        hash(&mut arena, 32, &mut [0; 16]).unwrap();
        hash(&mut arena, 64, &mut second).unwrap();
        assert_eq!(first, second);
    }
}

#[test]
fn debug_shows_no_blocks() {
    let arena = Arena::new(8, OPTIONS[1]).unwrap();
    let expected = "Arena { capacity_kib: 8, wipe: AfterHash, huge_pages: NotAsked, \
                    locked: NotAsked, .. }";
    assert_eq!(format!("{arena:?}"), expected);
}
