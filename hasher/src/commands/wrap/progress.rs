//! How far a run is, on standard error: one line that changes at a terminal, and now and then a line elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::clock;

/// Time between two of them at a terminal.
const AT_TERMINAL: Duration = Duration::from_millis(200);

/// Time between two lines elsewhere: a log of a night has some thousands of them.
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Width of the bar, in characters.
const BAR: usize = 30;

/// Where a run is.
pub(super) struct Progress {
    begin: Instant,
    told: Instant,
    is_terminal: bool,
    seen: Seen,
}

/// What is told.
#[derive(Clone, Copy)]
struct Seen {
    /// Rows of this process.
    rows: u64,
    /// Bytes of the input that are done, by all processes of the run.
    done: u64,
    /// Bytes that were done before.
    before: u64,
    all: u64,
    time: Duration,
}

impl Progress {
    /// Of a file with so many bytes, of which so many are done.
    pub(super) fn new(all: u64, before: u64) -> Self {
        let now = clock::now();
        let is_terminal = std::io::stderr().is_terminal();
        let seen = Seen { rows: 0, done: before, before, all, time: Duration::ZERO };
        Self { begin: now, told: now, is_terminal, seen }
    }

    /// One more row, which ends at this byte of the input.
    pub(super) fn row(&mut self, end: u64) -> std::io::Result<()> {
        self.seen.rows += 1;
        self.seen.done = end;
        let now = clock::now();
        let pause = if self.is_terminal { AT_TERMINAL } else { ELSEWHERE };
        if now.saturating_duration_since(self.told) < pause {
            return Ok(());
        }
        self.told = now;
        self.tell(now)
    }

    /// All rows are done.
    pub(super) fn end(&mut self) -> std::io::Result<()> {
        self.tell(clock::now())?;
        if self.is_terminal { writeln!(std::io::stderr().lock()) } else { Ok(()) }
    }

    fn tell(&mut self, now: Instant) -> std::io::Result<()> {
        self.seen.time = now.saturating_duration_since(self.begin);
        let mut err = std::io::stderr().lock();
        if self.is_terminal {
            // Erases what was longer.
            write!(err, "\r{}\x1b[K", line(self.seen, BAR))?;
            err.flush()
        } else {
            writeln!(err, "{}", line(self.seen, 0))
        }
    }
}

/// The line, with a bar of so many characters.
fn line(seen: Seen, bar: usize) -> String {
    let Seen { rows, done, before, all, time } = seen;
    let percent = done.min(all).saturating_mul(100).checked_div(all).unwrap_or(100);
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let rate = rows.saturating_mul(1_000).checked_div(millis).unwrap_or(0);
    let left = u128::from(all.saturating_sub(done)) * u128::from(millis);
    let left = left.checked_div(u128::from(done.saturating_sub(before)));
    let left = left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_millis);
    let left = left.map_or_else(|| "unknown".to_owned(), spoken);
    let full = usize::try_from(percent).unwrap_or(100) * bar / 100;
    let bar = if bar == 0 {
        String::new()
    } else {
        format!("[{}{}] ", "#".repeat(full), "-".repeat(bar.saturating_sub(full)))
    };
    format!("{bar}{percent:>3} %, {rows} rows, {rate} rows/s, {left} left")
}

/// A time as people say it, in its two largest units.
pub(super) fn spoken(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_millis() > 0);
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    //! What is said, and that no run is divided by nothing.

    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let check = |(rows, done, before), seconds, bar, expect: &str| {
            let time = Duration::from_secs(seconds);
            assert_eq!(line(Seen { rows, done, before, all: 1_000, time }, bar), expect);
        };
        check((0, 0, 0), 0, 0, "  0 %, 0 rows, 0 rows/s, unknown left");
        check((50, 250, 0), 10, 0, " 25 %, 50 rows, 5 rows/s, 30 s left");
        // What was done before took this process no time.
        check((50, 750, 500), 10, 8, "[######--]  75 %, 50 rows, 5 rows/s, 10 s left");
        check((100, 1_000, 0), 10, 4, "[####] 100 %, 100 rows, 10 rows/s, 0 s left");
        let empty = Seen { rows: 0, done: 0, before: 0, all: 0, time: Duration::ZERO };
        assert_eq!(line(empty, 0), "100 %, 0 rows, 0 rows/s, unknown left");
    }

    #[test]
    fn times_are_said_in_two_units() {
        let check =
            |seconds, expect: &str| assert_eq!(spoken(Duration::from_secs(seconds)), expect);
        check(59, "59 s");
        check(61, "1 min 1 s");
        check(7_260, "2 h 1 min");
        check(180_000, "2 d 2 h");
        assert_eq!(spoken(Duration::from_millis(1)), "1 s");
    }
}
