//! When to write what. Pure: `now` is an argument.

use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use authcluster_contract::limits::{HEARTBEAT_INTERVAL_MS, RECORD_INTERVAL_MS};

/// Time before another try after a write that failed: as often as a heartbeat.
const RETRY: Duration = Duration::from_millis(HEARTBEAT_INTERVAL_MS);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The record.
    pub(super) announce: bool,
    /// The load.
    pub(super) publish: bool,
}

/// What was written when.
#[derive(Debug, Default)]
pub(super) struct Pace {
    announce_from: Option<Instant>,
    publish_from: Option<Instant>,
    published: Option<Units>,
    settings: String,
}

impl Pace {
    /// What is due now. A load that changed is due at once, and so is a record whose settings did; writes
    /// that failed wait.
    pub(super) fn due(&mut self, now: Instant, load: Units, settings: &str) -> Due {
        if self.settings != settings {
            settings.clone_into(&mut self.settings);
            self.announce_from = None;
        }
        let is_time = |from: Option<Instant>| from.is_none_or(|from| from <= now);
        let changed = self.published.is_some_and(|published| published != load);
        Due {
            announce: is_time(self.announce_from),
            publish: changed || is_time(self.publish_from),
        }
    }

    /// The record was written, or not.
    pub(super) fn announced(&mut self, done: bool, now: Instant) {
        let interval = if done { Duration::from_millis(RECORD_INTERVAL_MS) } else { RETRY };
        self.announce_from = Some(now + interval);
    }

    /// This load was written, or none.
    pub(super) fn published(&mut self, load: Option<Units>, now: Instant) {
        self.published = load;
        self.publish_from = Some(now + Duration::from_millis(HEARTBEAT_INTERVAL_MS));
    }
}

#[cfg(test)]
mod tests {
    //! A trace of one pod.

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some moment to count from")]
    fn writes_are_due_in_time_and_on_change() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pace = Pace::default();
        let due = |pace: &mut Pace, ms, load| {
            let Due { announce, publish } = pace.due(at(ms), Units(load), "a");
            (announce, publish)
        };
        assert_eq!(due(&mut pace, 0, 0), (true, true));
        pace.announced(true, at(0));
        pace.published(Some(Units(0)), at(0));
        assert_eq!(due(&mut pace, 499, 0), (false, false));
        assert_eq!(due(&mut pace, 100, 38), (false, true));
        assert_eq!(due(&mut pace, 500, 0), (false, true));
        assert_eq!(due(&mut pace, 4_999, 0), (false, true));
        assert_eq!(due(&mut pace, 5_000, 0), (true, true));
        // Failures: no change hurries them.
        pace.announced(false, at(5_000));
        pace.published(None, at(5_000));
        assert_eq!(due(&mut pace, 5_100, 99), (false, false));
        assert_eq!(due(&mut pace, 5_500, 99), (true, true));
        // Other settings do, once.
        pace.announced(false, at(5_500));
        pace.published(Some(Units(99)), at(5_500));
        let mut due_with = |settings| pace.due(at(5_600), Units(99), settings).announce;
        assert!(due_with("b"));
        pace.announced(false, at(5_600));
        assert!(!pace.due(at(5_700), Units(99), "b").announce);
    }
}
