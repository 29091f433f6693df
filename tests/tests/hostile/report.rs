//! The verdict on a run, and the table that the run prints.

use std::fmt::Write as _;
use std::time::Duration;

use crate::attack::{Attack, CLOSE_BOUND, Observed, Source};
use crate::logins::Logins;
use crate::site::POD_MIB;

/// Logins may take this many times as long during an attack as before it.
const SLOWDOWN_MAX: f64 = 2.0;

/// One attack from one source, beside logins.
pub(crate) struct Round {
    pub(crate) attack: Attack,
    pub(crate) source: Source,
    /// Logins before the attack, the same load.
    pub(crate) before: Logins,
    /// Logins during the attack.
    pub(crate) during: Logins,
    pub(crate) observed: Observed,
    pub(crate) memory: Memory,
}

/// Figures of the pod's control group.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// The most that was seen during the round, with TCP buffers, in bytes.
    pub(crate) peak_bytes: u64,
    /// Processes that the kernel killed for want of memory.
    pub(crate) killed: u64,
}

/// The percentile of latency that is compared, as a fraction: 0.99 needs some hundreds of logins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentile(pub(crate) f64);

impl Round {
    /// All violations of the promises. Latencies are compared with those of `before`.
    pub(crate) fn complaints(&self, before: &Logins, percentile: Percentile) -> Vec<String> {
        let mut found = Vec::new();
        let mut complain = |is_wrong: bool, text: String| {
            if is_wrong {
                found.push(format!("{} from {}: {text}", self.attack.name(), self.source.name()));
            }
        };
        for (when, logins) in [("before", &self.before), ("during", &self.during)] {
            let (failed, all) = (logins.failed(), logins.0.len());
            let first = logins.first_failure().unwrap_or_default();
            complain(failed > 0, format!("{failed} of {all} logins failed {when} it: {first}"));
        }
        let (calm, attacked) =
            (before.latency_ms(percentile.0), self.during.latency_ms(percentile.0));
        complain(
            attacked > calm * SLOWDOWN_MAX || !attacked.is_finite(),
            format!(
                "p{:.0} of logins rose from {calm:.1} ms to {attacked:.1} ms",
                percentile.0 * 100.0
            ),
        );
        let mib = self.memory.peak_bytes >> 20;
        complain(
            mib >= POD_MIB || self.memory.killed > 0,
            format!("{mib} MiB of {POD_MIB} MiB were in use, {} killed", self.memory.killed),
        );
        complain(
            self.observed.longest > CLOSE_BOUND,
            format!("a connection without a token was open for {:?}", self.observed.longest),
        );
        complain(self.observed.opened == 0, "it opened no connection".to_owned());
        if let Some(trouble) = &self.observed.trouble {
            complain(true, trouble.clone());
        }
        let refused: u64 = self.observed.answers.range(300..).map(|(_, count)| count).sum();
        complain(refused > 0, format!("answers: {:?}", self.observed.answers));
        found
    }
}

/// The table, in Markdown.
pub(crate) fn table(rounds: &[Round]) -> String {
    let mut text = String::from(
        "| attack | from | logins | failed | p50 before, during (ms) | p99 before, during (ms) | peak MiB | opened | \
         closed by the pod | most at once | open longest (s) | generator late p99 (ms) |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for round in rounds {
        let Round { attack, source, before, during, observed, memory } = round;
        let of =
            |part: f64| format!("{:.0}, {:.0}", before.latency_ms(part), during.latency_ms(part));
        let row = format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} | {:.1} |",
            attack.name(),
            source.name(),
            during.0.len(),
            during.failed(),
            of(0.5),
            of(0.99),
            memory.peak_bytes >> 20,
            observed.opened,
            observed.closed,
            observed.open_most,
            observed.longest.as_secs_f64(),
            during.late_ms(0.99),
        );
        writeln!(text, "{row}").expect("a string takes every line");
    }
    text
}

/// One line while a run goes on.
pub(crate) fn progress(round: &Round, took: Duration) -> String {
    format!(
        "{} from {}: {} of {} logins failed, p50 {:.0} -> {:.0} ms, p95 {:.0} -> {:.0} ms, p99 {:.0} -> {:.0} ms, {} MiB, \
         open for {:.1} s; took {:.0} s",
        round.attack.name(),
        round.source.name(),
        round.during.failed(),
        round.during.0.len(),
        round.before.latency_ms(0.5),
        round.during.latency_ms(0.5),
        round.before.latency_ms(0.95),
        round.during.latency_ms(0.95),
        round.before.latency_ms(0.99),
        round.during.latency_ms(0.99),
        round.memory.peak_bytes >> 20,
        round.observed.longest.as_secs_f64(),
        took.as_secs_f64(),
    )
}
