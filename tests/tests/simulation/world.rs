//! A cluster in simulated time. Every decision is the product's own: order of pods, steps after each
//! answer, breakers, slow start, admission, prices. What is made up here is the network, the store, and
//! how long work takes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use authcluster_contract::config;
use authcluster_contract::cost::Units;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::weights::Weight;
use authcluster_hasher::policy::breaker::{Breaker, Ticket, Verdict, mostly_open};
use authcluster_hasher::policy::routing::{
    Attempts, Draw, Loads, NodeSeen, RouteKey, Row, Step, Table,
};
use authcluster_hasher::policy::slow_start;

use crate::node::{Answer, Job, Node};
use crate::outcome::{End, Outcome};
use crate::random::Random;
use crate::scenario::{Event, FROM_NS, SECOND_NS, Scenario, UNTIL_NS};
use crate::workload::{Arrival, UNIT_NS};

/// Time that a request may take.
pub(crate) const DEADLINE_NS: u64 = SECOND_NS;

/// From pod to pod.
const HOP_NS: u64 = 250_000;

/// Until whoever waits for a pod that was killed knows.
const BROKEN_NS: u64 = 5_000_000;

/// A heartbeat outlives its writer by so much.
const HEARTBEAT_NS: u64 = 10 * SECOND_NS;

const REFUSE_AFTER: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Arrive { request: usize },
    Reach { request: usize, attempt: u32, node: usize, wait_max_ns: Option<u64> },
    Finish { node: usize, lane: usize, life: u32 },
    Reply { request: usize, attempt: u32, node: usize, reply: Reply },
    OutOfTime { request: usize, life: u32 },
    Read { router: usize },
    Begin,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reply {
    Done,
    Refused { wait_ns: u64 },
    UserBusy,
    Failed,
}

struct Router {
    table: Table,
    breakers: Vec<Breaker>,
    loads: Loads,
    looked: bool,
    turn: u64,
}

struct Request {
    router: usize,
    attempts: Attempts,
    attempt: u32,
    /// The call under way, when it is to another pod.
    call: Option<(usize, Ticket)>,
    started: u64,
    asks: u32,
    /// Routers it was given to: a caller whose pod died tries another.
    life: u32,
    over: bool,
}

pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    arrivals: &'a [Arrival],
    base: Instant,
    ids: Vec<NodeId>,
    nodes: Vec<Node>,
    died_ns: Option<u64>,
    routers: Vec<Router>,
    requests: Vec<Request>,
    events: BinaryHeap<Reverse<(u64, u64, What)>>,
    /// Events so far: those of one moment happen in the order of their making.
    made: u64,
    random: Random,
    outcomes: Vec<Outcome>,
}

