//! Bodies of the HTTP API, and the closed list of its errors.
//!
//! Requests are read, never written, so a password or session id cannot be serialised by mistake.
//! Unknown request fields are refused: a typo in `encoded` must not become "no such user".

mod limits;
mod sessions;

use serde::{Deserialize, Deserializer, Serialize};

use crate::secret::{Password, PasswordError, SecretString};

pub use crate::formats::{RehashReason, Scheme};
pub use limits::{LimitsResetReply, LimitsResetRequest};
pub use sessions::{
    CreateSessionRequest, CreatedSession, IntrospectReply, ListSessionsReply, ListedSession,
    NewSession, RevokeAllReply, RevokeReply, RevokeRequest, RotateReply, SessionRequest,
    UserRequest,
};

/// Header of a request: time that the caller gives it, in milliseconds. Only ever shortens the
/// configured time.
pub const DEADLINE_HEADER: &str = "authcluster-deadline-ms";

/// `POST /v1/hash`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashRequest {
    /// Finds the user's home pod; any pod does without it.
    pub username: Option<String>,
    password: Option<SecretString>,
    password_b64: Option<SecretString>,
}

/// `POST /v1/verify`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// Finds the user's home pod; any pod does without it.
    pub username: Option<String>,
    password: Option<SecretString>,
    password_b64: Option<SecretString>,
    /// The stored hash.
    pub encoded: SecretString,
}

/// `POST /v1/login`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// Who logs in.
    pub username: String,
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

/// Every kind of problem the API can answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// 400: the body is no JSON of the documented shape, or a field makes no sense.
    MalformedRequest,
    /// 401: no token, or an unknown one.
    Unauthenticated,
    /// 403: the caller lacks the scope.
    Forbidden,
    /// 404: no such path.
    NotFound,
    /// 405: the path knows other methods.
    MethodNotAllowed,
    /// 409: critical sessions need a Redis Cluster with at least three shards.
    CriticalUnavailable,
    /// 413: the body is too large.
    PayloadTooLarge,
    /// 415: the body is not declared as JSON.
    UnsupportedMediaType,
    /// 422: the stored hash is of no known format.
    UnsupportedFormat,
    /// 422: the stored hash asks for more work than is allowed.
    CostOutOfBounds,
    /// 422: the password is longer than allowed.
    PasswordTooLong,
    /// 429: too many requests of this user are under way at once.
    UserBusy,
    /// 429: too many attempts, or too much work asked for.
    Throttled,
    /// 500: a fault of the hasher.
    Internal,
    /// 503: no pod can finish in time.
    Overloaded,
    /// 503: the store of sessions cannot be reached.
    SessionsUnavailable,
    /// 503: the store of limits cannot be reached.
    LimitsUnavailable,
}

impl Code {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::CriticalUnavailable => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::UnsupportedFormat | Self::CostOutOfBounds | Self::PasswordTooLong => 422,
            Self::UserBusy | Self::Throttled => 429,
            Self::Internal => 500,
            Self::Overloaded | Self::SessionsUnavailable | Self::LimitsUnavailable => 503,
        }
    }

    /// The code in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::MalformedRequest => "Malformed request",
            Self::Unauthenticated => "Caller not known",
            Self::Forbidden => "Scope missing",
            Self::NotFound => "No such path",
            Self::MethodNotAllowed => "Method not allowed",
            Self::CriticalUnavailable => "Critical sessions unavailable",
            Self::PayloadTooLarge => "Body too large",
            Self::UnsupportedMediaType => "Body is not JSON",
            Self::UnsupportedFormat => "Unsupported hash format",
            Self::CostOutOfBounds => "Hash cost out of bounds",
            Self::PasswordTooLong => "Password too long",
            Self::UserBusy => "User busy",
            Self::Throttled => "Too many attempts",
            Self::Internal => "Internal error",
            Self::Overloaded => "Overloaded",
            Self::SessionsUnavailable => "Sessions unavailable",
            Self::LimitsUnavailable => "Limits unavailable",
        }
    }

    /// The code as it is spelled in JSON and in metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedRequest => "malformed-request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::CriticalUnavailable => "critical-unavailable",
            Self::PayloadTooLarge => "payload-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::UnsupportedFormat => "unsupported-format",
            Self::CostOutOfBounds => "cost-out-of-bounds",
            Self::PasswordTooLong => "password-too-long",
            Self::UserBusy => "user-busy",
            Self::Throttled => "throttled",
            Self::Internal => "internal",
            Self::Overloaded => "overloaded",
            Self::SessionsUnavailable => "sessions-unavailable",
            Self::LimitsUnavailable => "limits-unavailable",
        }
    }

    /// The body of an answer.
    #[must_use]
    pub fn problem(self, detail: impl Into<String>) -> Problem {
        Problem {
            kind: format!("urn:authcluster:problem:{}", self.as_str()),
            title: self.title().to_owned(),
            status: self.status(),
            code: self,
            detail: detail.into(),
        }
    }
}

#[cfg(test)]
mod tests;
