//! Hashing threads, each with its own arena, behind one queue.
//!
//! A lane is one thread of the system. Its arena is made before the pod is ready and never again. A
//! job is admitted under the same lock that starts jobs, so the backlog it is judged by is the one
//! there is. The permit is the job's place in queue or lane: a caller that goes away cancels a job
//! that waits, and makes no room beside one that runs.

mod queue;
mod thread;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use authcluster_contract::cost::{Cost, Units};
use tokio::sync::oneshot;

use self::queue::{Queue, Waiting};
use crate::engine::EngineError;
use crate::policy::admission::{Ask, Decision, admit, wait};
use crate::policy::pricing::rates::Rates;
use crate::policy::pricing::{Price, Quote};
use crate::work::{Job, Outcome, Refused, Terms, Who, WorkError};

/// A lane that had nothing to do for so long wipes its arena. A login storm has no such pauses, so
/// wiping costs it nothing; a job that comes while it wipes waits some milliseconds.
pub const WIPE_AFTER: Duration = Duration::from_secs(1);

/// How many lanes, and what they can hold.
#[derive(Clone, Copy, Debug)]
pub struct LanesConfig {
    /// Threads, at least one.
    pub lanes: u32,
    /// Keep each thread on a CPU of its own.
    pub pin: bool,
    /// The cost of a new hash: an arena holds one, and speed is measured at it.
    pub cost: Cost,
    /// Memory for stored hashes that need more than an arena, all together, in KiB.
    pub large_kib: u64,
    /// Jobs of one user at once.
    pub jobs_per_user_max: u32,
}

/// Work that lanes have done since they started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Somebody was there for the outcome.
    pub wanted: Units,
    /// Nobody was any more: a caller that left, or a deadline that passed, while it ran.
    pub unwanted: Units,
}

/// Time of lanes since they started: of a lane that is always busy and has a CPU to itself, both grow as
/// the clock does. What is missing to `busy` is work that did not come, and what is missing to `cpu` was
/// somebody else's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// With a job, by the clock, all lanes together.
    pub busy: Duration,
    /// On a CPU with it.
    pub cpu: Duration,
}

/// Why the lanes did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartLanesError {
    /// The system gave no thread.
    #[error("a hashing thread could not be started")]
    Thread(#[source] std::io::Error),
    /// The system gave no memory, or the first hash failed.
    #[error("a hashing thread could not compute its first hash")]
    FirstHash(#[source] EngineError),
    /// A thread ended before it was ready.
    #[error("a hashing thread ended before it was ready")]
    Gone,
}

/// The lanes of this pod. They end, after the jobs in their queue, when this is dropped.
#[derive(Debug)]
pub struct Lanes {
    shared: Arc<Shared>,
    rates: Rates,
}

/// A job that was admitted.
pub type Reply = oneshot::Receiver<Result<Outcome, WorkError>>;

/// What lanes and callers share.
#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Told when a job was queued and when the lanes are to end.
    changed: Condvar,
    wipe_after: Duration,
}

impl Shared {
    /// A lane that panics does so outside of the lock, so a poisoned queue is still a whole one.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    /// Starts the threads, and measures their speed with all of them busy.
    ///
    /// # Errors
    /// See [`StartLanesError`].
    pub fn start(config: LanesConfig) -> Result<Self, StartLanesError> {
        Self::start_wiping(config, WIPE_AFTER)
    }

    fn start_wiping(config: LanesConfig, wipe_after: Duration) -> Result<Self, StartLanesError> {
        let queue = Mutex::new(Queue::new(config));
        let shared = Shared { queue, changed: Condvar::new(), wipe_after };
        let mut lanes = Self { shared: Arc::new(shared), rates: Rates::nominal().clone() };
        lanes.rates = thread::start(&lanes.shared, config)?;
        lanes.shared.lock().price = Price::at_start(lanes.rates.unit());
        Ok(lanes)
    }

    /// What a job may take, by the rates at start.
    #[must_use]
    pub fn quote(&self, job: &Job) -> Quote {
        self.rates.quote(job.demand()).times(job.tries_max())
    }

    /// Puts a job to the lanes, at once.
    ///
    /// # Errors
    /// [`WorkError::Refused`] when it cannot be done on these terms, [`WorkError::UserBusy`] when its user
    /// has enough under way.
    pub fn admit(
        &self,
        now: Instant,
        who: Option<&Who>,
        job: Job,
        terms: Terms,
    ) -> Result<Reply, WorkError> {
        let once = self.rates.quote(job.demand());
        let all = once.times(job.tries_max());
        let mut queue = self.shared.lock();
        queue.forget_cancelled();
        if who.is_some_and(|who| !queue.admits(who)) {
            return Err(WorkError::UserBusy);
        }
        let price = queue.price;
        let ask = Ask {
            service: queue.service(now, all.time),
            service_at_best: price.service_at_best(all.time),
            deadline: terms.deadline,
            wait_max: terms.wait_max,
        };
        match admit(now, queue.ends(), queue.services(), ask) {
            Decision::Refuse { wait } => Err(WorkError::Refused(Refused { wait })),
            Decision::Admit => {
                let Some(large) = queue.reserve_large(job.demand()) else {
                    // Whoever holds the memory is on a lane or before one.
                    return Err(WorkError::Refused(Refused { wait: price.service(all.time) }));
                };
                let (reply, receiver) = oneshot::channel();
                queue.waiting.push_back(Waiting {
                    job,
                    who: who.cloned(),
                    once,
                    all,
                    deadline: terms.deadline,
                    large,
                    started: terms.started,
                    reply,
                });
                drop(queue);
                self.shared.changed.notify_one();
                Ok(receiver)
            }
        }
    }

    /// Sets how many jobs of one user there may be at once. Those that are there stay.
    pub fn set_jobs_per_user_max(&self, jobs: u32) {
        self.shared.lock().set_jobs_per_user_max(jobs);
    }

    /// What a job would be told that has no time at all to wait: until a lane is free, and what this pod
    /// takes longer than it should.
    #[must_use]
    pub fn delay(&self, now: Instant, job: &Job) -> Duration {
        let Quote { time, .. } = self.quote(job);
        let mut queue = self.shared.lock();
        queue.forget_cancelled();
        let excess = queue.service(now, time).saturating_sub(queue.price.service_at_best(time));
        wait(now, queue.ends(), queue.services()).saturating_add(excess)
    }

    /// Work admitted and not finished; cancelled work that waits is not counted.
    #[must_use]
    pub fn load(&self) -> Units {
        let mut queue = self.shared.lock();
        queue.forget_cancelled();
        queue.load()
    }

    /// How often a lane has wiped its arena for want of work.
    #[must_use]
    pub fn wipes(&self) -> u64 {
        self.shared.lock().wipes
    }

    /// Work done so far.
    #[must_use]
    pub fn done(&self) -> Done {
        self.shared.lock().done
    }

    /// What lanes were busy with so far.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.shared.lock().spent
    }

    /// What was measured at start.
    #[must_use]
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// What work costs on a lane.
    #[must_use]
    pub fn price(&self) -> Price {
        self.shared.lock().price
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
