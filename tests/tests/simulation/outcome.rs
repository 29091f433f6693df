//! How requests ended, and the figures that follow.

use std::collections::BTreeMap;

use crate::scenario::Scenario;
use crate::workload::HOT;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Shed,
    /// Its user had enough under way.
    Capped,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) at_ns: u64,
    pub(crate) user: u32,
    /// Where it was computed.
    pub(crate) node: usize,
    pub(crate) ends_ns: u64,
    pub(crate) end: End,
    /// Pods that were asked.
    pub(crate) asks: u32,
}

/// One row of the table. Times in milliseconds, shares in parts of one.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) shed: f64,
    pub(crate) capped: f64,
    pub(crate) affinity: f64,
    pub(crate) asks: f64,
    /// p99 of what arrives after the event.
    pub(crate) after_p99_ms: f64,
}

fn percentile(sorted: &[u64], of_thousand: usize) -> f64 {
    let index = (sorted.len() * of_thousand / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(f64::NAN, |ns| *ns as f64 / 1e6)
}

/// Latencies of everyone but the one hot user.
fn latencies(outcomes: &[Outcome], (from, until): (u64, u64)) -> Vec<u64> {
    let inside = |outcome: &&Outcome| {
        (from..until).contains(&outcome.at_ns) && outcome.user != HOT && outcome.end == End::Done
    };
    let mut all: Vec<u64> =
        outcomes.iter().filter(inside).map(|outcome| outcome.ends_ns - outcome.at_ns).collect();
    all.sort_unstable();
    all
}

pub(crate) fn figures(scenario: &Scenario, outcomes: &[Outcome]) -> Figures {
    let (from, until) = scenario.window();
    let sorted = latencies(outcomes, (from, until));
    let inside: Vec<&Outcome> =
        outcomes.iter().filter(|outcome| (from..until).contains(&outcome.at_ns)).collect();
    let share = |end| {
        let count = inside.iter().filter(|outcome| outcome.end == end).count();
        count as f64 / inside.len().max(1) as f64
    };
    let (mut last, mut again, mut same) = (BTreeMap::new(), 0_u32, 0_u32);
    for outcome in inside.iter().filter(|outcome| outcome.end == End::Done) {
        if let Some(node) = last.insert(outcome.user, outcome.node) {
            again += 1;
            same += u32::from(node == outcome.node);
        }
    }
    let asks: u32 = inside.iter().map(|outcome| outcome.asks).sum();
    let after = latencies(outcomes, (until, scenario.end_ns()));
    Figures {
        p50_ms: percentile(&sorted, 500),
        p99_ms: percentile(&sorted, 990),
        p999_ms: percentile(&sorted, 999),
        shed: share(End::Shed),
        capped: share(End::Capped),
        affinity: f64::from(same) / f64::from(again.max(1)),
        asks: f64::from(asks) / inside.len().max(1) as f64,
        after_p99_ms: percentile(&after, 990),
    }
}
