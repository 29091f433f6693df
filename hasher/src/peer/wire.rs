//! What peers write to one another: a job, and what came of it.
//!
//! A request's body is a head in JSON, a line feed, and the password's bytes as they are: JSON has
//! no raw line feed, and the password is never escaped, so no copy of it is left behind. Versions
//! mix during every upgrade: unknown fields are ignored, and a job of an unknown kind is answered
//! with "cannot". Times are durations, because pods' clocks differ.

use std::sync::Arc;
use std::time::{Duration, Instant};

use authcluster_contract::cost::{Cost, Units};
use authcluster_contract::limits::{ENCODED_BYTES_MAX, PASSWORD_BYTES_MAX};
use authcluster_contract::node::NodeId;
use authcluster_contract::pepper::KeyId;
use authcluster_contract::secret::{Password, PasswordError};
use authcluster_contract::user::UserKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::formats::argon2::Salt;
use crate::formats::{Bounds, FormatError, NotWrappable, Pepper, Stored, Wrappable};
use crate::policy::rehash::Policy;
use crate::work::{Job, Outcome, Refused, Terms, Who};

/// Largest body of a request or a reply, in bytes: password, stored hash, and room for the rest of
/// the head, which takes some 500. Smaller, and the longest stored hash cannot be handed over;
/// larger, and a peer's open requests hold more memory.
pub const BODY_BYTES_MAX: usize = PASSWORD_BYTES_MAX + ENCODED_BYTES_MAX + 3 * 1024;

/// What a peer answered.
#[derive(Debug)]
pub struct Reply {
    /// The peer's work, admitted and not finished.
    pub load: Units,
    /// What came of the job.
    pub answer: Answer,
}

/// What came of a job at a peer.
#[derive(Debug)]
pub enum Answer {
    /// It is done.
    Done(Outcome),
    /// The peer is well, and busy.
    Refused(Refused),
    /// The peer is well, and has enough jobs of this user.
    UserBusy,
    /// The peer is well, and this job is none that it can do. Holds its words.
    Cannot(String),
    /// The peer tried, and it went wrong. Holds its words.
    Failed(String),
}

impl Answer {
    /// Whether the peer says that no hashing worker began the job.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) | Self::UserBusy | Self::Cannot(_) => true,
            Self::Done(_) | Self::Failed(_) => false,
        }
    }
}

/// Why a body is no job that this pod can do. Quotes nothing of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotError {
    /// It is longer than any job.
    #[error("the body is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
    /// It did not arrive whole.
    #[error("the body did not arrive whole")]
    Broken,
    /// Not what this version reads.
    #[error("this version does not know such a job")]
    Unknown,
    /// The password is none.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The stored hash is none that this pod works on.
    #[error(transparent)]
    Stored(#[from] FormatError),
    /// The stored hash is none that can be wrapped.
    #[error(transparent)]
    Wrap(#[from] NotWrappable),
    /// The pepper of the new hash is not here.
    #[error("pepper {0} is not here")]
    Pepper(KeyId),
    /// A new hash of this cost does not fit into this pod.
    #[error("the new hash costs more than this pod has")]
    Cost,
}

/// A job as it arrived.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) from: NodeId,
    pub(super) who: Option<Who>,
    pub(super) job: Job,
    /// Time that is left for it.
    pub(super) deadline: Duration,
    pub(super) wait_max: Option<Duration>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    from: NodeId,
    deadline_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wait_max_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserKey>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    known: bool,
    job: Kind,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Hash(Cost),
    /// A kind of its own: a version that knows of no pepper must not make the hash without.
    HashPeppered {
        cost: Cost,
        key: KeyId,
    },
    Verify {
        encoded: String,
    },
    Wrap {
        encoded: String,
        cost: Cost,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        salt: Option<Salt>,
    },
}

#[derive(Serialize, Deserialize)]
struct ReplyBody {
    load: Units,
    answer: AnswerBody,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnswerBody {
    Hashed { encoded: String },
    Verified { matches: bool },
    Refused { wait_ms: u64 },
    UserBusy,
    Cannot { why: String },
    Failed { why: String },
}

/// A job on its way to a peer, with the time that is left at `now`.
pub(super) fn encode_job(
    from: &NodeId,
    (who, job): (Option<&Who>, &Job),
    terms: &Terms,
    now: Instant,
) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let (kind, password) = match job {
        Job::Hash { password, policy } => (hash(policy), password.expose()),
        Job::Verify { password, stored } => {
            (Kind::Verify { encoded: stored.encoded().to_owned() }, password.expose())
        }
        // A version that knows of no pepper knows of no wrapping either.
        Job::Wrap { legacy, policy: Policy { cost, pepper }, salt } => {
            let (encoded, key) = (legacy.stored().encoded().to_owned(), pepper.as_ref());
            let key = key.map(Pepper::id);
            (Kind::Wrap { encoded, cost: *cost, key, salt: *salt }, &[] as &[u8])
        }
    };
    let head = serde_json::to_vec(&Head {
        from: from.clone(),
        deadline_ms: whole_ms(terms.deadline.saturating_duration_since(now)),
        wait_max_ms: terms.wait_max.map(whole_ms),
        user: who.map(|who| who.user.clone()),
        known: who.is_some_and(|who| who.known),
        job: kind,
    })?;
    // All of it at once: a vector that grows leaves copies behind.
    let length = head.len().saturating_add(1).saturating_add(password.len());
    let mut body = Zeroizing::new(Vec::with_capacity(length));
    body.extend_from_slice(&head);
    body.push(b'\n');
    body.extend_from_slice(password);
    Ok(body)
}

