//! One call as it is sent, and what its answer asks for. No I/O.

use std::time::Duration;

use redis::{Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value, cmd};

use super::map::Address;
use super::script::Script;

/// What is to be done at the owner of a slot.
pub(super) enum Order<'a> {
    /// One command.
    Command(&'a Cmd),
    /// A script over one key.
    Script { script: &'a Script, key: &'a str, arguments: &'a [&'a str] },
}

/// A script's two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By its digest.
    Digest,
    /// By its text, for a node that has forgotten it.
    Text,
}

impl Order<'_> {
    /// What is written. `asking` comes first where a slot is on its way to the node that is asked:
    /// in one piece, so that nothing of another call comes between.
    pub(super) fn packed(&self, form: Form, asking: bool) -> Pipeline {
        let mut pipeline = Pipeline::new();
        if asking {
            pipeline.add_command(cmd("ASKING"));
        }
        pipeline.add_command(match (self, form) {
            (Self::Command(command), _) => Cmd::clone(command),
            (Self::Script { script, key, arguments }, Form::Digest) => {
                script.by_digest(key, arguments)
            }
            (Self::Script { script, key, arguments }, Form::Text) => script.by_text(key, arguments),
        });
        pipeline
    }
}

/// Waits until so many replicas have what this connection has written, or the time has passed.
pub(super) fn acknowledgement(wanted: u32, time: Duration) -> Cmd {
    let mut wait = cmd("WAIT");
    // No time at all would be for ever.
    wait.arg(wanted).arg(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1));
    wait
}

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Nobody was asked.
    #[error("{0}")]
    Refused(String),
    /// Nothing came in time. It may have been done.
    #[error("{0} did not answer in time")]
    Silent(String),
    /// The connection broke. It may have been done.
    #[error("the connection to {0} broke")]
    Broken(String, #[source] RedisError),
    /// The node said no.
    #[error("redis said no")]
    Answer(#[source] RedisError),
    /// It was done, and not as often as asked.
    #[error("{got} of {wanted} replicas have the write")]
    NotReplicated { wanted: u32, got: u32 },
}

/// What an error asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Ask this node, from now on.
    Moved(Address),
    /// Ask this node, once.
    Ask(Address),
    /// Send the script's text.
    SendText,
    /// Ask again in a moment; the table of slots is old.
    Again,
    /// Ask again over another connection.
    Reconnect,
    /// Nothing can be done in time.
    GiveUp,
}

impl Failure {
    /// What to do next. `asked` is the host that gave the answer. `once` says that it may be done
    /// once only: then nothing is sent again that may have been done.
    pub(super) fn advice(&self, asked: &str, once: bool) -> Advice {
        let error = match self {
            Self::Answer(error) => error,
            Self::Broken(..) if !once => return Advice::Reconnect,
            Self::Broken(..) | Self::Refused(_) | Self::Silent(_) | Self::NotReplicated { .. } => {
                return Advice::GiveUp;
            }
        };
        let place = || {
            let (place, _) = error.redirect_node()?;
            Address::parse(place, asked)
        };
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => {
                place().map_or(Advice::Again, Advice::Moved)
            }
            ErrorKind::Server(ServerErrorKind::Ask) => place().map_or(Advice::Again, Advice::Ask),
            ErrorKind::Server(ServerErrorKind::NoScript) => Advice::SendText,
            // A primary that has just become a replica; keys of which some are on their way.
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::TryAgain) => {
                Advice::Again
            }
            _ => Advice::GiveUp,
        }
    }

    /// Whether nobody answered, or nobody who could have done it.
    pub(super) fn is_away(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Silent(_) | Self::Broken(..) => true,
            Self::Answer(_) => !self.is_corrupt() && !self.is_full(),
            Self::NotReplicated { .. } => false,
        }
    }

    /// Whether Redis has no memory for what was to be written. It answers, so it is not away.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Answer(error) if error.code() == Some("OOM"))
    }

    /// Whether the answer is one that cannot be.
    pub(super) fn is_corrupt(&self) -> bool {
        let Self::Answer(error) = self else { return false };
        matches!(error.code(), Some("WRONGTYPE" | "CORRUPT"))
            || matches!(error.kind(), ErrorKind::UnexpectedReturnType | ErrorKind::Parse)
    }
}

/// The answer proper of what was answered to [`Order::packed`]: the last one.
pub(super) fn unpacked(mut answers: Vec<Value>) -> Result<Value, Failure> {
    let answer = answers
        .pop()
        .ok_or_else(|| Failure::Answer((ErrorKind::UnexpectedReturnType, "no answer").into()))?;
    answer.extract_error().map_err(Failure::Answer)
}

#[cfg(test)]
mod tests;
