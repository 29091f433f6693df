//! The lives that are simulated: which nodes, how busy, and what happens to them.

use authcluster_contract::config::RoutingStrategy;

/// Of the lives in the table.
pub(crate) const SEED: u64 = 1;

pub(crate) const SECOND_NS: u64 = 1_000_000_000;

/// Nothing is measured before: queues fill up.
pub(crate) const WARM_NS: u64 = 4 * SECOND_NS;

/// The event, if there is one, lasts from here ...
pub(crate) const FROM_NS: u64 = 14 * SECOND_NS;

/// ... to here.
pub(crate) const UNTIL_NS: u64 = 26 * SECOND_NS;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nothing.
    Steady,
    /// This node is killed, and comes back.
    Lost(usize),
    /// This node takes three times as long.
    Slow(usize),
    /// One user makes 30 % of all requests, and pods take two of each user at once.
    Hot,
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) nodes: &'static str,
    /// Of each node.
    pub(crate) lanes: Vec<usize>,
    pub(crate) utilisation: f64,
    pub(crate) event: Event,
    pub(crate) strategy: RoutingStrategy,
    pub(crate) seed: u64,
}

impl Scenario {
    pub(crate) fn end_ns(&self) -> u64 {
        match self.event {
            Event::Steady | Event::Hot => 24 * SECOND_NS,
            Event::Lost(_) | Event::Slow(_) => 34 * SECOND_NS,
        }
    }

    /// What is measured.
    pub(crate) fn window(&self) -> (u64, u64) {
        match self.event {
            Event::Steady | Event::Hot => (WARM_NS, self.end_ns()),
            Event::Lost(_) | Event::Slow(_) => (FROM_NS, UNTIL_NS),
        }
    }

    pub(crate) fn hot_share(&self) -> f64 {
        if self.event == Event::Hot { 0.30 } else { 0.0 }
    }

    /// The popular users of a Zipf distribution log in dozens of times a second, which no user does; they
    /// are there to make life hard for affinity, so the cap counts only where it is what is looked at.
    pub(crate) fn jobs_per_user_max(&self) -> u32 {
        if self.event == Event::Hot { 2 } else { u32::MAX }
    }

    /// Work per capacity that is left during the event.
    pub(crate) fn busy(&self) -> f64 {
        let all: usize = self.lanes.iter().sum();
        let gone = match self.event {
            Event::Steady | Event::Hot => 0.0,
            Event::Lost(node) => self.lanes[node] as f64,
            Event::Slow(node) => self.lanes[node] as f64 * 2.0 / 3.0,
        };
        self.utilisation * all as f64 / (all as f64 - gone)
    }

    pub(crate) fn name(&self) -> String {
        match self.event {
            Event::Steady => "-".to_owned(),
            Event::Lost(node) => format!("a node of {} lanes lost", self.lanes[node]),
            Event::Slow(node) => format!("a node of {} lanes three times slower", self.lanes[node]),
            Event::Hot => "one user at 30 %".to_owned(),
        }
    }
}

/// Every life of the table, in its order, and then those with other seeds.
pub(crate) fn all() -> Vec<Scenario> {
    let twelve = || [[2; 4], [4; 4], [8; 4]].concat();
    let mut scenarios = Vec::new();
    for (nodes, lanes) in
        [("12 unequal", twelve()), ("3 equal", vec![4; 3]), ("3 unequal", vec![2, 4, 8])]
    {
        let of = |utilisation, event, strategy| Scenario {
            nodes,
            lanes: lanes.clone(),
            utilisation,
            event,
            strategy,
            seed: SEED,
        };
        let last = lanes.len() - 1;
        // Without its largest node a small unequal cluster has far less capacity than work; three equal
        // ones lose a third in any case.
        let (lost, slow) = if lanes.len() > 3 { (last, last) } else { (0, 1) };
        let affinity = RoutingStrategy::Affinity;
        scenarios.extend([0.70, 0.85, 0.95].map(|busy| of(busy, Event::Steady, affinity)));
        scenarios.extend(
            [Event::Lost(lost), Event::Slow(slow), Event::Hot]
                .map(|event| of(0.70, event, affinity)),
        );
        if lanes.len() > 3 {
            for strategy in [RoutingStrategy::LeastLoaded, RoutingStrategy::WeightedRoundRobin] {
                scenarios.extend([0.70, 0.85, 0.95].map(|busy| of(busy, Event::Steady, strategy)));
            }
        }
    }
    // Which popular users share a home is chance, and weighs most where homes are few.
    let equal = |seed| Scenario {
        nodes: "3 equal",
        lanes: vec![4; 3],
        utilisation: 0.85,
        event: Event::Steady,
        strategy: RoutingStrategy::Affinity,
        seed,
    };
    scenarios.extend([2, 4].map(equal));
    scenarios
}
