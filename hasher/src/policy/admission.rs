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
    /// Refuse instead of waiting longer than this for a lane.
    pub wait_max: Option<Duration>,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes to the end of the queue.
    Admit,
    /// It is refused.
    Refuse {
        /// Time until the earliest lane is free.
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
    let finish = now.checked_add(wait.saturating_add(service));
    let in_time = finish.is_some_and(|finish| finish <= ask.deadline);
    let soon = ask.wait_max.is_none_or(|most| wait <= most);
    if in_time && soon { Decision::Admit } else { Decision::Refuse { wait } }
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
