//! What waits, what runs, and the memory that large hashes have reserved.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use tokio::sync::oneshot;

use super::{Done, LanesConfig};
use crate::policy::admission::is_confirmed;
use crate::policy::pricing::Price;
use crate::policy::pricing::steps::Demand;
use crate::policy::user_cap;
use crate::work::{Job, Outcome, Who, WorkError};

/// A job before the lanes.
pub(super) struct Waiting {
    pub(super) job: Job,
    pub(super) who: Option<Who>,
    pub(super) units: Units,
    pub(super) deadline: Instant,
    /// Memory beside the arena that is its own, in KiB.
    pub(super) large: u64,
    pub(super) reply: oneshot::Sender<Result<Outcome, WorkError>>,
}

/// A job on a lane.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) who: Option<Who>,
    pub(super) units: Units,
    pub(super) large: u64,
    pub(super) start: Instant,
    /// When it is predicted to finish.
    pub(super) end: Instant,
}

/// Everything that is under the one lock.
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) running: Vec<Option<Running>>,
    pub(super) price: Price,
    pub(super) closed: bool,
    /// All work so far.
    pub(super) done: Done,
    /// When a lane was last done with a job.
    last_done: Option<Instant>,
    /// Arenas wiped for want of work.
    pub(super) wipes: u64,
    config: LanesConfig,
    large_reserved_kib: u64,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queue({} waiting, {:?})", self.waiting.len(), self.running)
    }
}

impl Queue {
    pub(super) fn new(config: LanesConfig) -> Self {
        let lanes = usize::try_from(config.lanes).unwrap_or(usize::MAX);
        Self {
            waiting: VecDeque::new(),
            running: vec![None; lanes],
            // Until it is measured; no job is taken before.
            price: Price::measured(Units(1), Duration::from_millis(1)),
            closed: false,
            done: Done::default(),
            last_done: None,
            wipes: 0,
            config,
            large_reserved_kib: 0,
        }
    }

    /// Takes jobs away that nobody waits for.
    pub(super) fn forget_cancelled(&mut self) {
        let reserved = &mut self.large_reserved_kib;
        self.waiting.retain(|waiting| {
            let wanted = !waiting.reply.is_closed();
            if !wanted {
                *reserved = reserved.saturating_sub(waiting.large);
            }
            wanted
        });
    }

    /// Reserves memory for what a job takes beside an arena: how much, in KiB, or `None` when too much
    /// is reserved already.
    pub(super) fn reserve_large(&mut self, demand: Demand) -> Option<u64> {
        let wanted = demand.beside_kib(self.config.cost.memory_kib);
        if wanted == 0 {
            return Some(0);
        }
        let reserved = self.large_reserved_kib.saturating_add(wanted);
        (reserved <= self.config.large_kib).then(|| {
            self.large_reserved_kib = reserved;
            wanted
        })
    }

    /// Puts the first job that is wanted and can still be in time on a lane. Those that cannot are
    /// given back.
    pub(super) fn start_next(
        &mut self,
        lane: usize,
        now: Instant,
    ) -> (Option<Waiting>, Vec<Waiting>) {
        let mut late = Vec::new();
        self.forget_cancelled();
        while let Some(next) = self.waiting.pop_front() {
            if now + self.price.service_at_best(next.units) > next.deadline {
                self.large_reserved_kib = self.large_reserved_kib.saturating_sub(next.large);
                late.push(next);
                continue;
            }
            if let Some(place) = self.running.get_mut(lane) {
                let end = now + self.price.service(next.units);
                let who = next.who.clone();
                let (units, large) = (next.units, next.large);
                *place = Some(Running { who, units, large, start: now, end });
            }
            return (Some(next), late);
        }
        (None, late)
    }

    /// A lane is free again; what it did teaches the price, when it came out.
    pub(super) fn finish(&mut self, lane: usize, now: Instant, done: Option<Units>, wanted: bool) {
        let Some(running) = self.running.get_mut(lane).and_then(Option::take) else { return };
        self.large_reserved_kib = self.large_reserved_kib.saturating_sub(running.large);
        if let Some(units) = done {
            self.price.observe(units, now.saturating_duration_since(running.start));
            self.last_done = Some(now);
            let sum = if wanted { &mut self.done.wanted } else { &mut self.done.unwanted };
            *sum = sum.saturating_add(units);
        }
    }

    /// When each lane is predicted to finish what it runs.
    pub(super) fn ends(&self) -> impl Iterator<Item = Option<Instant>> {
        self.running.iter().map(|job| job.as_ref().map(|job| job.end))
    }

    /// How long each waiting job takes, in order.
    pub(super) fn services(&self) -> impl Iterator<Item = Duration> {
        self.waiting.iter().map(|job| self.price.service(job.units))
    }

    /// How long so much work would take.
    pub(super) fn service(&self, now: Instant, units: Units) -> Duration {
        let is_busy = self.running.iter().any(Option::is_some);
        if is_confirmed(now, is_busy, self.last_done) {
            self.price.service(units)
        } else {
            self.price.service_at_best(units)
        }
    }

    /// Whether one more job of this user may start.
    pub(super) fn admits(&self, who: &Who) -> bool {
        let running = self.running.iter().flatten().map(|job| &job.who);
        let all = running.chain(self.waiting.iter().map(|job| &job.who)).flatten();
        let of_user = all.filter(|other| other.user == who.user).map(|other| other.known);
        user_cap::admits(of_user, who.known, self.config.jobs_per_user_max)
    }

    pub(super) fn load(&self) -> Units {
        let running = self.running.iter().flatten().map(|job| job.units);
        let waiting = self.waiting.iter().map(|job| job.units);
        running.chain(waiting).fold(Units::ZERO, Units::saturating_add)
    }
}
