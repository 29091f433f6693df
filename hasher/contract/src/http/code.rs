//! The closed list of the API's errors. One table: what is added here without a status, a meaning or something
//! for the caller to do does not compile, and `hasher/REFERENCE.md` shows it.

use serde::{Deserialize, Serialize};

use super::Problem;

/// `MEANING / Code = STATUS, spelling, title; what the caller does`.
macro_rules! codes {
    ($(
        $(#[doc = $meaning:literal])+
        $code:ident = $status:literal, $name:literal, $title:literal;
        $remedy:literal
    )+) => {
        /// Every kind of problem the API can answer with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[doc = $meaning])+ #[serde(rename = $name)] $code,)+
        }

        impl Code {
            /// All that there are, by status.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)+
                }
            }

            /// The code in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$code => $title,)+
                }
            }

            /// The code as it is spelled in JSON and in metric labels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)+
                }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$code => concat!($($meaning),+).trim_start(),)+
                }
            }

            /// What the caller does about it.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$code => $remedy,)+
                }
            }
        }
    };
}

codes! {
    /// The body is no JSON of the documented shape, or a field or header makes no sense.
    MalformedRequest = 400, "malformed-request", "Malformed request";
    "Correct the request: `detail` says what is wrong. The same one fails again."

    /// There is no bearer token, or it is not known.
    Unauthenticated = 401, "unauthenticated", "Caller not known";
    "Read the token again: it may have been replaced."

    /// The caller lacks the scope.
    Forbidden = 403, "forbidden", "Scope missing";
    "Give the caller the scope that `detail` names."

    /// There is no such path.
    NotFound = 404, "not-found", "No such path";
    "Correct the path."

    /// The path knows other methods.
    MethodNotAllowed = 405, "method-not-allowed", "Method not allowed";
    "`POST` where there is a body, `GET` elsewhere."

    /// Critical sessions need a Redis Cluster of at least three shards.
    CriticalUnavailable = 409, "critical-unavailable", "Critical sessions unavailable";
    "Leave out `critical`, or give the AuthCluster three shards. Nothing was hashed."

    /// The body is too large.
    PayloadTooLarge = 413, "payload-too-large", "Body too large";
    "Send less: at most 64 KiB."

    /// The body is not declared as JSON.
    UnsupportedMediaType = 415, "unsupported-media-type", "Body is not JSON";
    "Send `Content-Type: application/json`."

    /// The stored hash is of no known format, or of a family that is not accepted.
    UnsupportedFormat = 422, "unsupported-format", "Unsupported hash format";
    "Neither yes nor no. `hasher inspect` says what is wrong with the row; have the user set a new password, or accept the family. A login was charged like one with a wrong password; show the end user the same text as for that."

    /// The stored hash asks for more work or memory than is allowed.
    CostOutOfBounds = 422, "cost-out-of-bounds", "Hash cost out of bounds";
    "Neither yes nor no. Raise the bound that `detail` names, or have the user set a new password. A login was charged like one with a wrong password; show the end user the same text as for that."

    /// The password is longer than 1024 bytes.
    PasswordTooLong = 422, "password-too-long", "Password too long";
    "Tell the user. No hash of this hasher is of such a password."

    /// The stored hash needs no wrapping, or cannot be wrapped.
    NotWrappable = 422, "not-wrappable", "Hash cannot be wrapped";
    "Leave the row as it is."

    /// Too many requests of this user are under way at once.
    UserBusy = 429, "user-busy", "User busy";
    "Come back after `Retry-After`. Nothing was computed, and no attempt counted."

    /// Too many attempts, or more work than the caller's `unitsPerSecond`.
    Throttled = 429, "throttled", "Too many attempts";
    "Come back after `Retry-After`, and not before. Nothing was computed. docs/SECURITY.md says what an end user may be told."

    /// A fault of the hasher.
    Internal = 500, "internal", "Internal error";
    "Try again once. The log of the pod in the header `AuthCluster-Node` has the cause."

    /// No pod can finish in time.
    Overloaded = 503, "overloaded", "Overloaded";
    "Come back after `Retry-After`. Nothing was computed, and no attempt counted. If it lasts, add hashers."

    /// Sessions cannot be read or written with certainty: Redis is away, full, or lacks replicas, or a key is missing.
    SessionsUnavailable = 503, "sessions-unavailable", "Sessions unavailable";
    "Neither yes nor no: repeat the call after `Retry-After`. A revoke counts only once it was answered with 200."

    /// The failures of a user cannot be forgotten, because Redis is away.
    LimitsUnavailable = 503, "limits-unavailable", "Limits unavailable";
    "Repeat the reset after `Retry-After`. Logins go on meanwhile."

    /// The stored hash was made with a pepper that this cluster does not have.
    PepperUnavailable = 503, "pepper-unavailable", "Pepper unavailable";
    "Neither yes nor no. Bring the pepper that `detail` names back; the password may well be right. A login was charged like one with a wrong password; `POST /v1/limits/reset` lifts that."

    /// A commit cannot be noted, because Redis is away.
    MigrationsUnavailable = 503, "migrations-unavailable", "Migrations unavailable";
    "What was written stands. Send the commit again, or leave it."
}

impl Code {
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
