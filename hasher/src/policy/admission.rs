//! May a job be admitted? Only when its predicted finish is before its deadline.
//!
//! How long a job takes is known before it starts, so nothing is inferred from queue lengths or past
//! latencies: the lanes' backlog is played forward. A job that would be late is refused at once,
//! with the time until a lane is free, because hashing for a caller that has gone away is what turns
//! a busy pod into a dead one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// A job at the door.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// How long it takes at the price of the moment.
    pub service: Duration,
    /// How long it takes at the price measured at start, which counts when a lane is idle: a price
    /// that has gone too high would otherwise refuse all work and never be corrected.
    pub service_at_best: Duration,
    /// When it must be finished.
    pub deadline: Instant,
    /// Refuse instead of keeping the job longer than this beyond what it takes at best: the wait for a
    /// lane, and what this pod takes longer than it should. A pod that has become slow would otherwise
    /// take work that another one would have done long before.
    pub wait_max: Option<Duration>,
}

impl Ask {
    /// What this pod takes longer than it should.
    fn excess(&self) -> Duration {
        self.service.saturating_sub(self.service_at_best)
    }
}

/// How long a price is held against jobs that nobody has confirmed since. A pod that was slow is asked
/// for so little that it would not learn that it is quick again; so once in a while it takes a job for
/// its best price.
pub const PRICE_LASTS: Duration = Duration::from_secs(1);

/// Whether the price of the moment is to be believed: work is under way, or was done lately.
#[must_use]
pub fn is_confirmed(now: Instant, is_busy: bool, last_done: Option<Instant>) -> bool {
    is_busy || last_done.is_some_and(|done| now.saturating_duration_since(done) < PRICE_LASTS)
}

/// One part in so many of a wait is kept in reserve. Under lasting overload the queue is as long as may be
/// and each job is predicted to end just in time: with no reserve, whatever goes a little slower than
/// predicted makes every one of them late, and all their work is wasted. A queue four fifths as long keeps
/// the lanes as busy.
const WAIT_RESERVE: u32 = 4;

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes to the end of the queue.
    Admit,
    /// It is refused.
    Refuse {
        /// Time until the earliest lane is free, and what this pod takes longer than it should.
        wait: Duration,
    },
}

/// Decides on one job. `lanes` holds, for every lane, when it is predicted to finish what it runs;
/// `None` is idle. `queued` holds what waits, in order of service.
#[must_use]
pub fn admit(
    now: Instant,
    lanes: impl IntoIterator<Item = Option<Instant>>,
    queued: impl IntoIterator<Item = Duration>,
    ask: Ask,
) -> Decision {
    let wait = wait(now, lanes, queued);
    let service = if wait.is_zero() { ask.service_at_best } else { ask.service };
    let cautious = wait.saturating_add(wait / WAIT_RESERVE);
    let finish = now.checked_add(cautious.saturating_add(service));
    let in_time = finish.is_some_and(|finish| finish <= ask.deadline);
    let delay = wait.saturating_add(ask.excess());
    let soon = ask.wait_max.is_none_or(|most| delay <= most);
    if in_time && soon { Decision::Admit } else { Decision::Refuse { wait: delay } }
}

/// Time until a lane is free for one more job, with everything before it done in order.
#[must_use]
pub fn wait(
    now: Instant,
    lanes: impl IntoIterator<Item = Option<Instant>>,
    queued: impl IntoIterator<Item = Duration>,
) -> Duration {
    // A lane that is late with its prediction may finish at any moment.
    let mut free: BinaryHeap<_> =
        lanes.into_iter().map(|end| Reverse(end.map_or(now, |end| end.max(now)))).collect();
    for service in queued {
        let Some(mut earliest) = free.peek_mut() else { break };
        earliest.0 += service;
    }
    // Without lanes nothing is ever free; such a pod does not start.
    free.peek().map_or(Duration::MAX / 2, |earliest| earliest.0.saturating_duration_since(now))
}

#[cfg(test)]
mod tests;
