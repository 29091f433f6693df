//! One pod's lanes, with the real rules: who is admitted, what work costs, how much one user gets.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use authcluster_hasher::policy::admission::{
    Ask, Decision, Waits, admit, is_confirmed, too_late, wait,
};
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

impl Job {
    /// Time as every node measured it at start.
    fn predicted(&self) -> Duration {
        predicted(self.units)
    }
}

fn predicted(units: Units) -> Duration {
    Duration::from_nanos(units.0 * UNIT_NS)
}

/// A lane that took a job, and how long it takes, in nanoseconds.
type Started = (usize, u64);

/// A job that cannot be in time any more, and when it would have begun.
type Late = (Job, Duration);

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
            price: Price::at_start(Duration::from_nanos(UNIT_NS)),
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
            service: self.service(now, job.predicted()),
            service_at_best: self.price.service_at_best(job.predicted()),
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
        self.waiting.iter().map(|job| self.price.service(job.predicted()))
    }

    fn service(&self, now: Instant, predicted: Duration) -> Duration {
        let is_busy = self.running.iter().any(Option::is_some);
        if is_confirmed(now, is_busy, self.last_done) {
            self.price.service(predicted)
        } else {
            self.price.service_at_best(predicted)
        }
    }

    pub(crate) fn delay(&self, now: Instant, units: Units) -> Duration {
        let predicted = predicted(units);
        let best = self.price.service_at_best(predicted);
        let excess = self.service(now, predicted).saturating_sub(best);
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
    /// cannot be in time any more, each with its wait.
    pub(crate) fn start(&mut self, now: Instant) -> (Vec<Started>, Vec<Late>) {
        let (mut started, mut late) = (Vec::new(), Vec::new());
        for lane in 0..self.running.len() {
            if self.running[lane].is_some() || self.waiting.is_empty() {
                continue;
            }
            let waits = self.waiting.iter().map(|job| Waits {
                service: self.price.service(job.predicted()),
                service_at_best: self.price.service_at_best(job.predicted()),
                deadline: job.deadline,
            });
            let told = too_late(now, self.ends(), waits);
            for (job, told) in std::mem::take(&mut self.waiting).into_iter().zip(told) {
                match told {
                    None => self.waiting.push_back(job),
                    Some(wait) => late.push((job, wait)),
                }
            }
            let Some(job) = self.waiting.pop_front() else { continue };
            let end = now + self.price.service(job.predicted());
            self.running[lane] = Some(Running { job, start: now, end });
            started.push((lane, job.service_ns * self.slow));
        }
        (started, late)
    }

    /// A lane is done with its job.
    pub(crate) fn finish(&mut self, lane: usize, now: Instant) -> Job {
        let Running { job, start, .. } = self.running[lane].take().expect("a job on the lane");
        self.price.observe(job.predicted(), now - start);
        self.last_done = Some(now);
        job
    }
}
