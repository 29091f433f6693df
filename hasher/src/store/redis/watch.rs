//! Is the store there? Pure: `now` is an argument.
//!
//! It is as long as any shard answers. Which of them does is the breakers' business. Only at the start all
//! of them count: whoever says that it is ready too early is sent users whose shard it cannot reach yet.

use std::time::{Duration, Instant};

use crate::store::Standing;

/// Nothing may be answered for so long before the store is taken for lost. Longer than a call with
/// all its tries, much shorter than a failover.
const SILENT_MAX: Duration = Duration::from_secs(1);

/// A pod that starts waits so long for the rest of the shards, once one has answered. All are connected to
/// within a second, unless one is down, and then the others are to have this pod all the same.
const REST_MAX: Duration = Duration::from_secs(5);

/// What is to be done after a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// The store answers again, or for the first time.
    pub(super) found: bool,
    /// The store is taken for lost from now on.
    pub(super) lost: bool,
}

/// What is known of the store.
#[derive(Debug)]
pub(super) struct Watch {
    state: State,
    /// When anything was answered for the first time.
    first_answer: Option<Instant>,
    /// When nothing was answered for the first time since the last answer.
    silent_since: Option<Instant>,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Found,
    Lost,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            state: State::Unknown,
            first_answer: None,
            silent_since: None,
            reason: "not connected yet".to_owned(),
        }
    }
}

impl Watch {
    /// A call was answered, or a connection made. `whole`: every slot has an owner that is connected to.
    pub(super) fn answered(&mut self, now: Instant, whole: impl FnOnce() -> bool) -> Turn {
        self.silent_since = None;
        let found = match self.state {
            State::Found => false,
            State::Lost => true,
            State::Unknown => {
                let first = *self.first_answer.get_or_insert_with(|| {
                    self.reason = "not all of its shards answer yet".to_owned();
                    now
                });
                REST_MAX <= now - first || whole()
            }
        };
        if found {
            self.state = State::Found;
        }
        Turn { found, lost: false }
    }

    /// A call failed.
    pub(super) fn failed(&mut self, reason: String, now: Instant) -> Turn {
        self.reason = reason;
        let silent_since = *self.silent_since.get_or_insert(now);
        let lost = self.state == State::Found && SILENT_MAX <= now - silent_since;
        if lost {
            self.state = State::Lost;
        }
        Turn { found: false, lost }
    }

    /// A connection could not be made.
    pub(super) fn not_connected(&mut self, reason: String) {
        self.reason = reason;
    }

    /// What others are to know.
    pub(super) fn standing(&self) -> Standing {
        match self.state {
            State::Found => Standing::Reachable,
            State::Lost => Standing::Lost(self.reason.clone()),
            State::Unknown => Standing::NeverReached(self.reason.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
