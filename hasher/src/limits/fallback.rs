//! Whether the store has failed lately, so that it is said once and not for each request. Pure.

use std::time::{Duration, Instant};

/// A store that has failed once is said to be back when nothing failed for so long: with one shard
/// away, some calls succeed all the time.
const QUIET: Duration = Duration::from_secs(5);

/// When the store failed last, while that is worth saying.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fallback(Option<Instant>);

impl Fallback {
    /// A call failed; says whether that is news.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.0.replace(now).is_none()
    }

    /// A call succeeded; says whether the store is back.
    pub(super) fn answered(&mut self, now: Instant) -> bool {
        let back = self.0.is_some_and(|failed| QUIET <= now.saturating_duration_since(failed));
        if back {
            self.0 = None;
        }
        back
    }
}

#[cfg(test)]
mod tests {
    //! What is news.

    #![expect(clippy::disallowed_methods, reason = "any moment will do to start from")]

    use super::*;

    #[test]
    fn a_loss_is_said_once_and_its_end_when_it_is_sure() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut fallback = Fallback::default();
        assert!(!fallback.answered(at(0)));
        assert!(fallback.failed(at(1)));
        assert!(!fallback.failed(at(2)));
        assert!(!fallback.answered(at(6)));
        assert!(!fallback.failed(at(6)));
        assert!(fallback.answered(at(11)));
        assert!(!fallback.answered(at(12)));
        assert!(fallback.failed(at(13)));
    }
}
