//! Bodies of the calls about sessions.

use serde::{Deserialize, Serialize};

use crate::secret::SecretString;

/// What the caller asks of a new session.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// Text that introspection gives back, at most
    /// [`crate::limits::SESSION_DATA_BYTES_MAX`] bytes.
    #[serde(default)]
    pub data: String,
}

/// `POST /v1/sessions/introspect` and `/v1/sessions/revoke`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The session's id.
    pub session: SecretString,
}

/// A new session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedSession {
    /// Its id: a secret of the user's.
    pub id: String,
    /// Seconds until it ends for good.
    pub expires_in_seconds: u64,
}

/// Answer to `POST /v1/sessions/introspect`, in the manner of RFC 7662: all that is said of a session
/// that is not valid is that it is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntrospectReply {
    /// Whether the session is valid.
    pub active: bool,
    /// Whose it is, as spelled at login.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<String>,
    /// What the caller stored with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data: Option<String>,
    /// Seconds until it ends unless it is introspected again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_in_seconds: Option<u64>,
}

/// Answer to `POST /v1/sessions/revoke`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeReply {
    /// Whether there was a valid session to end. It is ended in any case.
    pub revoked: bool,
}
