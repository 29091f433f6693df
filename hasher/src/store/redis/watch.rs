//! Is the store there, and is its connection any good? Pure: `now` is an argument.
//!
//! The client retries after a timeout, but on the same connection and without asking for the
//! cluster's shape again, so a primary that hangs would be asked until it comes back. When a part
//! of the slots has failed for [`FAILING_MAX`], the connection is to be made anew.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use authcluster_contract::slots::Slot;

use crate::store::Standing;

/// A part of the slots may fail for so long before the connection is made anew; and nothing may
/// be answered for so long before the store is taken for lost. Longer than a call with all its
/// retries, much shorter than a failover.
pub(super) const FAILING_MAX: Duration = Duration::from_secs(1);

/// Slots that are watched together. Sixteen parts tell three shards apart well enough, and each
/// of them sees traffic.
const SLOTS_PER_PART: u16 = 1024;

/// What is to be done after a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// The store answers again, or for the first time.
    pub(super) found: bool,
    /// The store is taken for lost from now on.
    pub(super) lost: bool,
    /// The connection is to be made anew.
    pub(super) rebuild: bool,
}

/// What is known of the store.
#[derive(Debug)]
pub(super) struct Watch {
    state: State,
    /// When nothing was answered for the first time since the last answer.
    silent_since: Option<Instant>,
    /// Of each part of the slots, when it failed first since its last answer.
    failing: BTreeMap<u16, Instant>,
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
            silent_since: None,
            failing: BTreeMap::new(),
            reason: "not connected yet".to_owned(),
        }
    }
}

impl Watch {
    /// A call was answered.
    pub(super) fn answered(&mut self, slot: Slot) -> Turn {
        self.failing.remove(&part(slot));
        self.silent_since = None;
        let found = self.state != State::Found;
        self.state = State::Found;
        Turn { found, ..Turn::default() }
    }

    /// A call failed.
    pub(super) fn failed(&mut self, slot: Slot, reason: String, now: Instant) -> Turn {
        self.reason = reason;
        let silent_since = *self.silent_since.get_or_insert(now);
        let lost = self.state == State::Found && FAILING_MAX <= now - silent_since;
        if lost {
            self.state = State::Lost;
        }
        let since = *self.failing.entry(part(slot)).or_insert(now);
        let rebuild = FAILING_MAX <= now - since;
        if rebuild {
            // The new connection gets as long before it is given up, too.
            self.failing.clear();
        }
        Turn { found: false, lost, rebuild }
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

fn part(slot: Slot) -> u16 {
    slot.get() / SLOTS_PER_PART
}

/// Shortest wait before another try to connect.
const WAIT_MIN: Duration = Duration::from_millis(100);

/// Longest one: how long a pod may lag behind a Redis that came back.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// How long to wait before the next try to connect: twice as long each time.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The wait after one more failure. `random` moves it by up to a quarter either way, so that
    /// pods that lost the store at once do not come back at once.
    pub(super) fn next(&mut self, random: u8) -> Duration {
        let wait = WAIT_MIN.saturating_mul(1 << self.tries.min(16)).min(WAIT_MAX);
        self.tries = self.tries.saturating_add(1);
        wait * 3 / 4 + wait / 2 * u32::from(random) / 255
    }
}

#[cfg(test)]
mod tests;
