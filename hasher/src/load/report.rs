//! The figures of a run, as a table and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::client::Answer;

/// A run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// How long requests were sent.
    pub(super) duration_seconds: f64,
    pub(super) sent: u64,
    pub(super) sent_per_second: f64,
    /// Answers of 2xx while requests were sent, per second.
    pub(super) goodput_per_second: f64,
    /// Of answers of 2xx, from the scheduled time.
    pub(super) ok_latency_ms: Latency,
    /// How late the generator sent; when it is late, so is everything that it measured.
    pub(super) generator_late_ms: Latency,
    /// CPUs that the generator itself took, on average: on the machine of the pods, they did not have them.
    pub(super) generator_cpus: f64,
    pub(super) outcomes: Vec<Outcome>,
}

/// The time in which requests were sent. Answers that come later are counted, and are no speed: a queue that
/// is worked off afterwards would make a short run look quicker than a long one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    pub(super) time: Duration,
    /// Answers of 2xx by its end.
    pub(super) good: u64,
    /// CPU time of the generator by its end.
    pub(super) cpu: Duration,
}

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
}

/// Everything that ended alike.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    /// 0 = no answer.
    pub(super) status: u16,
    /// The code of the problem, or why there was no answer.
    pub(super) code: String,
    pub(super) count: u64,
    pub(super) latency_ms: Latency,
}

impl Latency {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1e3;
        let max = histogram.max() as f64 / 1e3;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max }
    }
}

impl Outcome {
    pub(super) fn new(answer: &Answer, latencies: &Histogram<u64>) -> Self {
        let (status, code) = match answer {
            Answer::Status(status @ 200..=299, _) => (*status, "ok".to_owned()),
            Answer::Status(status, code) => (*status, code.clone().unwrap_or_default()),
            Answer::None(reason) => (0, (*reason).to_owned()),
        };
        Self { status, code, count: latencies.len(), latency_ms: Latency::of(latencies) }
    }
}

impl Report {
    /// # Errors
    /// None that a string can have.
    pub(super) fn table(&self) -> Result<String, std::fmt::Error> {
        let mut text = format!(
            "{} sent in {:.0} s, {:.1} a second; {:.1} a second answered well\n\n",
            self.sent, self.duration_seconds, self.sent_per_second, self.goodput_per_second
        );
        writeln!(
            text,
            "{:<6} {:<22} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "status", "code", "count", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"
        )?;
        for Outcome { status, code, count, latency_ms } in &self.outcomes {
            let Latency { p50, p90, p99, p999, max } = latency_ms;
            let status = if *status == 0 { "-".to_owned() } else { status.to_string() };
            writeln!(
                text,
                "{status:<6} {code:<22} {count:>9} {p50:>9.1} {p90:>9.1} {p99:>9.1} {p999:>9.1} {max:>9.1}"
            )?;
        }
        let late = self.generator_late_ms;
        writeln!(
            text,
            "\nLatencies count from the scheduled time. This generator was late by {:.1} ms at p99, \
             {:.1} ms at most, and took {:.2} CPUs.",
            late.p99, late.max, self.generator_cpus
        )?;
        Ok(text)
    }
}
