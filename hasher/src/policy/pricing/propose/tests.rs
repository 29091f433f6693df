//! Targets and pods, and what is proposed for them.

use super::super::probes::{Measured, Probe};
use super::*;

const MIB: u64 = 1 << 10;

/// A machine that does a MiB-pass in 128 us, whatever the memory.
fn rates() -> Rates {
    let mut measured = Measured::default();
    let kib: u32 = 2 << 20;
    measured.took(Duration::from_secs(1), Duration::from_secs(1));
    measured.ran(
        Probe::Argon2 { memory_kib: kib, passes: 1 },
        1,
        Duration::from_micros(128) * 2048,
    );
    measured.ran(
        Probe::Argon2 { memory_kib: kib, passes: 2 },
        1,
        Duration::from_micros(256) * 2048,
    );
    Rates::measured(Cost { memory_kib: kib, iterations: 1, parallelism: 1 }, kib, &measured)
}

fn check(target_ms: u64, lanes: u32, memory_mib: u64, expect: &str) {
    let target = Duration::from_millis(target_ms);
    let said = match propose(&rates(), Wish { target, lanes, memory_kib: memory_mib * MIB }) {
        Err(error) => error.to_string(),
        Ok(choices) => {
            let choices = choices.iter().map(|choice| {
                let Choice { memory_mib, iterations, time } = choice;
                format!("{memory_mib}x{iterations}:{}", time.as_millis())
            });
            choices.collect::<Vec<_>>().join(" ")
        }
    };
    assert_eq!(said, expect);
}

#[test]
fn memory_comes_first_and_passes_use_the_time_that_is_left() {
    check(
        50,
        2,
        4096,
        "7x55:49 9x43:49 12x32:49 19x20:48 32x12:49 46x8:47 64x6:49 96x4:49 128x3:49 \
         192x2:49 256x1:32 384x1:49",
    );
    // No room for more than 46 MiB a lane: its passes take the time.
    check(50, 4, 256, "7x55:49 9x43:49 12x32:49 19x20:48 32x12:49 46x8:47");
    // Passes that no policy may have.
    check(10_000, 1, 80, "7x64:57 9x64:73 12x64:98");
    check(
        10_000,
        1,
        1 << 20,
        "7x64:57 9x64:73 12x64:98 19x64:155 32x64:262 46x64:376 64x64:524 96x64:786 \
         128x64:1048 192x64:1572 256x64:2097 384x64:3145 512x64:4194 768x64:6291 \
         1024x64:8388 1536x50:9830 2048x38:9961",
    );
}

#[test]
fn nothing_weak_is_proposed() {
    check(5, 2, 4096, "7x5:4 9x4:4 12x3:4 19x2:4");
    check(
        4,
        2,
        4096,
        "4 ms is too short on this machine: the quickest set that OWASP calls safe, 7 MiB and \
         5 passes, takes 5 ms while all lanes work; ask for that or more",
    );
    check(
        1,
        2,
        4096,
        "1 ms is too short on this machine: the quickest set that OWASP calls safe, 7 MiB and \
         5 passes, takes 5 ms while all lanes work; ask for that or more",
    );
    check(
        50,
        2,
        77,
        "2 lanes of 7 MiB, the least there is, do not fit into 77 MiB beside 64 MiB for the \
         program: give the pod more memory, or fewer lanes",
    );
    check(
        50,
        2,
        0,
        "2 lanes of 7 MiB, the least there is, do not fit into 0 MiB beside 64 MiB for the \
         program: give the pod more memory, or fewer lanes",
    );
    for size in SIZES_MIB {
        assert!(passes_min(size).is_some_and(|passes| 35 <= size * passes), "{size} MiB");
    }
}
