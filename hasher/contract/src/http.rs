//! Bodies of the HTTP API, and the closed list of its errors.
//!
//! Requests are read, never written, so a password or session id cannot be serialised by mistake.
//! Unknown request fields are refused: a typo in `encoded` must not become "no such user".
//!
//! A request names a user by `user_id`, the caller's own stable id, or by `username`, the name as typed. Where both are
//! sent, `user_id` is the subject.

mod code;
mod limits;
mod migrations;
mod sessions;
mod wrap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::secret::{Password, PasswordError, SecretString};

pub use crate::formats::{RehashReason, Scheme};
pub use code::Code;
pub use limits::{LimitsResetReply, LimitsResetRequest};
pub use migrations::{CommitReply, CommitRequest, Rehash};
pub use sessions::{
    CreateSessionRequest, CreatedSession, IntrospectReply, ListSessionsReply, ListedSession,
    NewSession, RevokeAllReply, RevokeReply, RevokeRequest, RotateReply, SessionRequest,
    UserRequest,
};
pub use wrap::{WrapReply, WrapRequest, WrapRow, WrapVerdict};

/// Header of a request: time that the caller gives it, in milliseconds. Only ever shortens the
/// configured time.
pub const DEADLINE_HEADER: &str = "authcluster-deadline-ms";

/// `POST /v1/hash`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashRequest {
    /// Finds the user's home pod; any pod does without it.
    pub username: Option<String>,
    /// The same, as the caller's own id of the user.
    pub user_id: Option<String>,
    password: Option<SecretString>,
    password_b64: Option<SecretString>,
}

/// `POST /v1/verify`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// Finds the user's home pod; any pod does without it. Needed with `migrate`, unless there is a `user_id`.
    pub username: Option<String>,
    /// The same, as the caller's own id of the user: the subject, where both are sent.
    pub user_id: Option<String>,
    password: Option<SecretString>,
    password_b64: Option<SecretString>,
    /// The stored hash.
    pub encoded: SecretString,
    /// Whether to make a new hash when one is due. Off unless asked for: it costs as much as another
    /// login, and only who writes it has anything of it.
    #[serde(default)]
    pub migrate: bool,
}

/// `POST /v1/login`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The name as typed. The subject of routing, limits, session and locks where there is no `user_id`; required
    /// where there is no row.
    pub username: Option<String>,
    /// The caller's own stable id of the user whose row was found, taken byte for byte: the subject of routing,
    /// limits, session and locks, whichever name was typed. Not with `encoded: null`.
    pub user_id: Option<String>,
    password: Option<SecretString>,
    password_b64: Option<SecretString>,
    /// The stored hash; `null` says that there is no such user. It must be there, so that a typo is
    /// not taken for an unknown user.
    #[serde(deserialize_with = "present_or_null")]
    pub encoded: Option<SecretString>,
    /// The session to create when the password is right; none without it.
    pub session: Option<NewSession>,
    /// The user's own IPv4 or IPv6 address, for the limits. Text here, so that what is wrong with it
    /// can be said.
    pub address: Option<String>,
    /// Whether to make a new hash when one is due; see [`VerifyRequest::migrate`].
    #[serde(default)]
    pub migrate: bool,
}

macro_rules! password_of {
    ($($request:ty),*) => {$(
        impl $request {
            /// The password, from whichever form was sent.
            ///
            /// # Errors
            /// See [`PasswordError`].
            pub fn password(&mut self) -> Result<Password, PasswordError> {
                Password::from_forms(self.password.take(), self.password_b64.take().as_ref())
            }
        }
    )*};
}
password_of!(HashRequest, VerifyRequest, LoginRequest);

fn present_or_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Option::deserialize(from)
}

/// Answer to `POST /v1/hash`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashReply {
    /// The new hash, a PHC string.
    pub encoded: String,
}

/// Answer to `POST /v1/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReply {
    /// Whether the password is right.
    #[serde(rename = "match")]
    pub matches: bool,
    /// Whether the hash should be made anew; only ever true with a match.
    pub needs_rehash: bool,
    /// Why.
    pub reasons: Vec<RehashReason>,
    /// What the stored hash is.
    pub scheme: Scheme,
    /// The new hash, when one was asked for, is due, and this request was the one to make it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rehash: Option<Rehash>,
}

/// Answer to `POST /v1/login`. The same for a wrong password and for a user that does not exist.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginReply {
    /// Whether the password is right.
    #[serde(rename = "match")]
    pub matches: bool,
    /// Whether the hash should be made anew.
    pub needs_rehash: bool,
    /// Why.
    pub reasons: Vec<RehashReason>,
    /// The new session, when one was asked for and the password is right.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<CreatedSession>,
    /// The new hash; see [`VerifyReply::rehash`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rehash: Option<Rehash>,
}

/// Answer to `GET /v1/nodes`: this pod's view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodesReply {
    /// The pod that answers.
    pub node: String,
    /// All pods that it knows, by name.
    pub nodes: Vec<NodeView>,
}

/// One pod in another one's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its name.
    pub node: String,
    /// Its hashing threads.
    pub lanes: u32,
    /// Its capacity weight, in units per second; 0 = nothing new is sent.
    pub weight: u64,
    /// Work outstanding, in units, when last heard.
    pub load: u64,
    /// The version of its program.
    pub version: String,
    /// What the answering pod's circuit breaker makes of it; none of itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub breaker: Option<BreakerView>,
}

/// One pod's circuit breaker for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerView {
    /// Whether the pod is called.
    pub state: BreakerState,
    /// How long it has been so, in seconds.
    pub since_seconds: u64,
}

/// Whether a pod calls another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// It is called.
    Closed,
    /// It is not called.
    Open,
    /// One call at a time, to find out.
    HalfOpen,
}

/// A problem (RFC 9457), as the body of every answer that is not 2xx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Identifies the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind, for programs.
    pub code: Code,
    /// What is wrong with this request, and what to do. Holds nothing secret.
    pub detail: String,
}

#[cfg(test)]
mod tests;
