//! Standard output of the commands. A reader that leaves early, such as `head`, is told from an output that
//! cannot be written, such as a full disk: the former is the end of the command, the latter an error.

use std::io::{Error, ErrorKind, StdoutLock, Write};

/// The reader of standard output has closed it.
#[derive(Debug, thiserror::Error)]
#[error("the reader of standard output has closed it")]
struct ReaderLeft;

/// Standard output. Its errors tell a reader that left from other failures.
pub(crate) struct StandardOutput(StdoutLock<'static>);

/// Locks standard output.
pub(crate) fn stdout() -> StandardOutput {
    StandardOutput(std::io::stdout().lock())
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).map_err(told_apart)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().map_err(told_apart)
    }
}

fn told_apart(error: Error) -> Error {
    match error.kind() {
        ErrorKind::BrokenPipe => Error::new(ErrorKind::BrokenPipe, ReaderLeft),
        _ => error,
    }
}

/// Whether a command ended because the reader of standard output closed it.
#[must_use]
pub fn reader_left(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<Error>()).any(|error| {
        error.get_ref().is_some_and(|inner| inner.downcast_ref::<ReaderLeft>().is_some())
    })
}

#[cfg(test)]
mod tests {
    //! Which errors end a command quietly.

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn only_a_reader_that_left_ends_a_command_quietly() {
        let check = |error: Error, expect: bool| {
            let error: anyhow::Error = Err::<(), _>(error).context("the rows").unwrap_err();
            assert_eq!(reader_left(&error), expect, "{error:#}");
        };
        check(told_apart(ErrorKind::BrokenPipe.into()), true);
        check(told_apart(ErrorKind::StorageFull.into()), false);
        // Of a connection or of another file.
        check(ErrorKind::BrokenPipe.into(), false);
    }
}
