//! Progress, on standard error, with the seconds since the command began. Answers (paths, tables) go
//! to standard output. A closed pipe at the other end is no reason to fail.

use std::io::{self, Write};
use std::time::Instant;

use crate::clock;

/// Says what is being done.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    start: Instant,
}

impl Report {
    /// Starts counting.
    #[must_use]
    pub fn start() -> Self {
        Self { start: clock::now() }
    }

    /// One line of progress.
    pub fn line(&self, text: &str) {
        let seconds = self.start.elapsed().as_secs_f32();
        let written = writeln!(io::stderr().lock(), "{seconds:7.1}s  {text}");
        drop(written);
    }
}

/// One line of the command's answer.
pub fn answer(text: &str) {
    let written = writeln!(io::stdout().lock(), "{text}");
    drop(written);
}
