//! A Redis Cluster in memory: as much of Redis as the planner relies on, and the faults of it that
//! real servers showed. Time is turns; a turn is about a gossip round.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use authcluster_contract::slots::SlotSet;

use super::super::super::seen::{Link, NodeState, PeerView, RedisId, Role};
use super::super::super::{RedisStep, Target};

/// Turns of silence until a node is taken for failed.
const TIMEOUT: u64 = 12;
/// Turns in which a forgotten node is not learned of again. Redis: 60 s.
const BANNED: u64 = 100;

/// Whom a server knows.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    ip: Option<IpAddr>,
    failed: bool,
    heard: u64,
    epoch: u64,
    replica_of: Option<RedisId>,
    slots: SlotSet,
}

/// One server: what `nodes.conf` and its data hold, whether it runs or not.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) id: RedisId,
    pub(super) ip: IpAddr,
    pub(super) runs: bool,
    pub(super) slots: SlotSet,
    pub(super) replica_of: Option<RedisId>,
    /// Slots of which it holds every confirmed key.
    pub(super) data: SlotSet,
    copies_from: Option<IpAddr>,
    link: bool,
    my_epoch: u64,
    current_epoch: u64,
    peers: BTreeMap<RedisId, Peer>,
    banned: BTreeMap<RedisId, u64>,
}

/// A step that was refused, as `apply` or Redis refuse it.
#[derive(Debug)]
pub(super) struct Refused;

/// All servers that are or will be again.
#[derive(Debug, Default)]
pub(super) struct Net {
    pub(super) servers: Vec<Server>,
    pub(super) now: u64,
    made: u64,
}

