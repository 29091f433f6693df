//! From measured times to prices.

use super::super::steps::Steps;
use super::*;

const MS: Duration = Duration::from_millis(1);
const POLICY: Cost = Cost { memory_kib: 1 << 10, iterations: 2, parallelism: 1 };

fn cost(memory_kib: u32, iterations: u32) -> Cost {
    Cost { memory_kib, iterations, parallelism: 1 }
}

fn steps(of: Primitive, count: u64) -> Demand {
    Demand { steps: Some(Steps { of, count }), ..Demand::default() }
}

/// A machine on which a block takes 100 ns in the first pass and 150 in others, and twice that at 4 MiB.
fn machine() -> Measured {
    let mut measured = Measured::default();
    for (memory_kib, us) in [(1 << 10, 100), (4 << 10, 200)] {
        let block = Duration::from_nanos(us) * memory_kib;
        measured.ran(Probe::Argon2 { memory_kib, passes: 1 }, 1, block);
        measured.ran(Probe::Argon2 { memory_kib, passes: 2 }, 1, block * 5 / 2);
    }
    measured.ran(Probe::Steps { of: Primitive::Md5, heap_kib: 0 }, 1_000, MS);
    measured.ran(Probe::Steps { of: Primitive::Scrypt, heap_kib: 1 << 10 }, 1_000, MS);
    measured.ran(Probe::Map { memory_kib: 1 << 10 }, 1_000, MS);
    measured.took(MS, MS);
    measured
}

fn rates() -> Rates {
    Rates::measured(POLICY, 4 << 10, &machine())
}

#[test]
fn between_sizes_time_is_on_the_line_and_beyond_them_as_at_the_end() {
    let check = |cost: Cost, first_ns: u64, next_ns: u64| {
        let each = first_ns + next_ns * u64::from(cost.iterations - 1);
        let expect = Duration::from_nanos(each * u64::from(cost.memory_kib));
        assert_eq!(
            rates().quote(cost.into()),
            Quote { units: cost.units(), time: expect },
            "{cost:?}"
        );
    };
    check(cost(1 << 10, 1), 100, 0);
    check(POLICY, 100, 150);
    check(cost(4 << 10, 2), 200, 300);
    check(cost(2560, 3), 150, 225);
    check(cost(8, 2), 100, 150);
}

#[test]
fn memory_beyond_the_arena_is_made_first() {
    let within = rates().quote(cost(4 << 10, 1).into());
    let beyond = rates().quote(cost(8 << 10, 1).into());
    assert_eq!(beyond.time, 2 * within.time + Duration::from_micros(8 << 10));
    assert_eq!(beyond.units, Units(8));
}

#[test]
fn a_unit_is_time_at_the_policy_and_other_functions_are_told_in_it() {
    assert_eq!(rates().unit(), Duration::from_nanos(125 * 1024));
    let md5 = rates().quote(steps(Primitive::Md5, 500));
    assert_eq!(md5, Quote { units: Units(4), time: MS / 2 });
    assert_eq!(rates().quote(steps(Primitive::Md5, 0)).units, Units(1));
    assert_eq!(rates().quote(steps(Primitive::Md5, u64::MAX)).units.0, 144_115_188_075_855_872);
}

/// Nothing may be free or priced as on another machine for want of a measurement.
#[test]
fn what_was_not_measured_has_the_tables_ratio() {
    let of = |primitive| rates().quote(steps(primitive, 1_000_000)).time;
    // By its likeness: 66 to 107.
    assert_eq!(of(Primitive::Md4), Duration::from_nanos(616_822_000));
    // By Argon2: a unit here is 128 us, and 112 us on the machine of the table.
    assert_eq!(of(Primitive::Sha256), Duration::from_nanos(68_571_000));
    let small = rates().quote(Demand { heap_kib: 1 << 10, ..steps(Primitive::Scrypt, 1_000) });
    let large = rates().quote(Demand { heap_kib: 8 << 10, ..steps(Primitive::Scrypt, 1_000) });
    assert_eq!((small.time, large.time), (MS, MS * 3 / 2));
    let nothing = Rates::measured(POLICY, 1 << 10, &Measured::default());
    for of in Primitive::ALL {
        let (here, table) =
            (nothing.quote(steps(of, 1_000)), Rates::nominal().quote(steps(of, 1_000)));
        assert_eq!(here.units, table.units, "{of:?}");
    }
}

#[test]
fn nominally_a_mib_pass_is_a_unit_everywhere() {
    let nominal = Rates::nominal();
    for cost in [cost(19 << 10, 2), cost(8, 1), cost(1 << 20, 7)] {
        assert_eq!(nominal.quote(cost.into()).units, cost.units());
    }
    // bcrypt at 12: 4,096 key expansions.
    assert_eq!(nominal.quote(steps(Primitive::Blowfish, 1 << 12)).units, Units(1_957));
    let both = Demand { argon2: Some(cost(19 << 10, 2)), ..steps(Primitive::Blowfish, 1 << 12) };
    assert_eq!(nominal.quote(both).units, Units(1_957 + 38));
}

#[test]
fn passes_that_no_machine_does_are_not_believed() {
    let mut wrong = Measured::default();
    wrong.took(MS, MS);
    wrong.ran(Probe::Argon2 { memory_kib: 1 << 10, passes: 1 }, 1, MS);
    wrong.ran(Probe::Argon2 { memory_kib: 1 << 10, passes: 2 }, 1, MS);
    let rates = Rates::measured(POLICY, 1 << 10, &wrong);
    let (one, two) = (rates.quote(cost(1 << 10, 1).into()), rates.quote(POLICY.into()));
    assert!(two.time * 2 > one.time * 3 - MS / 100, "{one:?} {two:?}");
}

#[test]
fn rates_are_shown_with_their_memory() {
    let shown = rates().to_string();
    assert!(shown.starts_with(
        "argon2-first 1024 KiB 100.0, argon2-first 4096 KiB 200.0, argon2-next 1024 KiB"
    ));
    assert!(shown.contains(", md5 1000.0,") && shown.ends_with(", map 1000.0"), "{shown}");
}
