//! How long sessions live.

use serde::{Deserialize, Serialize};

/// How long sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// A session ends when it was not introspected for so long, in seconds.
    pub idle_timeout_seconds: u32,
    /// A session ends so long after its creation, whatever happens, in seconds.
    pub absolute_timeout_seconds: u32,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { idle_timeout_seconds: 3_600, absolute_timeout_seconds: 43_200 }
    }
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
        Ok(())
    }
}
