//! One pod's lanes, with the real rules: who is admitted, what work costs, how much one user gets.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use authcluster_hasher::policy::admission::{Ask, Decision, admit, is_confirmed, wait};
use authcluster_hasher::policy::pricing::Price;
use authcluster_hasher::policy::user_cap;

use crate::workload::UNIT_NS;

/// A job with a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) request: usize,
    /// Which of the request's attempts; another one is current when the caller is gone.
    pub(crate) attempt: u32,
    pub(crate) user: u32,
    pub(crate) units: Units,
    pub(crate) deadline: Instant,
    /// Time on a lane at full speed.
    pub(crate) service_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    job: Job,
    start: Instant,
    /// As predicted.
    end: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Admitted,
    Refused(Duration),
    UserBusy,
}

pub(crate) struct Node {
    running: Vec<Option<Running>>,
    waiting: VecDeque<Job>,
    price: Price,
    last_done: Option<Instant>,
    pub(crate) slow: u64,
    pub(crate) alive: bool,
    /// Lives so far: what a lane of an earlier one does is no more.
    pub(crate) life: u32,
}

impl Node {
    pub(crate) fn new(lanes: usize) -> Self {
        Self {
            running: vec![None; lanes],
            waiting: VecDeque::new(),
            price: Price::measured(Units(1_000), Duration::from_nanos(1_000 * UNIT_NS)),
            last_done: None,
            slow: 1,
            alive: true,
            life: 0,
        }
    }

    /// Dies; the jobs that were here.
    pub(crate) fn die(&mut self) -> Vec<Job> {
        let lanes = self.running.len();
        let running = self.running.iter().flatten().map(|running| running.job);
        let jobs = running.chain(self.waiting.iter().copied()).collect();
        *self = Self { alive: false, life: self.life + 1, ..Self::new(lanes) };
        jobs
    }

    pub(crate) fn admit(
        &mut self,
        now: Instant,
        job: Job,
        wait_max: Option<Duration>,
        jobs_per_user_max: u32,
    ) -> Answer {
        let running = self.running.iter().flatten().map(|running| running.job);
        let all = running.chain(self.waiting.iter().copied());
        let under_way = all.filter(|other| other.user == job.user).map(|_| false);
        if !user_cap::admits(under_way, false, jobs_per_user_max) {
            return Answer::UserBusy;
        }
        let ask = Ask {
            service: self.service(now, job.units),
            service_at_best: self.price.service_at_best(job.units),
            deadline: job.deadline,
            wait_max,
        };
        match admit(now, self.ends(), self.services(), ask) {
            Decision::Refuse { wait } => Answer::Refused(wait),
            Decision::Admit => {
                self.waiting.push_back(job);
                Answer::Admitted
            }
        }
    }

    fn ends(&self) -> impl Iterator<Item = Option<Instant>> {
        self.running.iter().map(|running| running.map(|running| running.end))
    }

    fn services(&self) -> impl Iterator<Item = Duration> {
        self.waiting.iter().map(|job| self.price.service(job.units))
    }

    fn service(&self, now: Instant, units: Units) -> Duration {
        let is_busy = self.running.iter().any(Option::is_some);
        if is_confirmed(now, is_busy, self.last_done) {
            self.price.service(units)
        } else {
            self.price.service_at_best(units)
        }
    }

    pub(crate) fn delay(&self, now: Instant, units: Units) -> Duration {
        let excess = self.service(now, units).saturating_sub(self.price.service_at_best(units));
        wait(now, self.ends(), self.services()) + excess
    }

    pub(crate) fn load(&self) -> Units {
        let running = self.running.iter().flatten().map(|running| running.job.units);
        let waiting = self.waiting.iter().map(|job| job.units);
        running.chain(waiting).fold(Units::ZERO, Units::saturating_add)
    }

    pub(crate) fn speed(&self) -> u64 {
        self.price.speed()
    }

    pub(crate) fn lanes(&self) -> usize {
        self.running.len()
    }

    /// Takes jobs away that nobody waits for.
    pub(crate) fn forget(&mut self, is_wanted: impl Fn(&Job) -> bool) {
        self.waiting.retain(is_wanted);
    }

    /// Puts jobs on idle lanes: those that start, each with its lane and its actual time, and those that
    /// cannot be in time any more.
    pub(crate) fn start(&mut self, now: Instant) -> (Vec<(usize, u64)>, Vec<Job>) {
        let (mut started, mut late) = (Vec::new(), Vec::new());
        for lane in 0..self.running.len() {
            while self.running[lane].is_none() {
                let Some(job) = self.waiting.pop_front() else { return (started, late) };
                if now + self.price.service_at_best(job.units) > job.deadline {
                    late.push(job);
                    continue;
                }
                let end = now + self.price.service(job.units);
                self.running[lane] = Some(Running { job, start: now, end });
                started.push((lane, job.service_ns * self.slow));
            }
        }
        (started, late)
    }

    /// A lane is done with its job.
    pub(crate) fn finish(&mut self, lane: usize, now: Instant) -> Job {
        let Running { job, start, .. } = self.running[lane].take().expect("a job on the lane");
        self.price.observe(job.units, now - start);
        self.last_done = Some(now);
        job
    }
}
