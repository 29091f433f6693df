//! The hashers' routing in simulated time, as a gate: the policy that runs in pods against an oracle
//! that knows everything at once.
//!
//! Bounds: the 99th percentile within 15 % of the oracle's, nothing shed, and most users where they were
//! before. When one fails, the policy is to be mended, not the bound. The table is printed by `make
//! simulate` and kept in `hasher/ROUTING.md`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a simulation stops where it is wrong, and its numbers are small"
)]

mod node;
mod oracle;
mod outcome;
mod random;
mod scenario;
mod table;
mod workload;
mod world;

use std::sync::OnceLock;

use authcluster_contract::config::RoutingStrategy;
use expect_test::expect_file;

use outcome::{Figures, figures};
use scenario::{Event, Scenario};

/// How near the oracle: its 99th percentile and so much more.
const NEAR: f64 = 1.15;

/// What may be shed beyond the oracle's when there is more work than capacity.
const OVERLOAD_SHED: f64 = 0.01;

/// One life, as it went and as it might have gone.
struct Life {
    scenario: Scenario,
    real: Figures,
    best: Figures,
}

/// All of them, computed once for all tests: each is seconds of arithmetic in a build for tests.
fn lives() -> &'static [Life] {
    static LIVES: OnceLock<Vec<Life>> = OnceLock::new();
    LIVES.get_or_init(|| {
        let live = |scenario: Scenario| {
            let arrivals = workload::arrivals(&scenario);
            let real = figures(&scenario, &world::run(&scenario, &arrivals));
            let best = figures(&scenario, &oracle::run(&scenario, &arrivals));
            Life { scenario, real, best }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = scenario::all()
                .into_iter()
                .map(|scenario| scope.spawn(move || live(scenario)))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("a life")).collect()
        })
    })
}

/// Holds every life of this kind to the bounds.
fn check(what: impl Fn(&Scenario) -> bool) {
    let mut seen = 0;
    let of =
        |life: &&Life| life.scenario.strategy == RoutingStrategy::Affinity && what(&life.scenario);
    for Life { scenario, real, best } in lives().iter().filter(of) {
        seen += 1;
        let life = format!(
            "{} at {:.2}, {}, seed {}: {real:?}, oracle {best:?}",
            scenario.nodes,
            scenario.utilisation,
            scenario.name(),
            scenario.seed
        );
        assert!(real.p99_ms <= best.p99_ms * NEAR, "too late: {life}");
        // With more work than capacity the oracle sheds too.
        let shed_max = if scenario.busy() < 1.0 { 0.0 } else { best.shed + OVERLOAD_SHED };
        assert!(real.shed <= shed_max, "shed: {life}");
        let affinity = if scenario.utilisation < 0.9 { 0.70 } else { 0.45 };
        assert!(scenario.event != Event::Steady || real.affinity >= affinity, "moved: {life}");
    }
    assert!(seen >= 3, "{seen} lives");
}

#[test]
fn at_70_percent() {
    check(|scenario| scenario.event == Event::Steady && scenario.utilisation < 0.8);
}

#[test]
fn at_85_percent() {
    check(|scenario| scenario.event == Event::Steady && (0.8..0.9).contains(&scenario.utilisation));
}

#[test]
fn at_95_percent() {
    check(|scenario| scenario.event == Event::Steady && scenario.utilisation > 0.9);
}

#[test]
fn one_node_lost() {
    check(|scenario| matches!(scenario.event, Event::Lost(_)));
    // With more work than capacity there is a backlog to work off first.
    let back =
        |life: &&Life| matches!(life.scenario.event, Event::Lost(_)) && life.scenario.busy() < 1.0;
    for Life { real, best, .. } in lives().iter().filter(back) {
        assert!(real.after_p99_ms <= best.after_p99_ms * NEAR, "{real:?}, oracle {best:?}");
    }
}

#[test]
fn one_node_three_times_slower() {
    check(|scenario| matches!(scenario.event, Event::Slow(_)));
}

#[test]
fn one_user_at_30_percent_of_all_requests() {
    check(|scenario| scenario.event == Event::Hot);
    let hot = lives().iter().filter(|life| life.scenario.event == Event::Hot);
    for life in hot {
        assert!(life.real.capped > 0.10, "the cap does nothing: {:?}", life.real);
    }
}

#[test]
fn the_same_seed_is_the_same_life() {
    let scenario = scenario::all().remove(6);
    let arrivals = workload::arrivals(&scenario);
    let twice = [(); 2].map(|()| format!("{:?}", world::run(&scenario, &arrivals)));
    assert_eq!(twice[0], twice[1]);
}

#[test]
fn the_table_in_the_docs_is_current() {
    let text = table::written(lives());
    println!("{text}");
    let docs = include_str!("../../../hasher/ROUTING.md");
    let (before, rest) = docs.split_once(table::BEGIN).expect("a mark where the table begins");
    let (_, after) = rest.split_once(table::END).expect("a mark where the table ends");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../hasher/ROUTING.md");
    expect_file![file].assert_eq(&format!("{before}{}\n{text}{}{after}", table::BEGIN, table::END));
}
