//! What waits, what runs, and the memory that large hashes have reserved.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use tokio::sync::oneshot;

use super::{Done, LanesConfig, Spent};
use crate::policy::admission::{PLAYED_MAX, Waits, is_confirmed, too_late};
use crate::policy::pricing::steps::Demand;
use crate::policy::pricing::{Price, Quote};
use crate::policy::user_cap;
use crate::work::{HashStarted, Job, Outcome, Who, WorkError};

/// Time between two looks for jobs that will be too late, in a long queue: each takes up to a third of a
/// millisecond there, and refusals may take twenty.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// A job before the lanes.
pub(super) struct Waiting {
    pub(super) job: Job,
    pub(super) who: Option<Who>,
    /// What it is when it is computed once, and when all tries are needed.
    pub(super) once: Quote,
    pub(super) all: Quote,
    pub(super) deadline: Instant,
    /// Memory beside the arena that is its own, in KiB.
    pub(super) large: u64,
    pub(super) started: HashStarted,
    pub(super) reply: oneshot::Sender<Result<Outcome, WorkError>>,
}

/// A job on a lane.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) who: Option<Who>,
    pub(super) once: Quote,
    pub(super) all: Quote,
    pub(super) large: u64,
    pub(super) start: Instant,
    /// When it is predicted to finish.
    pub(super) end: Instant,
}

/// How a lane ended with a job.
pub(super) struct Ended {
    /// How often it was computed; `None` = it did not come out.
    pub(super) tries: Option<u32>,
    /// Somebody is there for the outcome.
    pub(super) wanted: bool,
    /// The CPU's time.
    pub(super) cpu: Duration,
}

/// Everything that is under the one lock.
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) running: Vec<Option<Running>>,
    pub(super) price: Price,
    pub(super) closed: bool,
    /// All work so far.
    pub(super) done: Done,
    pub(super) spent: Spent,
    /// When a lane was last done with a job.
    last_done: Option<Instant>,
    /// When it was last looked for jobs that will be too late.
    looked: Option<Instant>,
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
            price: Price::at_start(Duration::from_millis(1)),
            closed: false,
            done: Done::default(),
            spent: Spent::default(),
            last_done: None,
            looked: None,
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

    /// Puts the first job that is wanted and can still be in time on a lane. All that cannot are given
    /// back, each with the time until it would have begun.
    pub(super) fn start_next(
        &mut self,
        lane: usize,
        now: Instant,
    ) -> (Option<Waiting>, Vec<(Waiting, Duration)>) {
        self.forget_cancelled();
        let mut late = self.take_late(now);
        let next = loop {
            let Some(next) = self.waiting.pop_front() else { break None };
            let in_time = now + self.price.service_at_best(next.all.time) <= next.deadline;
            if in_time {
                // Set before the last look at the caller: see `HashStarted::begin`.
                next.started.begin();
                if !next.reply.is_closed() {
                    break Some(next);
                }
            }
            self.large_reserved_kib = self.large_reserved_kib.saturating_sub(next.large);
            if !in_time {
                late.push((next, Duration::ZERO));
            }
        };
        if let (Some(next), Some(place)) = (&next, self.running.get_mut(lane)) {
            let end = now + self.price.service(next.all.time);
            let who = next.who.clone();
            let (once, all, large) = (next.once, next.all, next.large);
            *place = Some(Running { who, once, all, large, start: now, end });
        }
        (next, late)
    }

    /// Jobs that will be too late; of a long queue, once in a while.
    fn take_late(&mut self, now: Instant) -> Vec<(Waiting, Duration)> {
        let lately =
            self.looked.is_some_and(|at| now.saturating_duration_since(at) < LOOK_INTERVAL);
        if lately && PLAYED_MAX < self.waiting.len() {
            return Vec::new();
        }
        self.looked = Some(now);
        let waits = self.waiting.iter().map(|job| Waits {
            service: self.price.service(job.all.time),
            service_at_best: self.price.service_at_best(job.all.time),
            deadline: job.deadline,
        });
        let told = too_late(now, self.ends(), waits);
        if told.iter().all(Option::is_none) {
            return Vec::new();
        }
        let mut late = Vec::new();
        for (job, told) in std::mem::take(&mut self.waiting).into_iter().zip(told) {
            match told {
                None => self.waiting.push_back(job),
                Some(wait) => {
                    self.large_reserved_kib = self.large_reserved_kib.saturating_sub(job.large);
                    late.push((job, wait));
                }
            }
        }
        late
    }

    /// A lane is free again; what it did teaches the price, when it came out.
    pub(super) fn finish(&mut self, lane: usize, now: Instant, ended: &Ended) {
        let Some(running) = self.running.get_mut(lane).and_then(Option::take) else { return };
        self.large_reserved_kib = self.large_reserved_kib.saturating_sub(running.large);
        let took = now.saturating_duration_since(running.start);
        self.spent.busy = self.spent.busy.saturating_add(took);
        self.spent.cpu = self.spent.cpu.saturating_add(ended.cpu);
        if let Some(Quote { units, time }) = ended.tries.map(|tries| running.once.times(tries)) {
            self.price.observe(time, took);
            self.last_done = Some(now);
            let sum = if ended.wanted { &mut self.done.wanted } else { &mut self.done.unwanted };
            *sum = sum.saturating_add(units);
        }
    }

    /// When each lane is predicted to finish what it runs.
    pub(super) fn ends(&self) -> impl Iterator<Item = Option<Instant>> {
        self.running.iter().map(|job| job.as_ref().map(|job| job.end))
    }

    /// How long each waiting job takes, in order.
    pub(super) fn services(&self) -> impl Iterator<Item = Duration> {
        self.waiting.iter().map(|job| self.price.service(job.all.time))
    }

    /// How long that would take which takes `predicted` by the rates at start.
    pub(super) fn service(&self, now: Instant, predicted: Duration) -> Duration {
        let is_busy = self.running.iter().any(Option::is_some);
        if is_confirmed(now, is_busy, self.last_done) {
            self.price.service(predicted)
        } else {
            self.price.service_at_best(predicted)
        }
    }

    /// Whether one more job of this user may start.
    pub(super) fn admits(&self, who: &Who) -> bool {
        let running = self.running.iter().flatten().map(|job| &job.who);
        let all = running.chain(self.waiting.iter().map(|job| &job.who)).flatten();
        let of_user = all.filter(|other| other.user == who.user).map(|other| other.known);
        user_cap::admits(of_user, who.known, self.config.jobs_per_user_max)
    }

    pub(super) fn set_jobs_per_user_max(&mut self, jobs: u32) {
        self.config.jobs_per_user_max = jobs;
    }

    pub(super) fn load(&self) -> Units {
        let running = self.running.iter().flatten().map(|job| job.all.units);
        let waiting = self.waiting.iter().map(|job| job.all.units);
        running.chain(waiting).fold(Units::ZERO, Units::saturating_add)
    }
}
