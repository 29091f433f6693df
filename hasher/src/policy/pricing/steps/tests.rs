//! Steps become units, and memory is counted once.

use super::*;

#[test]
fn steps_are_rounded_up_to_units_and_never_free() {
    let units = |of, count| units(Steps { of, count }).0;
    assert_eq!(units(Primitive::Md5, 0), 1);
    assert_eq!(units(Primitive::Md5, 1), 1);
    assert_eq!(units(Primitive::Sha256, u64::MAX), units(Primitive::Sha256, u64::MAX));
    assert!(units(Primitive::Sha512, 1 << 40) > units(Primitive::Sha512, 1 << 39));
    // Twice the cost is twice the price, up to rounding.
    let (ten, eleven) = (units(Primitive::Blowfish, 1 << 10), units(Primitive::Blowfish, 1 << 11));
    assert!((2 * ten - 1..=2 * ten).contains(&eleven), "{ten} and {eleven}");
}

#[test]
fn memory_that_the_arena_lends_is_not_taken_beside_it() {
    let cost = Cost { memory_kib: 1024, iterations: 2, parallelism: 1 };
    let argon2 = Demand::from(cost);
    assert_eq!((argon2.beside_kib(1024), argon2.beside_kib(1023)), (0, 1024));
    let scrypt = Demand { units: Units(1), arena_kib: 0, heap_kib: 16 };
    assert_eq!((scrypt.beside_kib(1024), scrypt.memory_kib()), (16, 16));
}
