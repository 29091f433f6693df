//! Settings that change while the pod runs: routing, breakers and limits.
//!
//! One value, replaced as a whole: whoever decides takes it once and decides by that. An attempt that was
//! let in by the old limits is settled by them. Which settings these are is
//! [`authcluster_contract::config::Live`].

use std::sync::Arc;

use arc_swap::ArcSwap;
use authcluster_contract::config::{Breaker, Live, Routing};

use crate::limits::LimitSettings;

/// What is in force.
#[derive(Debug)]
pub struct Settings {
    /// How requests find their pod.
    pub routing: Routing,
    /// When other pods that fail are left alone.
    pub breaker: Breaker,
    /// How many failed attempts are let through.
    pub limits: Arc<LimitSettings>,
    /// What these settings and the callers are called together.
    pub version: String,
}

/// The settings in force. A clone is another hold on the same.
#[derive(Clone, Debug)]
pub struct LiveSettings(Arc<ArcSwap<Settings>>);

impl LiveSettings {
    /// Begins with these settings, beside this text of the callers' file.
    #[must_use]
    pub fn new(live: &Live, clients: &str) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Settings::of(live, clients))))
    }

    /// What is in force now.
    #[must_use]
    pub fn current(&self) -> Arc<Settings> {
        self.0.load_full()
    }

    /// Puts others in force. Says whether they are others.
    pub fn replace(&self, live: &Live, clients: &str) -> bool {
        let next = Settings::of(live, clients);
        let changed = next.version != self.0.load().version;
        if changed {
            self.0.store(Arc::new(next));
        }
        changed
    }
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self::new(&Live::default(), "")
    }
}

impl Settings {
    fn of(live: &Live, clients: &str) -> Self {
        let Live { routing, breaker, limits } = live;
        Self {
            routing: *routing,
            breaker: *breaker,
            limits: Arc::new(LimitSettings::of(limits)),
            version: live.version(clients),
        }
    }
}
