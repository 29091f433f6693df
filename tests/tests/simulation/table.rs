//! The lives as a table in Markdown.

use std::fmt::Write as _;

use authcluster_contract::config::RoutingStrategy;

use crate::Life;
use crate::scenario::SEED;

/// Marks in the document around the table.
pub(crate) const BEGIN: &str = "<!-- simulation: written by make simulate -->";
pub(crate) const END: &str = "<!-- end of simulation -->";

pub(crate) fn written(lives: &[Life]) -> String {
    let mut text = String::from(
        "| nodes | strategy | busy | event | p50 ms | p99 ms | p99.9 ms | oracle p99 ms | over the oracle | shed % \
         | capped % | affinity | pods asked |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for Life { scenario, real, best } in lives.iter().filter(|life| life.scenario.seed == SEED) {
        let strategy = match scenario.strategy {
            RoutingStrategy::Affinity => "Affinity",
            RoutingStrategy::LeastLoaded => "LeastLoaded",
            RoutingStrategy::WeightedRoundRobin => "WeightedRoundRobin",
        };
        writeln!(
            text,
            "| {} | {strategy} | {:.0} % | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:+.0} % | {:.1} | {:.1} | {:.2} | {:.2} |",
            scenario.nodes,
            scenario.utilisation * 100.0,
            scenario.name(),
            real.p50_ms,
            real.p99_ms,
            real.p999_ms,
            best.p99_ms,
            (real.p99_ms / best.p99_ms - 1.0) * 100.0,
            real.shed * 100.0,
            real.capped * 100.0,
            real.affinity,
            real.asks,
        )
        .expect("a string takes every line");
    }
    text
}
