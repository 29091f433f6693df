//! The part of the file that a running hasher takes over, and how both sides name its state.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Breaker, HasherConfig, Limits, Routing};

/// Bytes of the digest that a version shows: told apart are the few files that one cluster ever has.
const VERSION_BYTES: usize = 8;

/// What a running hasher takes over from a changed file. Everything else needs another start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Live {
    /// How requests find their pod.
    pub routing: Routing,
    /// When other pods that fail are left alone.
    pub breaker: Breaker,
    /// How many failed attempts are let through.
    pub limits: Limits,
}

impl Live {
    /// Names these settings together with the text of the callers' file, which changes while pods run
    /// too: sixteen hexadecimal digits. The operator writes both and looks for this in every hasher's
    /// record, to know that a change is in force.
    #[must_use]
    pub fn version(&self, clients: &str) -> String {
        let mut digest = Sha256::new();
        // None of these types has a value that TOML cannot hold.
        let settings = toml::to_string(self).unwrap_or_default();
        digest.update(settings.len().to_be_bytes());
        digest.update(settings);
        digest.update(clients);
        digest.finalize().iter().take(VERSION_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl HasherConfig {
    /// What may change while the hasher runs.
    #[must_use]
    pub fn live(&self) -> Live {
        Live { routing: self.routing, breaker: self.breaker, limits: self.limits.clone() }
    }

    /// What may not: the file with everything that is [`Live`] as if it were left out.
    #[must_use]
    pub fn at_start(&self) -> Self {
        let Live { routing, breaker, limits } = Live::default();
        Self { routing, breaker, limits, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    //! Every change has a name, and none is in both parts.

    use super::*;

    fn parts(text: &str) -> (String, HasherConfig) {
        let config = HasherConfig::from_toml(text).unwrap();
        (config.live().version("callers"), config.at_start())
    }

    #[test]
    fn a_change_is_either_live_or_needs_a_start() {
        let (version, at_start) = parts("");
        assert_eq!(at_start, HasherConfig::default());
        for live in [
            "routing.deadline_ms = 900",
            "routing.strategy = \"LeastLoaded\"",
            "routing.jobs_per_user_max = 3",
            "breaker.failures = 4",
            "limits.trusted_hops = 1",
            "limits.backoff.free_failures = 9",
            "[[limits.rules]]\nscope = \"User\"\nattempts = 5\nperiod_seconds = 60",
        ] {
            let (changed, same) = parts(live);
            assert_ne!(changed, version, "{live}");
            assert_eq!(same, at_start, "{live}");
        }
        for fixed in ["password.argon2id.iterations = 3", "sessions.per_user_max = 7"] {
            let (same, changed) = parts(fixed);
            assert_eq!(same, version, "{fixed}");
            assert_ne!(changed, at_start, "{fixed}");
        }
    }

    #[test]
    fn a_version_is_of_both_files() {
        let live = Live::default();
        assert_eq!(live.version("a").len(), 16);
        assert_ne!(live.version("a"), live.version("b"));
        assert_eq!(live.version("a"), Live::default().version("a"));
    }
}
