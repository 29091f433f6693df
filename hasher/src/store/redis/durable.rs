//! Durable writes at one primary: connections that each belong to one write at a time, and how long
//! it is worth to wait for the replicas.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::breaker::LineNumber;
use super::primary::lock;
use super::settings::REPLICATION_TIMEOUT_LAGGING;

/// Durable writes under way at one primary, each with a connection of its own. At a millisecond each
/// they are some ten thousand a second; a server holds ten thousand connections by default.
const WRITES_MAX: usize = 16;

/// What durable writes at one primary share.
pub(super) struct Durable {
    writes: Semaphore,
    /// Connections that nobody uses, and the line they were made under: when that one broke, so did
    /// they.
    idle: Mutex<Vec<(LineNumber, MultiplexedConnection)>>,
    /// Whether the last write found too few replicas.
    lags: AtomicBool,
    /// The one write that waits for them in full while they lag.
    patient: Semaphore,
}

/// How long a write waits for replicas. While they lag it is short, so that callers are not held up
/// for what will not come, but for one at a time.
pub(super) struct Patience<'a> {
    pub(super) time: Duration,
    _lease: Option<SemaphorePermit<'a>>,
}

impl Durable {
    pub(super) fn new() -> Self {
        Self {
            writes: Semaphore::new(WRITES_MAX),
            idle: Mutex::default(),
            lags: AtomicBool::new(false),
            patient: Semaphore::new(1),
        }
    }

    /// Waits until one more write may be under way.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.writes.acquire().await.ok()
    }

    /// A connection that was made under this line, if there is one.
    pub(super) fn take(&self, line: LineNumber) -> Option<MultiplexedConnection> {
        let (made, connection) = lock(&self.idle).pop()?;
        (made == line).then_some(connection)
    }

    /// Gives back a connection on which nothing is under way.
    pub(super) fn give_back(&self, line: LineNumber, connection: MultiplexedConnection) {
        lock(&self.idle).push((line, connection));
    }

    /// Forgets all connections.
    pub(super) fn clear(&self) {
        lock(&self.idle).clear();
    }

    /// How long the next write is to wait, and no longer than `most`.
    pub(super) fn patience(&self, most: Duration) -> Patience<'_> {
        if !self.lags.load(Ordering::Relaxed) {
            return Patience { time: most, _lease: None };
        }
        match self.patient.try_acquire() {
            Ok(lease) => Patience { time: most, _lease: Some(lease) },
            Err(_) => Patience { time: most.min(REPLICATION_TIMEOUT_LAGGING), _lease: None },
        }
    }

    /// A write found enough replicas, or too few.
    pub(super) fn found(&self, enough: bool) {
        self.lags.store(!enough, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    //! Patience while replicas lag.

    use super::*;

    #[test]
    fn while_replicas_lag_one_write_waits_for_them_and_no_other() {
        let durable = Durable::new();
        let (long, short) = (Duration::from_millis(250), REPLICATION_TIMEOUT_LAGGING);
        let times = || [durable.patience(long), durable.patience(long), durable.patience(long)];
        let shown = |times: [Patience<'_>; 3]| times.map(|patience| patience.time);
        assert_eq!(shown(times()), [long, long, long]);
        durable.found(false);
        assert_eq!(shown(times()), [long, short, short]);
        // The lease ends with the write that had it, however that ends.
        assert_eq!(shown(times()), [long, short, short]);
        durable.found(true);
        assert_eq!(shown(times()), [long, long, long]);
    }
}
