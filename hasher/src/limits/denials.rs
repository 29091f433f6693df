//! What was denied a moment ago, so that a flood costs the store nothing. Pure: time is an argument.
//!
//! For a second at most: another pod may give back what was used up, and then an owner is denied no
//! longer than that without reason.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Throttled;

/// Longest time that a denial is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// Most denials at once. Beyond it floods are asked about at the store again, which bears them.
const DENIALS_MAX: usize = 10_000;

/// Time between two looks for denials that are over, each of which reads all.
const SWEEP: Duration = Duration::from_millis(100);

/// Denials by key.
#[derive(Debug, Default)]
pub(super) struct Denials {
    by_key: BTreeMap<String, Denial>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Denial {
    throttled: Throttled,
    /// When the limit itself ends.
    end: Instant,
    /// When this is no longer believed.
    until: Instant,
}

impl Denials {
    /// Whether this was denied, and for how long still.
    pub(super) fn of(&self, key: &str, now: Instant) -> Option<Throttled> {
        let denial = self.by_key.get(key).filter(|denial| now < denial.until)?;
        let retry_after = denial.end.saturating_duration_since(now);
        Some(Throttled { retry_after, ..denial.throttled.clone() })
    }

    /// Remembers a denial.
    pub(super) fn add(&mut self, key: String, throttled: &Throttled, now: Instant) {
        if self.by_key.len() >= DENIALS_MAX {
            let due = |swept: Instant| SWEEP <= now.saturating_duration_since(swept);
            if !self.swept.is_none_or(due) {
                return;
            }
            self.swept = Some(now);
            self.by_key.retain(|_, denial| now < denial.until);
            if self.by_key.len() >= DENIALS_MAX {
                return;
            }
        }
        let wait = throttled.retry_after;
        let (end, until) = (now + wait, now + wait.min(BELIEVED));
        self.by_key.insert(key, Denial { throttled: throttled.clone(), end, until });
    }

    /// Forgets a denial.
    pub(super) fn lift(&mut self, key: &str) {
        self.by_key.remove(key);
    }
}

#[cfg(test)]
mod tests {
    //! How long, and how many.

    #![expect(clippy::disallowed_methods, reason = "any moment will do to start from")]

    use super::*;
    use crate::limits::LimitHeaders;
    use crate::telemetry::LimitScope;

    fn denied(scope: LimitScope, wait_ms: u64) -> Throttled {
        let retry_after = Duration::from_millis(wait_ms);
        Throttled { scope, retry_after, headers: LimitHeaders::default() }
    }

    #[test]
    fn a_denial_is_believed_for_a_second_and_says_how_long_it_is_really() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut denials = Denials::default();
        denials.add("a".to_owned(), &denied(LimitScope::User, 60_000), start);
        denials.add("b".to_owned(), &denied(LimitScope::Address, 300), start);
        assert_eq!(denials.of("a", at(900)), Some(denied(LimitScope::User, 59_100)));
        assert_eq!(denials.of("a", at(1_000)), None);
        assert!(denials.of("b", at(299)).is_some());
        assert_eq!(denials.of("b", at(300)), None);
        denials.add("a".to_owned(), &denied(LimitScope::User, 60_000), start);
        denials.lift("a");
        assert_eq!(denials.of("a", start), None);
    }

    #[test]
    fn their_number_is_bounded() {
        let start = Instant::now();
        let mut denials = Denials::default();
        for index in 0..2 * DENIALS_MAX {
            denials.add(index.to_string(), &denied(LimitScope::User, 9_000), start);
        }
        assert_eq!(denials.by_key.len(), DENIALS_MAX);
        let later = start + Duration::from_secs(2);
        denials.add("new".to_owned(), &denied(LimitScope::User, 9_000), later);
        assert_eq!(denials.by_key.len(), 1);
    }
}
