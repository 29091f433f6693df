//! Bodies of the call that lifts limits.

use serde::{Deserialize, Serialize};

/// `POST /v1/limits/reset`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsResetRequest {
    /// Whose limits are lifted. Not looked at beside a `user_id`.
    pub username: Option<String>,
    /// Whose limits are lifted, as the caller's own id of the user.
    pub user_id: Option<String>,
}

/// Answer to `POST /v1/limits/reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsResetReply {
    /// Whether anything had been counted. Nothing is left of it in any case.
    pub reset: bool,
}
