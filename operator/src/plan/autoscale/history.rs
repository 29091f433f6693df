//! What was asked for lately: a pool shrinks only to the most that was asked for in the whole window.

use k8s_openapi::jiff::Timestamp;

use super::Asked;
use crate::plan::validate::Scaling;

/// What was asked for in one pool's window. Begins empty, after every start of the operator too: then a
/// whole window passes before a pod goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Since when everything is known without a gap.
    since: Option<Timestamp>,
    /// What was asked for and may still be the most of the window: later ones are smaller, so there
    /// are never more than there may be pods.
    peaks: Vec<(Timestamp, u32)>,
}

impl History {
    /// How many pods there are to be, when there are `current` and the load asks for `asked` (`None`
    /// = it is not known), and the history after that.
    #[must_use]
    pub fn decide(
        mut self,
        scaling: Scaling,
        current: u32,
        asked: Option<Asked>,
        now: Timestamp,
    ) -> (u32, Self) {
        let bounded = |replicas: u32| replicas.min(scaling.max).max(scaling.min);
        let Some(asked) = asked else {
            return (bounded(current), Self::default());
        };
        let wish = bounded(asked.replicas);
        if !asked.complete {
            return (bounded(wish.max(current)), Self::default());
        }
        let age_seconds = |at: Timestamp| now.as_second().saturating_sub(at.as_second());
        let window_seconds = i64::from(scaling.window_seconds);
        let since = *self.since.get_or_insert(now);
        self.peaks.retain(|(at, peak)| age_seconds(*at) <= window_seconds && *peak > wish);
        self.peaks.push((now, wish));
        let most = self.peaks.first().map_or(wish, |(_, peak)| *peak);
        let covered = age_seconds(since) >= window_seconds;
        let replicas = if current < wish {
            wish
        } else if covered {
            most.min(current)
        } else {
            current
        };
        (bounded(replicas), self)
    }
}
