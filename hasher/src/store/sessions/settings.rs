//! How sessions are kept.

use std::sync::Arc;
use std::time::Duration;

use authcluster_contract::config::Sessions;

use super::milliseconds;
use super::seal::{SealError, Sealer};
use crate::clock::{self, RandomError};
use crate::policy::sessions::user::Replace;
use crate::telemetry::Metrics;

/// A generation outlives every session that carries it by this much: the two are counted down by two
/// servers, whose clocks may be set by NTP meanwhile.
const GENERATION_SPARE: Duration = Duration::from_secs(60);

/// How sessions are kept, whatever the store.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// Longest life of a session that is created today.
    pub absolute_timeout: Duration,
    /// For how long a rotated id is still answered for.
    pub rotation_grace: Duration,
    /// Most sessions of one user.
    pub per_user_max: u32,
    /// Seals what a session was created with; `None` = in the clear.
    pub sealer: Option<Arc<Sealer>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl SessionSettings {
    /// Of this configuration. Reads the keys of the seal.
    ///
    /// # Errors
    /// Keys that cannot be used.
    pub fn of(config: &Sessions, metrics: &Arc<Metrics>) -> Result<Self, SealError> {
        let sealer = config.encryption.as_ref().map(Sealer::read).transpose()?.map(Arc::new);
        Ok(Self {
            absolute_timeout: Duration::from_secs(u64::from(config.absolute_timeout_seconds)),
            rotation_grace: Duration::from_secs(u64::from(config.rotation_grace_seconds)),
            per_user_max: config.per_user_max,
            sealer,
            metrics: Arc::clone(metrics),
        })
    }

    /// How long a generation must live from now on, for a session that lives so long.
    pub(super) fn keep_ms(&self, left_ms: u64) -> u64 {
        milliseconds(self.absolute_timeout)
            .max(left_ms)
            .saturating_add(milliseconds(GENERATION_SPARE))
    }

    pub(super) fn grace_ms(&self) -> u64 {
        u64::try_from(self.rotation_grace.as_millis()).unwrap_or(u64::MAX)
    }

    /// A generation that no session carries.
    pub(super) fn replace(&self) -> Result<Replace, RandomError> {
        Ok(Replace { generation: generation()?, keep_ms: self.keep_ms(0) })
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        let Sessions { absolute_timeout_seconds, rotation_grace_seconds, per_user_max, .. } =
            Sessions::default();
        Self {
            absolute_timeout: Duration::from_secs(u64::from(absolute_timeout_seconds)),
            rotation_grace: Duration::from_secs(u64::from(rotation_grace_seconds)),
            per_user_max,
            sealer: None,
            metrics: Arc::new(Metrics::new()),
        }
    }
}

/// 128 random bits in hexadecimal.
pub(super) fn generation() -> Result<String, RandomError> {
    let bytes = clock::random_bytes::<16>()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
