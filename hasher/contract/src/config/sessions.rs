//! How long sessions live, and how they are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::limits::{ROTATION_GRACE_SECONDS_MAX, SESSIONS_PER_USER_MAX};

/// How long sessions live, and how they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// A session ends when it was not introspected for so long, in seconds.
    pub idle_timeout_seconds: u32,
    /// A session ends so long after its creation, whatever happens, in seconds.
    pub absolute_timeout_seconds: u32,
    /// The old id of a rotated session is answered for so much longer, for requests that were under way,
    /// in seconds. Any use after it ends the session. 0 = at once.
    pub rotation_grace_seconds: u32,
    /// Most sessions of one user. Another one ends the oldest.
    pub per_user_max: u32,
    /// Keys that username, user id and data are sealed with in the store. Without it they are in the clear there.
    pub encryption: Option<SessionEncryption>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            idle_timeout_seconds: 3_600,
            absolute_timeout_seconds: 43_200,
            rotation_grace_seconds: 10,
            per_user_max: 100,
            encryption: None,
        }
    }
}

/// Keys that sessions are sealed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionEncryption {
    /// Folder with one file a key, named for it: 32 random bytes in standard base64. Every key there opens
    /// what was sealed with it.
    pub keys_folder: PathBuf,
    /// The key that new sessions are sealed with.
    pub current_key: String,
}

impl Sessions {
    /// Whether it makes sense, in words that say what to do.
    pub(super) fn checked(&self) -> Result<(), String> {
        if self.idle_timeout_seconds == 0
            || self.absolute_timeout_seconds < self.idle_timeout_seconds
        {
            return Err("sessions: 0 < idle_timeout_seconds <= absolute_timeout_seconds must hold"
                .to_owned());
        }
        if ROTATION_GRACE_SECONDS_MAX < self.rotation_grace_seconds {
            return Err(format!(
                "sessions.rotation_grace_seconds is {}, and must be at most {ROTATION_GRACE_SECONDS_MAX}",
                self.rotation_grace_seconds
            ));
        }
        if !(1..=SESSIONS_PER_USER_MAX).contains(&self.per_user_max) {
            return Err(format!(
                "sessions.per_user_max is {}, and must be between 1 and {SESSIONS_PER_USER_MAX}",
                self.per_user_max
            ));
        }
        if self.encryption.as_ref().is_some_and(|encryption| encryption.current_key.is_empty()) {
            return Err(
                "sessions.encryption.current_key is empty: name the file of a key".to_owned()
            );
        }
        Ok(())
    }
}
