//! Any parameters: refused, or the same tag on every path. `cargo +nightly fuzz run parameters`.

#![no_main]

use authcluster_argon2id::{
    Arena, ArenaOptions, Cost, Error, Input, Params, Path, Variant, Version, Wipe, hash_into_on,
};
use libfuzzer_sys::fuzz_target;

/// Small, so that refusals for want of memory are met, and each run is short.
const CAPACITY_KIB: u32 = 512;

#[derive(arbitrary::Arbitrary, Debug)]
struct Case {
    variant: u8,
    is_old: bool,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    tag_bytes: u16,
    password: Vec<u8>,
    salt: Vec<u8>,
    secret: Vec<u8>,
    associated_data: Vec<u8>,
    is_wiped: bool,
}

fuzz_target!(|case: Case| {
    let variant = [Variant::D, Variant::I, Variant::Id][usize::from(case.variant % 3)];
    let version = if case.is_old { Version::V0x10 } else { Version::V0x13 };
    // A third of the numbers is left as it comes; the rest is made to be worth a hash more often.
    let (memory_kib, passes, lanes) = match case.variant / 86 {
        0 => (case.memory_kib, case.passes, case.lanes),
        1 => (case.memory_kib % 1024, case.passes % 4, case.lanes % 65),
        _ => (8 + case.memory_kib % 500, 1 + case.passes % 3, 1 + case.lanes % 8),
    };
    let cost = Cost { memory_kib, passes, lanes };
    let Ok(params) = Params::new(variant, version, cost, case.tag_bytes.into()) else { return };
    if memory_kib <= CAPACITY_KIB && passes > 8 {
        return; // Allowed, and longer than a fuzzer waits.
    }
    let input = Input {
        password: &case.password,
        salt: &case.salt,
        secret: &case.secret,
        associated_data: &case.associated_data,
    };
    let wipe = if case.is_wiped { Wipe::AfterHash } else { Wipe::OnDemand };
    let options = ArenaOptions { huge_pages: false, lock: false, wipe };
    let mut arena = Arena::new(CAPACITY_KIB, options).expect("half a mebibyte");
    let mut hash = |path| {
        let mut tag = vec![0; usize::from(case.tag_bytes)];
        hash_into_on(path, &params, &input, &mut arena, &mut tag).map(|()| tag)
    };
    let expected = hash(Path::Portable);
    match &expected {
        Ok(_) => {}
        Err(Error::ArenaTooSmall { .. }) => assert!(memory_kib > CAPACITY_KIB),
        Err(error) => panic!("{error}"),
    }
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        assert_eq!(hash(path), expected, "{path}");
    }
});
