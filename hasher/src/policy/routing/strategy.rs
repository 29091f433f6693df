//! The three ways to order candidates that a resource may choose from.

use std::time::Instant;

use authcluster_contract::config::RoutingStrategy;

use super::{GOLDEN, Loads, RouteKey, Row, Table};

/// What a request brings to the choice besides its strategy.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// The user's key; a random one for a request of nobody.
    pub key: RouteKey,
    /// A fresh random number.
    pub random: u32,
    /// How many requests this pod has routed before.
    pub turn: u64,
    /// The moment.
    pub now: Instant,
}

impl Table {
    /// The nodes that may get the request, the one to ask first at the front.
    #[must_use]
    pub fn order(&self, strategy: RoutingStrategy, draw: Draw, loads: &Loads) -> Vec<&Row> {
        match strategy {
            RoutingStrategy::Affinity => self.by_affinity(draw.key),
            RoutingStrategy::LeastLoaded => self.by_load(draw, loads),
            RoutingStrategy::WeightedRoundRobin => self.by_turn(draw.turn),
        }
    }

    /// Two nodes drawn by weight, the less loaded of them first: the least of all would herd on
    /// values half a second old.
    fn by_load(&self, draw: Draw, loads: &Loads) -> Vec<&Row> {
        let mut order = self.by_affinity(RouteKey::drawn(draw.random));
        let backlog = |row: &Row| row.seconds(loads.of(row, draw.now));
        if let [first, second, ..] = order.as_mut_slice()
            && backlog(second) < backlog(first)
        {
            std::mem::swap(first, second);
        }
        order
    }

    /// Steps of the golden ratio through the weights laid end to end: any stretch of turns
    /// meets each node nearly as often as its share says, with no state but a counter.
    fn by_turn(&self, turn: u64) -> Vec<&Row> {
        let mut order: Vec<&Row> = self.candidates().collect();
        let total: u128 = order.iter().map(|row| u128::from(row.weight.get())).sum();
        let point = (total.saturating_mul(u128::from(turn.wrapping_mul(GOLDEN)))) >> 64;
        let mut passed: u128 = 0;
        let first = order.iter().position(|row| {
            passed = passed.saturating_add(u128::from(row.weight.get()));
            point < passed
        });
        order.rotate_left(first.unwrap_or(0));
        order
    }
}