pub(crate) fn run(scenario: &Scenario, arrivals: &[Arrival]) -> Vec<Outcome> {
    let mut world = World::new(scenario, arrivals);
    while let Some(Reverse((now, _, what))) = world.events.pop() {
        world.happen(now, what);
    }
    assert_eq!(world.outcomes.len(), arrivals.len(), "every request ends, and once");
    world.outcomes
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, arrivals: &'a [Arrival]) -> Self {
        let base = authcluster_hasher::clock::now();
        let count = scenario.lanes.len();
        let ids = (0..count).map(|index| format!("node-{index}").parse().expect("a name"));
        let settings = config::Breaker::default();
        let router = |_| Router {
            table: Table::default(),
            breakers: vec![Breaker::new(settings, base); count],
            loads: Loads::default(),
            looked: false,
            turn: 0,
        };
        let mut world = Self {
            scenario,
            arrivals,
            base,
            ids: ids.collect(),
            nodes: scenario.lanes.iter().map(|lanes| Node::new(*lanes)).collect(),
            died_ns: None,
            routers: (0..count).map(router).collect(),
            requests: Vec::with_capacity(arrivals.len()),
            events: BinaryHeap::new(),
            made: 0,
            random: Random::new(scenario.seed ^ 0x5eed),
            outcomes: Vec::with_capacity(arrivals.len()),
        };
        for router in 0..count {
            world.read(router, 0);
            world.soon(SECOND_NS * (router as u64 + 1) / count as u64, What::Read { router });
        }
        if matches!(scenario.event, Event::Lost(_) | Event::Slow(_)) {
            world.soon(FROM_NS, What::Begin);
            world.soon(UNTIL_NS, What::Over);
        }
        for (request, arrival) in arrivals.iter().enumerate() {
            let at = arrival.at_ns;
            world.soon(at, What::Arrive { request });
            let attempts = Attempts::new([]);
            world.requests.push(Request {
                router: 0,
                attempts,
                attempt: 0,
                call: None,
                started: at,
                asks: 0,
                life: 0,
                over: false,
            });
        }
        world
    }

    fn at(&self, ns: u64) -> Instant {
        self.base + Duration::from_nanos(ns)
    }

    fn soon(&mut self, at: u64, what: What) {
        self.made += 1;
        self.events.push(Reverse((at, self.made, what)));
    }

    fn happen(&mut self, now: u64, what: What) {
        match what {
            What::Arrive { request } => self.arrive(request, now),
            What::Reach { request, attempt, node, wait_max_ns } => {
                self.reach((request, attempt), node, wait_max_ns, now);
            }
            What::Finish { node, lane, life } => self.finish(node, lane, life, now),
            What::Reply { request, attempt, node, reply } => {
                self.reply((request, attempt), node, reply, now);
            }
            What::OutOfTime { request, life } => {
                if !self.requests[request].over && self.requests[request].life == life {
                    self.end(request, End::Shed, 0, now);
                }
            }
            What::Read { router } => {
                self.read(router, now);
                if now < self.scenario.end_ns() {
                    self.soon(now + SECOND_NS, What::Read { router });
                }
            }
            What::Begin => self.begin(now),
            What::Over => match self.scenario.event {
                Event::Lost(node) => self.nodes[node].alive = true,
                Event::Slow(node) => self.nodes[node].slow = 1,
                Event::Steady | Event::Hot => {}
            },
        }
    }

    fn begin(&mut self, now: u64) {
        match self.scenario.event {
            Event::Slow(node) => self.nodes[node].slow = 3,
            Event::Lost(node) => {
                self.died_ns = Some(now);
                for job in self.nodes[node].die() {
                    let (request, attempt) = (job.request, job.attempt);
                    let reply = What::Reply { request, attempt, node, reply: Reply::Failed };
                    self.soon(now + BROKEN_NS, reply);
                }
                // Callers of the pod itself lose their connections, and try another pod.
                for request in 0..self.requests.len() {
                    let here = &mut self.requests[request];
                    if here.started < now && !here.over && here.router == node {
                        here.life += 1;
                        here.attempt += 1;
                        here.call = None;
                        self.soon(now + BROKEN_NS, What::Arrive { request });
                    }
                }
                let settings = config::Breaker::default();
                self.routers[node].breakers =
                    vec![Breaker::new(settings, self.base); self.ids.len()];
            }
            Event::Steady | Event::Hot => {}
        }
    }

    /// One router reads the store.
    fn read(&mut self, router: usize, now: u64) {
        let seen = (0..self.nodes.len()).map(|index| {
            let node = &self.nodes[index];
            let expired = self.died_ns.is_some_and(|died| died + HEARTBEAT_NS < now);
            NodeSeen {
                node: self.ids[index].clone(),
                record: NodeRecord {
                    address: ([10, 0, 0, 1], 8444).into(),
                    lanes: u32::try_from(node.lanes()).expect("few lanes"),
                    speed: node.speed(),
                    offered: 0,
                    version: String::new(),
                    config: String::new(),
                },
                load: (node.alive || !expired).then(|| node.load()),
                weight: Some(Weight::from_capacity(node.lanes() as u64 * 1_000_000_000 / UNIT_NS)),
            }
        });
        let seen = seen.collect();
        let new_since = self.routers[router].looked.then(|| self.at(now));
        let router = &mut self.routers[router];
        router.table = router.table.next(seen, new_since);
        router.looked = true;
    }

    fn arrive(&mut self, request: usize, now: u64) {
        let arrival = self.arrivals[request];
        let mut router = arrival.draw as usize % self.nodes.len();
        while !self.nodes[router].alive {
            router = self.random.below(self.nodes.len());
        }
        let moment = self.at(now);
        let own_load = self.nodes[router].load();
        let place = &mut self.routers[router];
        let draw = Draw {
            key: RouteKey::drawn(Random::new(u64::from(arrival.user) << 20).bits() as u32),
            random: self.random.bits() as u32,
            turn: place.turn,
            now: moment,
        };
        place.turn += 1;
        place.loads.heard(&self.ids[router], own_load, moment);
        let rows = place.table.rows().iter();
        let passes = |row: &Row| place.breakers[index_of(&row.node)].may_pass(moment);
        let order: Vec<NodeId> = if mostly_open(rows.map(|row| (row.weight.get(), passes(row)))) {
            Vec::new()
        } else {
            let order = place.table.order(self.scenario.strategy, draw, &place.loads);
            order.into_iter().map(|row| row.node.clone()).collect()
        };
        let here = &mut self.requests[request];
        here.router = router;
        here.attempts = Attempts::new(order);
        here.started = now;
        let life = here.life;
        self.soon(now + DEADLINE_NS, What::OutOfTime { request, life });
        self.step(request, now);
    }

    /// Goes on with a request until it waits for something.
    fn step(&mut self, request: usize, now: u64) {
        loop {
            let router = self.requests[request].router;
            self.forget(router);
            let units = Units(self.arrivals[request].units);
            let own_wait = self.nodes[router].delay(self.at(now), units);
            let own_wait_ms = u64::try_from(own_wait.as_millis()).expect("a short wait");
            let (node, wait_max) =
                match self.requests[request].attempts.next_step(Some(own_wait_ms)) {
                    Step::Ask(node) => {
                        let row = self.routers[router].table.row(&node);
                        let since = row.and_then(|row| row.since);
                        let wait_max = slow_start::refuse_after(REFUSE_AFTER, since, self.at(now));
                        (index_of(&node), Some(wait_max))
                    }
                    Step::Insist(node) => (index_of(&node), None),
                    Step::RunHere => {
                        match self.give(request, router, None, now) {
                            Answer::Admitted => {}
                            Answer::Refused(_) => self.end(request, End::Shed, router, now),
                            Answer::UserBusy => self.end(request, End::Capped, router, now),
                        }
                        return;
                    }
                };
            if node == router {
                self.requests[request].asks += 1;
                match self.give(request, router, wait_max, now) {
                    Answer::Admitted => return,
                    Answer::Refused(wait) => self.refused(request, node, wait),
                    Answer::UserBusy => return self.end(request, End::Capped, router, now),
                }
            } else if self.call(request, node, wait_max, now) {
                return;
            }
        }
    }

    fn refused(&mut self, request: usize, node: usize, wait: Duration) {
        let wait_ms = u64::try_from(wait.as_millis()).expect("a short wait");
        self.requests[request].attempts.refused(self.ids[node].clone(), wait_ms);
    }

    /// Calls another pod; `false` when nobody is called.
    fn call(&mut self, request: usize, node: usize, wait_max: Option<Duration>, now: u64) -> bool {
        let (moment, units) = (self.at(now), Units(self.arrivals[request].units));
        let here = &mut self.requests[request];
        let deadline = self.base + Duration::from_nanos(here.started + DEADLINE_NS);
        let router = &mut self.routers[here.router];
        let Some(row) = router.table.row(&self.ids[node]) else {
            here.attempts.failed();
            return false;
        };
        let Some(ticket) = router.breakers[node].admit(moment, deadline) else { return false };
        router.loads.sent(row, units, moment);
        here.call = Some((node, ticket));
        here.asks += 1;
        let attempt = here.attempt;
        let wait_max_ns = wait_max.map(|wait| u64::try_from(wait.as_nanos()).expect("short"));
        self.soon(now + HOP_NS, What::Reach { request, attempt, node, wait_max_ns });
        true
    }

    fn reach(
        &mut self,
        (request, attempt): (usize, u32),
        node: usize,
        wait_max_ns: Option<u64>,
        now: u64,
    ) {
        if self.requests[request].over || self.requests[request].attempt != attempt {
            return;
        }
        let reply = if self.nodes[node].alive {
            match self.give(request, node, wait_max_ns.map(Duration::from_nanos), now) {
                Answer::Admitted => return,
                Answer::Refused(wait) => {
                    Reply::Refused { wait_ns: u64::try_from(wait.as_nanos()).expect("short") }
                }
                Answer::UserBusy => Reply::UserBusy,
            }
        } else {
            Reply::Failed
        };
        self.soon(now + HOP_NS, What::Reply { request, attempt, node, reply });
    }

    /// Puts a request's job to a node's lanes.
    fn give(
        &mut self,
        request: usize,
        node: usize,
        wait_max: Option<Duration>,
        now: u64,
    ) -> Answer {
        self.forget(node);
        let (arrival, here) = (&self.arrivals[request], &self.requests[request]);
        let job = Job {
            request,
            attempt: here.attempt,
            user: arrival.user,
            units: Units(arrival.units),
            deadline: self.at(here.started + DEADLINE_NS),
            service_ns: arrival.service_ns(),
        };
        let moment = self.at(now);
        let max = self.scenario.jobs_per_user_max();
        let answer = self.nodes[node].admit(moment, job, wait_max, max);
        self.start(node, now);
        answer
    }

    fn start(&mut self, node: usize, now: u64) {
        self.forget(node);
        let moment = self.at(now);
        let (started, late) = self.nodes[node].start(moment);
        let life = self.nodes[node].life;
        for (lane, takes_ns) in started {
            self.soon(now + takes_ns, What::Finish { node, lane, life });
        }
        for (job, wait) in late {
            let (request, attempt) = (job.request, job.attempt);
            let wait_ns = u64::try_from(wait.as_nanos()).expect("short");
            let reply = Reply::Refused { wait_ns };
            self.soon(now + HOP_NS, What::Reply { request, attempt, node, reply });
        }
    }

    fn forget(&mut self, node: usize) {
        let requests = &self.requests;
        self.nodes[node].forget(|job| {
            let request = &requests[job.request];
            !request.over && request.attempt == job.attempt
        });
    }

    fn finish(&mut self, node: usize, lane: usize, life: u32, now: u64) {
        if self.nodes[node].life != life {
            return;
        }
        let moment = self.at(now);
        let job = self.nodes[node].finish(lane, moment);
        let (request, attempt) = (job.request, job.attempt);
        let away = if self.requests[request].router == node { 0 } else { HOP_NS };
        self.soon(now + away, What::Reply { request, attempt, node, reply: Reply::Done });
        self.start(node, now);
    }

    fn reply(&mut self, (request, attempt): (usize, u32), node: usize, reply: Reply, now: u64) {
        if self.requests[request].over || self.requests[request].attempt != attempt {
            return;
        }
        let verdict = match reply {
            Reply::Done => Verdict::Well,
            Reply::Refused { .. } | Reply::UserBusy => Verdict::Nothing,
            Reply::Failed => Verdict::Failed,
        };
        self.called(request, verdict, now);
        self.requests[request].attempt += 1;
        match reply {
            Reply::Done => return self.end(request, End::Done, node, now),
            Reply::UserBusy => return self.end(request, End::Capped, node, now),
            Reply::Refused { wait_ns } => {
                self.refused(request, node, Duration::from_nanos(wait_ns));
            }
            Reply::Failed => self.requests[request].attempts.failed(),
        }
        self.step(request, now);
    }

    /// A call to another pod is over.
    fn called(&mut self, request: usize, verdict: Verdict, now: u64) {
        let (moment, random) = (self.at(now), self.random.bits() as u32);
        let here = &mut self.requests[request];
        let Some((node, ticket)) = here.call.take() else { return };
        let router = &mut self.routers[here.router];
        router.breakers[node].ended(ticket, verdict, moment, random);
        if verdict != Verdict::Failed {
            router.loads.heard(&self.ids[node], self.nodes[node].load(), moment);
        }
    }

    fn end(&mut self, request: usize, end: End, node: usize, now: u64) {
        self.called(request, Verdict::Nothing, now);
        let here = &mut self.requests[request];
        here.over = true;
        let Arrival { at_ns, user, .. } = self.arrivals[request];
        self.outcomes.push(Outcome { at_ns, user, node, ends_ns: now, end, asks: here.asks });
    }
}

fn index_of(node: &NodeId) -> usize {
    node.as_str().trim_start_matches("node-").parse().expect("a node of this world")
}
