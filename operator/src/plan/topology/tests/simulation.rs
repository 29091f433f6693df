//! Random lives of clusters in memory: pods crash, move, come back empty and cannot be read; steps get
//! lost, come twice, or come late, when the world is another.
//!
//! At every turn the last copy of each confirmed key is still there, and no slot is given to a node
//! while another holds its keys. After the faults the planner comes to its end within a bound. A failure
//! names its seed.

mod model;

use std::collections::BTreeMap;
use std::net::IpAddr;

use authcluster_contract::slots::SlotSet;

use super::super::{
    Next, NodeSeen, PodAt, PodName, RedisStep, Seen, Storage, Wanted, health, next_step,
};
use model::Net;

const SHARDS: u16 = 3;
/// Faults and healings in one life.
const ROUNDS: usize = 6;
/// Lives of a test run; the seeds are 0 and up. More than a few take minutes without optimization.
const SEEDS: u64 = 4;
/// Turns within which a cluster heals. About two a step, and the elections' time-outs.
const HEAL_TURNS: u64 = 1_500;
/// Turns of unrest after each fault.
const UNREST_TURNS: u64 = 40;

/// xorshift64, by G. Marsaglia.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
}

struct Pod {
    at: PodAt,
    server: usize,
}

struct Life {
    random: Random,
    net: Net,
    pods: BTreeMap<PodName, Pod>,
    formed: bool,
    confirmed: SlotSet,
    late: Vec<RedisStep>,
    trace: Vec<String>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut net = Net::default();
        let mut pods = BTreeMap::new();
        for shard in 0..SHARDS {
            for ordinal in 0..2 {
                let ip = net.fresh_ip();
                let node = Some(format!("node{}", (shard + ordinal) % 3));
                let at = PodAt { shard, ordinal, ip: Some(ip), node };
                pods.insert(
                    PodName::new(format!("r-{shard}-{ordinal}")),
                    Pod { at, server: net.add(ip) },
                );
            }
        }
        Self {
            random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66),
            net,
            pods,
            formed: false,
            confirmed: SlotSet::empty(),
            late: Vec::new(),
            trace: Vec::new(),
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            shards: SHARDS,
            replicas_per_shard: 1,
            pods: self.pods.iter().map(|(name, pod)| (name.clone(), pod.at.clone())).collect(),
            formed: self.formed,
            storage: Storage::Persistent,
            data_loss_accepted: false,
        }
    }

    fn observe(&mut self, is_calm: bool) -> Seen {
        let mut seen = Seen::default();
        for (name, pod) in &self.pods {
            let is_read = self.net.servers[pod.server].runs && (is_calm || !self.random.one_in(8));
            let node = if is_read {
                NodeSeen::Known(Box::new(self.net.state(pod.server)))
            } else {
                NodeSeen::Unknown("no answer".to_owned())
            };
            seen.nodes.insert(name.clone(), node);
        }
        seen
    }

    /// One pass of the operator.
    fn pass(&mut self, is_calm: bool) -> Next {
        let (wanted, seen) = (self.wanted(), self.observe(is_calm));
        if !self.formed && health(&wanted, &seen).is_formed() {
            self.formed = true;
            return Next::Wait("recorded".to_owned());
        }
        let next = next_step(&wanted, &seen);
        if let Next::Step(step) = &next {
            match self.random.below(if is_calm { 1 } else { 5 }) {
                4 => self.late.push(step.clone()),
                3 => {}
                2 => {
                    self.take(step);
                    self.take(step);
                }
                _ => self.take(step),
            }
        }
        if !is_calm && self.random.one_in(6) && !self.late.is_empty() {
            let step = self.late.remove(0);
            self.take(&step);
        }
        next
    }

    fn take(&mut self, step: &RedisStep) {
        let before = self.net.servers.clone();
        let taken = self.net.take(step).is_ok();
        self.note(&format!("{} {step}", if taken { "took" } else { "refused" }));
        if let (RedisStep::AddSlots { at, slots, .. }, true) = (step, taken) {
            let held = before.iter().filter(|server| server.id != at.id);
            let held = held.fold(SlotSet::empty(), |all, server| all.union(&server.data));
            let stolen = held.intersection(slots).intersection(&self.confirmed);
            assert!(stolen.is_empty(), "{stolen} given away\n{}", self.story());
        }
        if let (RedisStep::Forget { id, .. }, true) = (step, taken) {
            let pods = self.pods.values().map(|pod| &self.net.servers[pod.server].id);
            assert!(!pods.into_iter().any(|pod| pod == id), "forgot a pod\n{}", self.story());
        }
    }

    fn turn(&mut self) {
        let random = &mut self.random;
        self.net.turn(|bound| random.below(bound));
        let held = self.net.servers.iter();
        let held = held.fold(SlotSet::empty(), |all, server| all.union(&server.data));
        let lost = self.confirmed.difference(&held);
        assert!(lost.is_empty(), "the keys of {lost} are lost\n{}", self.story());
    }

    fn note(&mut self, words: &str) {
        self.trace.push(format!("{}: {words}", self.net.now));
    }

    fn story(&self) -> String {
        let from = self.trace.len().saturating_sub(60);
        self.trace[from..].join("\n")
    }

    /// Turns and passes until all is well, with every key at its owner and at a replica.
    fn heal(&mut self) {
        let end = self.net.now + HEAL_TURNS;
        loop {
            self.turn();
            let next = self.pass(true);
            if next == Next::Converged {
                break;
            }
            assert!(self.net.now < end, "not healed: {next}\n{}", self.story());
        }
        self.late.clear();
        let owners =
            self.net.servers.iter().filter(|server| server.runs && !server.slots.is_empty());
        for owner in owners {
            let missing = owner.slots.intersection(&self.confirmed).difference(&owner.data);
            assert!(missing.is_empty(), "{missing} are not with their owner\n{}", self.story());
        }
    }

    /// Keys in every slot, confirmed by a replica.
    fn write(&mut self) {
        for server in self.net.servers.iter_mut().filter(|server| server.runs) {
            if server.replica_of.is_none() {
                server.data = server.slots.clone();
            }
        }
        self.turn();
        self.confirmed = SlotSet::all();
    }

    fn unrest(&mut self) {
        for _ in 0..self.random.below(usize::try_from(UNREST_TURNS).unwrap()) {
            self.turn();
            if self.random.one_in(2) {
                let _next = self.pass(false);
            }
        }
    }

    /// Something happens to one pod. With `may_empty` it may lose its data.
    fn strike(&mut self, name: &PodName, may_empty: bool) {
        let old = self.pods[name].server;
        let was = self.pods[name].at.ip.unwrap();
        self.net.servers[old].runs = false;
        self.note(&format!("{name} stops"));
        self.unrest();
        let ip: IpAddr = if self.random.one_in(2) { was } else { self.net.fresh_ip() };
        let empties = may_empty && self.random.one_in(2);
        if empties {
            // Its volume is gone, and its data with it.
            self.net.servers[old].data = SlotSet::empty();
        }
        let server = if empties {
            self.net.add(ip)
        } else {
            let now = self.net.now;
            self.net.servers[old].start(ip, now);
            old
        };
        self.note(&format!("{name} starts, empty {empties}, moved {}", ip != was));
        let pod = self.pods.get_mut(name).unwrap();
        (pod.server, pod.at.ip) = (server, Some(ip));
        self.unrest();
    }

    fn live(&mut self) {
        self.unrest();
        self.heal();
        for _ in 0..ROUNDS {
            self.write();
            let mut primaries_to_lose = 1;
            let names: Vec<PodName> = self.pods.keys().cloned().collect();
            for shard in 0..usize::from(SHARDS) {
                if self.random.one_in(3) {
                    continue;
                }
                let name = &names[2 * shard + self.random.below(2)];
                let is_primary = !self.net.servers[self.pods[name].server].slots.is_empty();
                self.strike(name, !is_primary || primaries_to_lose > 0);
                primaries_to_lose -= i32::from(is_primary);
            }
            self.heal();
        }
    }
}

#[test]
fn no_life_loses_a_key_or_stays_unhealed() {
    for seed in 0..SEEDS {
        let lived = std::panic::catch_unwind(|| Life::new(seed).live());
        assert!(lived.is_ok(), "seed {seed}");
    }
}
