//! What is measured, and medians.

use super::*;

fn argon2(lanes: u32, arena_kib: u32, large_kib: u64) -> (Vec<u32>, usize) {
    let all = probes(lanes, arena_kib, large_kib);
    let sizes = all.iter().filter_map(|probe| match probe {
        Probe::Argon2 { memory_kib, passes: 2 } => Some(*memory_kib),
        Probe::Argon2 { .. } | Probe::Steps { .. } | Probe::Map { .. } => None,
    });
    let sizes: Vec<u32> = sizes.collect();
    (sizes.clone(), all.len() - 2 * sizes.len())
}

#[test]
fn sizes_are_within_the_arena_and_heaps_within_what_is_to_spare() {
    // Six functions without memory, two with it at two sizes, and mapping.
    assert_eq!(argon2(2, 19 << 10, 1 << 20), (vec![19_456, 4_864, 1_216, 304], 11));
    assert_eq!(argon2(2, 2 << 20, 1 << 20).0, [262_144, 65_536, 16_384, 4_096]);
    assert_eq!(argon2(1, 8, 1 << 20).0, [8]);
    // 16 MiB for 16 lanes are one for each, and for 17 not even that.
    assert_eq!(argon2(16, 1024, 0), (vec![1024, 256], 8));
    assert_eq!(argon2(17, 1024, 0), (vec![1024, 256], 6));
}

#[test]
fn the_policys_own_cost_is_measured_first() {
    let first = Probe::Argon2 { memory_kib: 19 << 10, passes: 1 };
    assert_eq!(probes(1, 19 << 10, 0).first(), Some(&first));
}

#[test]
fn a_run_that_was_held_up_does_not_count_and_a_share_of_the_cpu_does() {
    let probe = Probe::Steps { of: Primitive::Md5, heap_kib: 0 };
    let mut lane = Measured::default();
    for ms in [1, 1, 90] {
        lane.ran(probe, 1_000, Duration::from_millis(ms));
    }
    lane.took(Duration::from_millis(100), Duration::from_millis(100));
    assert_eq!(lane.medians_ps(), BTreeMap::from([(probe, 1_000_000)]));
    let mut other = Measured::default();
    other.took(Duration::from_millis(100), Duration::from_millis(300));
    lane.add(other);
    assert_eq!(lane.cpu_permille(), 500);
    assert_eq!(lane.medians_ps(), BTreeMap::from([(probe, 2_000_000)]));
    // Nothing was measured: nothing is divided by.
    assert_eq!(Measured::default().cpu_permille(), 1);
    assert!(Measured::default().medians_ps().is_empty());
}
