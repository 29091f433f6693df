//! The only clock and the only wait of the lab. A wait is for a condition, with a bound.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Time between two looks at a condition: short beside a process's start, long beside the look.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Now.
#[expect(clippy::disallowed_methods, reason = "this file is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits one look.
#[expect(clippy::disallowed_methods, reason = "this file is the clock")]
pub(crate) fn pause() {
    std::thread::sleep(LOOK_EVERY);
}

/// What one look saw.
pub(crate) enum Seen {
    /// The condition holds.
    Yes,
    /// Not yet; the text says what is there instead.
    No(String),
}

/// Looks until `check` says yes.
///
/// # Errors
/// What `check` fails with, or [`Error::Late`] after `bound`, with what was seen last.
pub(crate) fn eventually(
    what: &str,
    bound: Duration,
    mut check: impl FnMut() -> Result<Seen>,
) -> Result<()> {
    let start = now();
    loop {
        let Seen::No(seen) = check()? else { return Ok(()) };
        if start.elapsed() >= bound {
            let detail = if seen.is_empty() { seen } else { format!(" ({seen})") };
            return Err(Error::Late { what: what.to_owned(), bound_s: bound.as_secs(), detail });
        }
        pause();
    }
}
