//! What was sent and how it ended, while it happens.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

use super::client::Answer;
use super::report::{Latency, Outcome, Report, Sending};

/// Longest latency that is told apart, in microseconds: longer than any request is waited for.
const LONGEST_US: u64 = 3_600_000_000;

/// Significant digits of latencies. Two would blur a tenth of a millisecond in ten.
const DIGITS: u8 = 3;

/// The tally of a run.
#[derive(Debug)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    sent: u64,
    answered: u64,
    by_answer: BTreeMap<Answer, Histogram<u64>>,
    /// Of all answers of 2xx.
    good: Histogram<u64>,
    /// How late the generator itself was.
    late: Histogram<u64>,
    /// What each new answer starts with.
    empty: Histogram<u64>,
    /// Of the second that runs.
    second: Second,
}

#[derive(Debug, Default)]
struct Second {
    sent: u64,
    good: u64,
    refused: u64,
    failed: u64,
    latencies: Vec<u64>,
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).clamp(1, LONGEST_US)
}

impl Tally {
    /// # Errors
    /// None: the bounds make sense.
    pub(super) fn new() -> Result<Self, CreationError> {
        let empty = Histogram::new_with_bounds(1, LONGEST_US, DIGITS)?;
        let (good, late) = (empty.clone(), empty.clone());
        let (by_answer, second) = (BTreeMap::new(), Second::default());
        let (sent, answered) = (0, 0);
        Ok(Self(Mutex::new(Counts { sent, answered, by_answer, good, late, empty, second })))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was sent, so long after its time.
    pub(super) fn sent(&self, late: Duration) {
        let mut counts = self.lock();
        counts.sent = counts.sent.saturating_add(1);
        counts.second.sent = counts.second.sent.saturating_add(1);
        counts.late.saturating_record(microseconds(late));
    }

    /// A request has ended, so long after its scheduled time.
    pub(super) fn answered(&self, answer: &Answer, latency: Duration) {
        let latency = microseconds(latency);
        let mut counts = self.lock();
        counts.answered = counts.answered.saturating_add(1);
        let place = match answer {
            Answer::Status(200..=299, _) => &mut counts.second.good,
            Answer::Status(429 | 503, _) => &mut counts.second.refused,
            Answer::Status(..) | Answer::None(_) => &mut counts.second.failed,
        };
        *place = place.saturating_add(1);
        if matches!(answer, Answer::Status(200..=299, _)) {
            counts.second.latencies.push(latency);
            counts.good.saturating_record(latency);
        }
        let Counts { by_answer, empty, .. } = &mut *counts;
        let latencies = by_answer.entry(answer.clone()).or_insert_with(|| empty.clone());
        latencies.saturating_record(latency);
    }

    /// Requests that have not ended.
    pub(super) fn open(&self) -> u64 {
        let counts = self.lock();
        counts.sent.saturating_sub(counts.answered)
    }

    /// Answers of 2xx so far.
    pub(super) fn good(&self) -> u64 {
        self.lock().good.len()
    }

    /// The second that has passed, in a line.
    pub(super) fn line(&self) -> String {
        let mut counts = self.lock();
        let open = counts.sent.saturating_sub(counts.answered);
        let Second { sent, good, refused, failed, mut latencies } =
            std::mem::take(&mut counts.second);
        latencies.sort_unstable();
        let at = |of_hundred: usize| {
            let place = latencies.len().saturating_mul(of_hundred) / 100;
            latencies.get(place).map_or(0.0, |us| *us as f64 / 1e3)
        };
        format!(
            "sent {sent:>6}  ok {good:>6}  refused {refused:>6}  failed {failed:>6}  open {open:>6}  \
             ok p50 {:>7.1} ms  p99 {:>7.1} ms",
            at(50),
            at(99)
        )
    }

    /// Everything; what is counted by the second, over the time in which requests were sent.
    pub(super) fn report(&self, sending: Sending) -> Report {
        let counts = self.lock();
        let seconds = sending.time.as_secs_f64();
        let outcomes: Vec<Outcome> = counts
            .by_answer
            .iter()
            .map(|(answer, latencies)| Outcome::new(answer, latencies))
            .collect();
        Report {
            duration_seconds: seconds,
            sent: counts.sent,
            sent_per_second: counts.sent as f64 / seconds,
            goodput_per_second: sending.good as f64 / seconds,
            ok_latency_ms: Latency::of(&counts.good),
            generator_late_ms: Latency::of(&counts.late),
            generator_cpus: sending.cpu.as_secs_f64() / seconds,
            outcomes,
        }
    }
}