/// The job in a body, held to the bounds of this pod before anything is allocated for it.
pub(super) fn decode_job(body: &[u8], bounds: &Bounds) -> Result<Asked, CannotError> {
    let mut parts = body.splitn(2, |byte| *byte == b'\n');
    let (Some(head), Some(password)) = (parts.next(), parts.next()) else {
        return Err(CannotError::Unknown);
    };
    // The parser's words may quote the stored hash.
    let head: Head = serde_json::from_slice(head).map_err(|_| CannotError::Unknown)?;
    let password = Password::from_bytes(password.to_vec())?;
    let job = match head.job {
        Kind::Hash(cost) => Job::Hash { password, policy: policy(cost, None, bounds)? },
        Kind::HashPeppered { cost, key } => {
            Job::Hash { password, policy: policy(cost, Some(key), bounds)? }
        }
        Kind::Verify { encoded } => {
            Job::Verify { password, stored: Arc::new(Stored::parse(&encoded, bounds)?) }
        }
        Kind::Wrap { encoded, cost, key, salt } => {
            let policy = policy(cost, key, bounds)?;
            let legacy = Wrappable::new(Stored::parse(&encoded, bounds)?, bounds)?;
            Job::Wrap { legacy, policy, salt }
        }
    };
    let known = head.known;
    Ok(Asked {
        from: head.from,
        who: head.user.map(|user| Who { user, known }),
        job,
        deadline: Duration::from_millis(head.deadline_ms),
        wait_max: head.wait_max_ms.map(Duration::from_millis),
    })
}

fn hash(Policy { cost, pepper }: &Policy) -> Kind {
    match pepper {
        None => Kind::Hash(*cost),
        Some(pepper) => Kind::HashPeppered { cost: *cost, key: pepper.id() },
    }
}

/// A policy that this pod can keep to.
fn policy(cost: Cost, key: Option<KeyId>, bounds: &Bounds) -> Result<Policy, CannotError> {
    if !fits(cost, bounds) {
        return Err(CannotError::Cost);
    }
    let found = |key| bounds.peppers.get(key).ok_or(CannotError::Pepper(key));
    Ok(Policy { cost, pepper: key.map(found).transpose()? })
}

/// The same bounds that a stored hash is held to.
fn fits(cost: Cost, bounds: &Bounds) -> bool {
    let Cost { memory_kib, iterations, parallelism } = cost;
    (1..=bounds.parallelism_max).contains(&parallelism)
        && (1..=bounds.iterations_max).contains(&iterations)
        && (parallelism.saturating_mul(8)..=bounds.memory_kib_max).contains(&memory_kib)
        && cost.units() <= bounds.units_max
}

pub(super) fn encode_reply(reply: Reply) -> Result<Vec<u8>, serde_json::Error> {
    let answer = match reply.answer {
        Answer::Done(Outcome::Hashed(encoded)) => AnswerBody::Hashed { encoded },
        Answer::Done(Outcome::Verified(matches)) => AnswerBody::Verified { matches },
        Answer::Refused(Refused { wait }) => AnswerBody::Refused { wait_ms: whole_ms(wait) },
        Answer::UserBusy => AnswerBody::UserBusy,
        Answer::Cannot(why) => AnswerBody::Cannot { why },
        Answer::Failed(why) => AnswerBody::Failed { why },
    };
    serde_json::to_vec(&ReplyBody { load: reply.load, answer })
}

/// The answer in a body; `None` when this version does not know such an answer.
pub(super) fn decode_reply(body: &[u8]) -> Option<Reply> {
    let ReplyBody { load, answer } = serde_json::from_slice(body).ok()?;
    let answer = match answer {
        AnswerBody::Hashed { encoded } => Answer::Done(Outcome::Hashed(encoded)),
        AnswerBody::Verified { matches } => Answer::Done(Outcome::Verified(matches)),
        AnswerBody::Refused { wait_ms } => {
            Answer::Refused(Refused { wait: Duration::from_millis(wait_ms) })
        }
        AnswerBody::UserBusy => Answer::UserBusy,
        AnswerBody::Cannot { why } => Answer::Cannot(why),
        AnswerBody::Failed { why } => Answer::Failed(why),
    };
    Some(Reply { load, answer })
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