impl Net {
    pub(super) fn fresh_ip(&mut self) -> IpAddr {
        self.made += 1;
        let number = u32::try_from(self.made).unwrap();
        IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))
    }

    /// A new server without anything, running at `ip`. Returns its number.
    pub(super) fn add(&mut self, ip: IpAddr) -> usize {
        self.made += 1;
        // Ids in no order, as Redis makes them.
        let id = format!("{:040x}", u128::from(self.made).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C));
        self.servers.push(Server {
            id: id.parse().unwrap(),
            ip,
            runs: true,
            slots: SlotSet::empty(),
            replica_of: None,
            data: SlotSet::empty(),
            copies_from: None,
            link: false,
            my_epoch: 0,
            current_epoch: 0,
            peers: BTreeMap::new(),
            banned: BTreeMap::new(),
        });
        self.servers.len() - 1
    }

    fn at(&self, ip: IpAddr) -> Option<usize> {
        self.servers.iter().position(|server| server.runs && server.ip == ip)
    }

    /// One turn: who talks to whom is `order`'s choice, from 0 to the number of servers.
    pub(super) fn turn(&mut self, mut choose: impl FnMut(usize) -> usize) {
        self.now += 1;
        for index in 0..self.servers.len() {
            if !self.servers[index].runs {
                continue;
            }
            self.copy(index);
            let ids: Vec<RedisId> = self.servers[index].peers.keys().cloned().collect();
            if !ids.is_empty() {
                self.talk(index, &ids[choose(ids.len())]);
                self.talk(index, &ids[choose(ids.len())]);
            }
            let now = self.now;
            for peer in self.servers[index].peers.values_mut() {
                peer.failed |= peer.ip.is_some() && now - peer.heard > TIMEOUT;
            }
            if choose(3) == 0 {
                let _won = self.stand_for_election(index, false);
            }
        }
    }

    /// A replica copies from whoever answers at the address that it has of its primary.
    fn copy(&mut self, index: usize) {
        let server = &self.servers[index];
        let from = server.replica_of.as_ref().and(server.copies_from);
        let source = from.and_then(|ip| self.at(ip)).filter(|source| *source != index);
        // The agent withholds copies from all at a node without a place.
        let source = source.map(|source| &self.servers[source]).filter(|source| {
            source.replica_of.is_none() && !source.slots.is_empty()
                || source.replica_of.is_some() && source.link
        });
        let data = source.map(|source| source.data.clone());
        let server = &mut self.servers[index];
        server.link = data.is_some();
        if let Some(data) = data {
            server.data = data;
        }
    }

    fn talk(&mut self, from: usize, id: &RedisId) {
        let Some(ip) = self.servers[from].peers.get(id).and_then(|peer| peer.ip) else { return };
        let Some(to) = self.at(ip) else { return };
        if self.servers[to].id != *id {
            if let Some(peer) = self.servers[from].peers.get_mut(id) {
                peer.ip = None;
            }
            return;
        }
        self.hear(to, from);
        self.hear(from, to);
    }

    /// Server `to` takes in what `from` says of itself and of others.
    fn hear(&mut self, to: usize, from: usize) {
        let said = self.servers[from].clone();
        let now = self.now;
        let me = &mut self.servers[to];
        me.current_epoch = me.current_epoch.max(said.current_epoch);
        let Some(peer) = me.peers.get_mut(&said.id) else { return };
        (peer.ip, peer.failed, peer.heard) = (Some(said.ip), false, now);
        peer.epoch = said.my_epoch;
        peer.replica_of.clone_from(&said.replica_of);
        if said.replica_of.is_some() {
            peer.slots = SlotSet::empty();
        } else {
            me.hear_claim(&said.id, said.ip, &said.slots, said.my_epoch);
        }
        // Both at one epoch: the smaller id takes a new one.
        if me.replica_of.is_none()
            && said.replica_of.is_none()
            && me.my_epoch == said.my_epoch
            && me.id < said.id
        {
            me.current_epoch += 1;
            me.my_epoch = me.current_epoch;
        }
        for (id, other) in &said.peers {
            self.hear_of(to, id, other);
        }
    }

    /// Gossip about a third: an address, and a claim that wins.
    fn hear_of(&mut self, to: usize, id: &RedisId, other: &Peer) {
        let now = self.now;
        if self.servers[to].id == *id {
            return;
        }
        let Some(ip) = other.ip.filter(|_| !other.failed) else { return };
        let is_there = self.at(ip).is_some_and(|index| self.servers[index].id == *id);
        let me = &mut self.servers[to];
        if let Some(peer) = me.peers.get_mut(id) {
            if peer.failed && peer.ip.is_some() {
                // What it copies from stays: that is the fault of Redis.
                peer.ip = Some(ip);
            }
            if other.replica_of.is_none() {
                let (slots, epoch) = (other.slots.clone(), other.epoch);
                me.hear_claim(id, ip, &slots, epoch);
            }
        } else if is_there && me.banned.get(id).is_none_or(|until| *until < now) {
            me.peers.insert(id.clone(), Peer::new(ip, now));
        }
    }

    /// A replica becomes a primary if most primaries vote for it.
    fn stand_for_election(&mut self, index: usize, forced: bool) -> Result<(), Refused> {
        let me = &self.servers[index];
        let primary = me.replica_of.clone().ok_or(Refused)?;
        let view = me.peers.get(&primary).ok_or(Refused)?;
        let slots = view.slots.clone();
        if slots.is_empty() || !(forced || view.failed) {
            return Err(Refused);
        }
        let primaries = me.peers.values().filter(|peer| !peer.slots.is_empty()).count();
        let votes = self.servers.iter().filter(|voter| {
            let knows = voter.peers.get(&me.id).is_some_and(|peer| peer.ip == Some(me.ip));
            let agrees = forced || voter.peers.get(&primary).is_some_and(|peer| peer.failed);
            let reached = me.peers.get(&voter.id).is_some_and(|peer| peer.ip == Some(voter.ip));
            voter.runs && !voter.slots.is_empty() && knows && agrees && reached
        });
        if votes.count() <= primaries / 2 {
            return Err(Refused);
        }
        let me = &mut self.servers[index];
        me.current_epoch += 1;
        me.my_epoch = me.current_epoch;
        (me.replica_of, me.copies_from) = (None, None);
        me.slots = slots.clone();
        for peer in me.peers.values_mut() {
            peer.slots = peer.slots.difference(&slots);
        }
        Ok(())
    }

    /// What `observe` would read from this server.
    pub(super) fn state(&self, index: usize) -> NodeState {
        let server = &self.servers[index];
        let of = server.replica_of.clone();
        let link = if server.link { Link::Up } else { Link::Down };
        let view = |(id, peer): (&RedisId, &Peer)| {
            let alive = peer.ip.is_some() && self.now - peer.heard <= TIMEOUT;
            let view = PeerView {
                ip: peer.ip,
                alive,
                epoch: peer.epoch,
                replica_of: peer.replica_of.clone(),
                slots: peer.slots.clone(),
            };
            (id.clone(), view)
        };
        NodeState {
            id: server.id.clone(),
            ip: Some(server.ip),
            current_epoch: server.current_epoch,
            my_epoch: server.my_epoch,
            role: of.map_or(Role::Primary, |of| Role::Replica { of, link }),
            slots: server.slots.clone(),
            open_slots: false,
            keys: u64::from(!server.data.is_empty()),
            cluster_ok: true,
            copies_from: server.copies_from,
            replication_offset: u64::from(!server.data.is_empty()),
            peers: server.peers.iter().map(view).collect(),
            isolated: server.peers.is_empty(),
        }
    }

    fn target(&self, target: &Target) -> Result<usize, Refused> {
        let found = self.at(target.ip).filter(|index| self.servers[*index].id == target.id);
        found.ok_or(Refused)
    }

    /// Takes a step as `apply` does, with its refusals and those of Redis.
    pub(super) fn take(&mut self, step: &RedisStep) -> Result<(), Refused> {
        match step {
            RedisStep::SetConfigEpoch { at, epoch } => {
                let at = self.target(at)?;
                let server = &mut self.servers[at];
                if server.my_epoch != 0 || !server.peers.is_empty() {
                    return Err(Refused);
                }
                server.my_epoch = *epoch;
                server.current_epoch = server.current_epoch.max(*epoch);
            }
            RedisStep::BumpEpoch { at } => {
                let at = self.target(at)?;
                let server = &mut self.servers[at];
                let highest = server.peers.values().map(|peer| peer.epoch).max().unwrap_or(0);
                if server.my_epoch == 0 || server.my_epoch <= highest.max(server.current_epoch - 1)
                {
                    server.current_epoch = server.current_epoch.max(highest) + 1;
                    server.my_epoch = server.current_epoch;
                }
            }
            RedisStep::AddSlots { at, slots, from } => {
                let at = self.target(at)?;
                self.add_slots(at, slots, from)?;
            }
            RedisStep::Meet { at, other } => {
                let (at, other) = (self.target(at)?, self.target(other)?);
                self.meet(at, other);
                self.meet(other, at);
            }
            RedisStep::Replicate { at, of } => {
                let (at, of) = (self.target(at)?, self.target(of)?);
                self.replicate(at, of)?;
            }
            RedisStep::FailOver { at } => {
                let at = self.target(at)?;
                self.stand_for_election(at, true)?;
            }
            RedisStep::Forget { id, at } => {
                let until = self.now + BANNED;
                for target in at {
                    let server = self.target(target)?;
                    let server = &mut self.servers[server];
                    if server.replica_of.as_ref() == Some(id) {
                        return Err(Refused);
                    }
                    if server.peers.remove(id).is_some() {
                        server.banned.insert(id.clone(), until);
                    }
                }
            }
        }
        Ok(())
    }

    fn add_slots(
        &mut self,
        at: usize,
        slots: &SlotSet,
        from: &BTreeSet<RedisId>,
    ) -> Result<(), Refused> {
        let server = &mut self.servers[at];
        let owned = |(id, peer): (&RedisId, &Peer)| {
            !peer.slots.intersection(slots).is_empty() && !from.contains(id)
        };
        if server.replica_of.is_some() || server.peers.iter().any(owned) {
            return Err(Refused);
        }
        for peer in server.peers.values_mut() {
            peer.slots = peer.slots.difference(slots);
        }
        server.slots = server.slots.union(slots);
        Ok(())
    }

    fn meet(&mut self, at: usize, other: usize) {
        let now = self.now;
        let (id, ip) = (self.servers[other].id.clone(), self.servers[other].ip);
        let server = &mut self.servers[at];
        let peer = server.peers.entry(id.clone()).or_insert_with(|| Peer::new(ip, now));
        if peer.ip != Some(ip) {
            peer.ip = Some(ip);
            // A handshake tells the replication as well.
            if server.replica_of.as_ref() == Some(&id) {
                server.copies_from = Some(ip);
            }
        }
        server.banned.remove(&id);
    }

    fn replicate(&mut self, at: usize, of: usize) -> Result<(), Refused> {
        let primary = self.servers[of].id.clone();
        let is_primary = self.servers[of].replica_of.is_none();
        let server = &mut self.servers[at];
        let holds = !server.slots.is_empty() || !server.data.is_empty();
        if !is_primary || server.replica_of.is_none() && holds {
            return Err(Refused);
        }
        let view = server.peers.get(&primary).ok_or(Refused)?;
        server.copies_from = view.ip;
        server.replica_of = Some(primary);
        Ok(())
    }
}

