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
    /// Whether it must survive the loss of a shard. Each write to it waits for replicas then, and it has a
    /// backup on another shard.
    #[serde(default)]
    pub critical: bool,
}

/// `POST /v1/sessions`: a session for a user whom the caller has recognised by itself, as after a single
/// sign-on or a second factor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateSessionRequest {
    /// Whose it is. Beside a `user_id`: the name that introspection gives back.
    pub username: Option<String>,
    /// Whose it is, as the caller's own id of the user.
    pub user_id: Option<String>,
    /// As in [`NewSession`].
    #[serde(default)]
    pub data: String,
    /// As in [`NewSession`].
    #[serde(default)]
    pub critical: bool,
}

/// `POST /v1/sessions/introspect` and `/v1/sessions/rotate`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The session's id.
    pub session: SecretString,
}

/// `POST /v1/sessions/revoke`: exactly one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// The session's id.
    pub session: Option<SecretString>,
    /// Its handle, from a list.
    pub handle: Option<String>,
}

/// `POST /v1/sessions/list` and `/v1/sessions/revoke-all`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    /// Whose sessions. Not looked at beside a `user_id`.
    pub username: Option<String>,
    /// Whose sessions, as the caller's own id of the user.
    pub user_id: Option<String>,
}

/// A new session, or a new id for one.
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
    /// The name as spelled at login: to be shown, not to be looked up by. Absent when the session was made with a
    /// `user_id` alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<String>,
    /// The caller's own id of the user, when the session was made with one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<String>,
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

/// Answer to `POST /v1/sessions/rotate`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateReply {
    /// Whether the session has another id now. If not, it is not valid, or another call was first.
    pub rotated: bool,
    /// The session under its new id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<CreatedSession>,
}

/// Answer to `POST /v1/sessions/list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSessionsReply {
    /// The user's valid sessions, first the one that ends first.
    pub sessions: Vec<ListedSession>,
}

/// One session in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedSession {
    /// Names it to `POST /v1/sessions/revoke`. Nobody can use it as an id.
    pub handle: String,
    /// When the user signed in (RFC 3339).
    pub created_at: String,
    /// Seconds until it ends unless it is introspected.
    pub expires_in_seconds: u64,
    /// Whether it survives the loss of a shard.
    pub critical: bool,
    /// What the caller stored with it.
    pub data: String,
}

/// Answer to `POST /v1/sessions/revoke-all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeAllReply {
    /// Sessions that were known, of which some may have been over. All are ended, those that are being
    /// created too.
    pub revoked: u64,
}
