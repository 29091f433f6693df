//! The bounds of RFC 9106, 3.1.

use super::*;

fn check(memory_kib: u32, passes: u32, lanes: u32, tag_bytes: u32, expected: Result<(), Error>) {
    let cost = Cost { memory_kib, passes, lanes };
    let actual = Params::new(Variant::Id, Version::V0x13, cost, tag_bytes).map(drop);
    assert_eq!(actual, expected, "m={memory_kib} t={passes} p={lanes} tag={tag_bytes}");
}

#[test]
fn bounds_are_those_of_the_rfc() {
    check(8, 1, 1, 4, Ok(()));
    check(u32::MAX, u32::MAX, 1, u32::MAX, Ok(()));
    check(8 * LANES_MAX, 1, LANES_MAX, 32, Ok(()));
    check(19 << 10, 2, 0, 32, Err(Error::Lanes { lanes: 0 }));
    check(u32::MAX, 2, LANES_MAX + 1, 32, Err(Error::Lanes { lanes: LANES_MAX + 1 }));
    check(7, 1, 1, 32, Err(Error::Memory { memory_kib: 7, lanes: 1 }));
    check(127, 1, 16, 32, Err(Error::Memory { memory_kib: 127, lanes: 16 }));
    check(0, 1, u32::MAX, 32, Err(Error::Lanes { lanes: u32::MAX }));
    check(8, 0, 1, 32, Err(Error::Passes));
    check(8, 1, 1, 3, Err(Error::Tag { tag_bytes: 3 }));
}
