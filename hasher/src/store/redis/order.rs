//! One call as it is sent, and what its answer asks for. No I/O.

use redis::{Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value, cmd};

use super::map::Address;
use super::script::Script;
use super::settings::REPLICATION_TIMEOUT;

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
    /// What is written. `asking` comes first where a slot is on its way to the node that is asked;
    /// a write that must be durable is followed by its `WAIT`. All of it lies in one piece on the
    /// connection, so nothing of another call comes between.
    pub(super) fn packed(
        &self,
        form: Form,
        asking: bool,
        acknowledgements: Option<u32>,
    ) -> Pipeline {
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
        if let Some(wanted) = acknowledgements {
            let time_ms = u64::try_from(REPLICATION_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
            let mut wait = cmd("WAIT");
            wait.arg(wanted).arg(time_ms);
            pipeline.add_command(wait);
        }
        pipeline
    }
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
            Self::Answer(_) => !self.is_corrupt(),
            Self::NotReplicated { .. } => false,
        }
    }

    /// Whether the answer is one that cannot be.
    pub(super) fn is_corrupt(&self) -> bool {
        let Self::Answer(error) = self else { return false };
        matches!(error.code(), Some("WRONGTYPE" | "CORRUPT"))
            || matches!(error.kind(), ErrorKind::UnexpectedReturnType | ErrorKind::Parse)
    }
}

/// What was answered to [`Order::packed`]: the answer proper, and who has the write.
pub(super) fn unpacked(
    answers: Vec<Value>,
    asking: bool,
    acknowledgements: Option<u32>,
) -> Result<Value, Failure> {
    let mut answers = answers.into_iter().skip(usize::from(asking));
    let answer = answers.next().ok_or_else(|| nonsense("no answer"))?;
    let answer = answer.extract_error().map_err(Failure::Answer)?;
    let Some(wanted) = acknowledgements else { return Ok(answer) };
    let got = answers.next().ok_or_else(|| nonsense("no acknowledgement"))?;
    let got = got.extract_error().map_err(Failure::Answer)?;
    let got: u32 = redis::from_redis_value(got).map_err(|error| Failure::Answer(error.into()))?;
    if got < wanted { Err(Failure::NotReplicated { wanted, got }) } else { Ok(answer) }
}

fn nonsense(what: &'static str) -> Failure {
    Failure::Answer((ErrorKind::UnexpectedReturnType, what).into())
}

#[cfg(test)]
mod tests;
