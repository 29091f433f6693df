//! Load on all shards of a store at once, with a log of every call, so that a test can say what a
//! fault of one shard did to the others.
//!
//! What the calls are is the test's: [`Work`]. Each lane makes one call after the other on one
//! shard, so a shard's *stall* is the longest time in which none of its lanes got an answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use authcluster_hasher::store::StoreError;
use futures::future::BoxFuture;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::eventually::eventually;

/// Time between two calls of a lane: load on every shard, and most of the machine left to the
/// servers.
const PAUSE: Duration = Duration::from_millis(2);

/// Callers that come so long after a fault find it known.
const KNOWN_AFTER: Duration = Duration::from_millis(500);

/// Which lane of which shard makes a call, and which one of its own it is.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The shard, as the cluster was formed.
    pub shard: usize,
    /// The lane, from 0 in each shard.
    pub lane: usize,
    /// The call, from 0 in each lane.
    pub number: usize,
}

/// What lanes do.
pub trait Work: Send + Sync + 'static {
    /// Makes one call. It keeps its own account of what was acknowledged.
    fn call(&self, turn: Turn) -> BoxFuture<'_, Result<(), StoreError>>;
}

#[derive(Clone, Copy, Debug)]
struct Call {
    shard: usize,
    begun: Instant,
    ended: Instant,
    failed: bool,
}

/// A running load. It ends when this is dropped.
pub struct Storm {
    calls: Arc<Mutex<Vec<Call>>>,
    /// What failed calls said, and how often.
    reasons: Arc<Mutex<BTreeMap<String, usize>>>,
    stop: CancellationToken,
    lanes: JoinSet<()>,
}

impl Storm {
    /// Starts `lanes` lanes on each of `shards` shards.
    #[must_use]
    pub fn start(work: &Arc<dyn Work>, shards: usize, lanes: usize) -> Self {
        let mut storm = Self {
            calls: Arc::default(),
            reasons: Arc::default(),
            stop: CancellationToken::new(),
            lanes: JoinSet::new(),
        };
        for (shard, lane) in (0..shards).flat_map(|shard| (0..lanes).map(move |lane| (shard, lane)))
        {
            let (work, calls) = (Arc::clone(work), Arc::clone(&storm.calls));
            let (stop, reasons) = (storm.stop.clone(), Arc::clone(&storm.reasons));
            storm.lanes.spawn(async move {
                let mut number = 0;
                while !stop.is_cancelled() {
                    let begun = Instant::now();
                    let done = work.call(Turn { shard, lane, number }).await;
                    let call = Call { shard, begun, ended: Instant::now(), failed: done.is_err() };
                    if let Err(error) = done {
                        *lock(&reasons).entry(words(&error)).or_default() += 1;
                    }
                    lock(&calls).push(call);
                    number += 1;
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        storm
    }

    /// Lets all lanes end after the call that each is in.
    pub fn end(&self) {
        self.stop.cancel();
    }

    /// Ends all lanes, and waits for it.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.lanes.join_next().await.is_some() {}
    }

    /// Waits until a shard has served a call that began after `since`.
    ///
    /// # Errors
    /// When it has not within `bound`.
    pub async fn serves(
        &self,
        shard: usize,
        since: Instant,
        bound: Duration,
    ) -> anyhow::Result<()> {
        eventually(&format!("shard {shard} serves"), bound, || async {
            let calls = lock(&self.calls);
            let mut late = calls.iter().rev().take_while(|call| since <= call.ended);
            anyhow::ensure!(
                late.any(|call| call.shard == shard && !call.failed && since <= call.begun),
                "every call fails"
            );
            Ok(())
        })
        .await
    }

    /// Why calls failed since the last look, with how often.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut *lock(&self.reasons))
    }

    /// What became of a shard's calls since `begun`.
    #[must_use]
    pub fn since(&self, shard: usize, begun: Instant) -> Record {
        let calls = lock(&self.calls);
        let calls: Vec<Call> = calls
            .iter()
            .filter(|call| call.shard == shard && begun <= call.ended)
            .copied()
            .collect();
        Record::of(&calls, begun, Instant::now())
    }
}

/// An error with its causes, without the numbers that tell servers apart.
fn words(error: &StoreError) -> String {
    let mut words = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        words.push_str(": ");
        words.push_str(&error.to_string());
        next = error.source();
    }
    words.trim_start_matches(": ").chars().filter(|char| !char.is_ascii_digit()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of the calls on one shard in some time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record {
    /// Longest time in which no call was answered.
    pub stall: Duration,
    /// Calls that were answered.
    pub served: usize,
    /// Calls that failed.
    pub failed: usize,
    /// Longest wait of a call that failed.
    pub longest_failure: Duration,
    /// Median wait of calls that failed and began when the fault was known.
    pub known_failure: Duration,
}

impl Record {
    fn of(calls: &[Call], begun: Instant, now: Instant) -> Self {
        let mut ends: Vec<Instant> =
            calls.iter().filter(|call| !call.failed).map(|call| call.ended).collect();
        ends.sort();
        let served = ends.len();
        ends.push(now);
        let mut last = begun;
        let mut stall = Duration::ZERO;
        for end in ends {
            stall = stall.max(end.saturating_duration_since(last));
            last = end;
        }
        let failed: Vec<&Call> = calls.iter().filter(|call| call.failed).collect();
        let wait = |call: &&Call| call.ended.saturating_duration_since(call.begun);
        let mut known: Vec<Duration> =
            failed.iter().filter(|call| begun + KNOWN_AFTER <= call.begun).map(wait).collect();
        known.sort();
        Self {
            stall,
            served,
            failed: failed.len(),
            longest_failure: failed.iter().map(wait).max().unwrap_or_default(),
            known_failure: known.get(known.len() / 2).copied().unwrap_or_default(),
        }
    }

    /// Two shards as one.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            stall: self.stall.max(other.stall),
            served: self.served + other.served,
            failed: self.failed + other.failed,
            longest_failure: self.longest_failure.max(other.longest_failure),
            known_failure: self.known_failure.max(other.known_failure),
        }
    }
}

/// One fault, and what it did.
#[derive(Clone, Debug)]
pub struct Row {
    /// The fault.
    pub fault: String,
    /// The shards that it did not touch.
    pub healthy: Record,
    /// The ones that it did.
    pub faulty: Option<Record>,
}

/// Rows as a table, times in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Table(pub Vec<Row>);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:32} | {:>24} | {:>46}",
            "fault", "healthy shards", "faulty shards: longest, and median once known"
        )?;
        writeln!(
            f,
            "{:32} | {:>8} {:>8} {:>6} | {:>8} {:>8} {:>6} {:>10} {:>10}",
            "", "stall", "served", "failed", "stall", "served", "failed", "failing", "failing"
        )?;
        for Row { fault, healthy, faulty } in &self.0 {
            let (stall, served) = (healthy.stall.as_millis(), healthy.served);
            write!(f, "{fault:32} | {stall:>8} {served:>8} {:>6} |", healthy.failed)?;
            if let Some(faulty) = faulty {
                let (stall, longest) =
                    (faulty.stall.as_millis(), faulty.longest_failure.as_millis());
                let known = faulty.known_failure.as_secs_f64() * 1_000.0;
                let (served, failed) = (faulty.served, faulty.failed);
                write!(f, " {stall:>8} {served:>8} {failed:>6} {longest:>10} {known:>10.3}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
