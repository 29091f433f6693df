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

/// A wait is taken to last so many times what is predicted. Under lasting overload the queue is as long as
/// may be, and whatever goes slower than predicted makes its last jobs late: their callers are told after
/// they have waited, and when it shows only on the lane, the work is wasted. At twice, a pod may become
/// half as fast, as with a neighbour on its CPUs, and keeps its word. The queue is half of the deadline then,
/// which keeps lanes as busy: three pods on two CPUs, stormed at three times their capacity for 30 s, gave
/// 120 to 126 answers a second, and refused within 13 ms (p99); at 1.25 times 112 to 123, and within 400 to
/// 500 ms.
const WAIT_CAUTION: u32 = 2;

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
    let cautious = wait.saturating_mul(WAIT_CAUTION);
    let finish = now.checked_add(cautious.saturating_add(service));
    let in_time = finish.is_some_and(|finish| finish <= ask.deadline);
    let delay = wait.saturating_add(ask.excess());
    let soon = ask.wait_max.is_none_or(|most| delay <= most);
    if in_time && soon { Decision::Admit } else { Decision::Refuse { wait: delay } }
}

/// A job that was admitted and waits.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// How long it takes at the price of the moment.
    pub service: Duration,
    /// How long it takes at best.
    pub service_at_best: Duration,
    /// When it must be finished.
    pub deadline: Instant,
}

/// Of jobs that wait, in order, those that cannot be in time any more although they were admitted: each with
/// the time until it would begin. A pod that has become slower tells their callers at once, and not when
/// their turn comes; those behind them move up.
#[must_use]
pub fn too_late(
    now: Instant,
    lanes: impl IntoIterator<Item = Option<Instant>>,
    queued: impl IntoIterator<Item = Waits>,
) -> Vec<Option<Duration>> {
    let mut free = free(now, lanes);
    let of = |Waits { service, service_at_best, deadline }| {
        let mut earliest = free.peek_mut()?;
        let start = earliest.0;
        if start.checked_add(service_at_best).is_some_and(|finish| finish <= deadline) {
            earliest.0 = start.checked_add(service).unwrap_or(start);
            return None;
        }
        Some(start.saturating_duration_since(now))
    };
    queued.into_iter().map(of).collect()
}

/// When each lane is free; one that is late with its prediction may finish at any moment.
fn free(
    now: Instant,
    lanes: impl IntoIterator<Item = Option<Instant>>,
) -> BinaryHeap<Reverse<Instant>> {
    lanes.into_iter().map(|end| Reverse(end.map_or(now, |end| end.max(now)))).collect()
}

/// Jobs that are played forward one by one. A pod of 16 lanes may have 3,000 waiting and be asked 10,000 times
/// a second: playing all of them each time takes longer than refusing may.
pub const PLAYED_MAX: usize = 128;

/// Time until a lane is free for one more job, with everything before it done in order. Of a long queue the
/// rest is divided by the lanes, which is too long by less than one job.
#[must_use]
pub fn wait(
    now: Instant,
    lanes: impl IntoIterator<Item = Option<Instant>>,
    queued: impl IntoIterator<Item = Duration>,
) -> Duration {
    let mut free = free(now, lanes);
    let mut queued = queued.into_iter();
    for service in queued.by_ref().take(PLAYED_MAX) {
        let Some(mut earliest) = free.peek_mut() else { break };
        earliest.0 += service;
    }
    let rest: Duration = queued.fold(Duration::ZERO, Duration::saturating_add);
    let left = |Reverse(end): &Reverse<Instant>| end.saturating_duration_since(now);
    if rest.is_zero() {
        // Without lanes nothing is ever free; such a pod does not start.
        return free.peek().map_or(Duration::MAX / 2, left);
    }
    let all = free.iter().map(left).fold(rest, Duration::saturating_add);
    let lanes = u32::try_from(free.len()).unwrap_or(u32::MAX);
    all.checked_div(lanes).unwrap_or(Duration::MAX / 2)
}

#[cfg(test)]
mod tests;
