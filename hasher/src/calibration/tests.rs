//! Every probe runs, and runs what it says.

use super::*;
use crate::policy::pricing::probes::probes;
use crate::policy::pricing::rates::Rates;

const KIB: u32 = 1 << 10;

const ONCE: Span = Span { usual: Duration::ZERO, most: Duration::MAX };

#[test]
fn every_probe_runs_its_own_function_in_its_own_memory() {
    for probe in probes(1, KIB, u64::MAX / 2) {
        let run = Run::of(probe).unwrap_or_else(|| panic!("{probe:?} runs nothing"));
        let demand = run.job.as_ref().map(Job::demand).unwrap_or_default();
        match probe {
            Probe::Argon2 { memory_kib, passes } => {
                let cost = demand.argon2.unwrap();
                assert_eq!((cost.memory_kib, cost.iterations), (memory_kib, passes));
            }
            Probe::Steps { of, heap_kib } => {
                let steps = demand.steps.unwrap();
                assert_eq!((steps.of, steps.count), (of, run.steps));
                assert!(run.steps > 30, "{steps:?}");
                // The memory of the last few blocks beside it.
                assert!(
                    (heap_kib..heap_kib + 64).contains(&demand.heap_kib),
                    "{probe:?} {demand:?}"
                );
            }
            Probe::Map { memory_kib } => assert_eq!(run.steps, u64::from(memory_kib)),
        }
    }
}

#[test]
fn a_lane_measures_all_of_it_once_at_least_and_no_longer_than_it_is_given() {
    let mut arena = Arena::new(KIB).unwrap();
    let all = probes(1, KIB, 1 << 20);
    let measured = measure(&mut arena, &all, ONCE).unwrap();
    assert!((1..=1_000).contains(&measured.cpu_permille()));
    let policy = Cost { memory_kib: KIB, iterations: 2, parallelism: 1 };
    let rows = Rates::measured(policy, KIB, &measured).rows();
    // Two sizes of Argon2 for two kinds of pass, ten functions of which two have two sizes, and mapping.
    assert_eq!(rows.len(), 2 * 2 + 10 + 2 + 1, "{rows:?}");
    assert!(rows.iter().all(|row| row.ps > 1), "{rows:?}");
}

#[test]
fn without_a_first_hash_there_is_no_lane() {
    let mut arena = Arena::new(KIB).unwrap();
    let impossible = Probe::Argon2 { memory_kib: 8, passes: 0 };
    assert!(measure(&mut arena, &[impossible], ONCE).is_err());
}

/// Of functions whose speeds are worlds apart in a build for tests: a table made elsewhere is wrong by ten
/// times there. A ratio of ratios, so that a machine that does other things slows both alike.
#[test]
fn other_costs_than_the_measured_ones_take_what_they_are_priced_at() {
    let mut arena = Arena::new(4 * KIB).unwrap();
    let policy = Cost { memory_kib: 4 * KIB, iterations: 2, parallelism: 1 };
    let all = probes(1, 4 * KIB, 1 << 20);
    let rates = Rates::measured(policy, 4 * KIB, &measure(&mut arena, &all, AT_START).unwrap());
    let mut over_predicted = |job: &Job| {
        let times = (0..5).map(|_| {
            let start = clock::thread_cpu();
            compute(job, &mut arena).unwrap();
            clock::thread_cpu().saturating_sub(start)
        });
        let mut times: Vec<Duration> = times.collect();
        times.sort();
        times[2].as_secs_f64() / rates.quote(job.demand()).time.as_secs_f64()
    };
    let password = || Password::from_bytes(b"password".to_vec()).unwrap();
    let policy = Policy { cost: policy, pepper: None };
    let usual = over_predicted(&Job::Hash { password: password(), policy });
    for encoded in [
        "$argon2id$v=19$m=2048,t=3,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$2b$06$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK",
        "_/U..CCCCXUhOBTXzaiE",
        "$pbkdf2-sha256$3000$aoWHXwyz0im1Hqg93.N.tA$bO5LsjmnnPle2Xm9RE6W1PMWdJTy1TnEia1TLzynuIQ",
        "$scrypt$ln=11,r=8,p=1$cmFuZG9tc2FsdGlzaGFyZA$Rh+NnJNo1I6nRwaNqbDm6kmADswD1+7FTKZ7Ln9D8nQ",
    ] {
        let stored = Arc::new(Stored::parse(encoded, &Bounds::default()).unwrap());
        let ratio = over_predicted(&Job::Verify { password: password(), stored }) / usual;
        assert!(
            (0.4..2.5).contains(&ratio),
            "{encoded} takes {ratio:.2} times what it is priced at"
        );
    }
}