impl Peer {
    fn new(ip: IpAddr, now: u64) -> Self {
        let slots = SlotSet::empty();
        Self { ip: Some(ip), failed: false, heard: now, epoch: 0, replica_of: None, slots }
    }
}

impl Server {
    /// Starts again with what it kept, at `ip`. Nothing that it heard is new.
    pub(super) fn start(&mut self, ip: IpAddr, now: u64) {
        (self.ip, self.runs, self.link) = (ip, true, false);
        // It copies from where `nodes.conf` says.
        let primary = self.replica_of.as_ref().and_then(|id| self.peers.get(id));
        self.copies_from = primary.and_then(|peer| peer.ip);
        self.peers.values_mut().for_each(|peer| peer.heard = now);
    }

    /// Takes in that `id` claims `slots` at `epoch`.
    fn hear_claim(&mut self, id: &RedisId, ip: IpAddr, slots: &SlotSet, epoch: u64) {
        let lost = self.slots.intersection(slots);
        let mut won = slots.clone();
        if !lost.is_empty() {
            if epoch > self.my_epoch {
                self.slots = self.slots.difference(&lost);
                if self.slots.is_empty() {
                    self.follow(id, ip);
                }
            } else {
                won = won.difference(&lost);
            }
        }
        let mut left_by_primary = false;
        for (other, peer) in &mut self.peers {
            let disputed = peer.slots.intersection(&won);
            if other == id || disputed.is_empty() {
                continue;
            }
            if epoch > peer.epoch {
                peer.slots = peer.slots.difference(&disputed);
                left_by_primary |= self.replica_of.as_ref() == Some(other) && peer.slots.is_empty();
            } else {
                won = won.difference(&disputed);
            }
        }
        if let Some(peer) = self.peers.get_mut(id) {
            peer.slots = won;
            peer.epoch = peer.epoch.max(epoch);
            peer.replica_of = None;
        }
        if left_by_primary {
            self.follow(id, ip);
        }
    }

    fn follow(&mut self, id: &RedisId, ip: IpAddr) {
        if self.id != *id {
            self.replica_of = Some(id.clone());
            self.copies_from = Some(ip);
        }
    }
}
