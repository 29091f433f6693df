//! The breaker around one primary, and what is to be done about its connection. Pure: `now` is an
//! argument.
//!
//! It is closed while the primary answers. It breaks when the connection is lost, or when a call ran
//! out of time and *nothing* was answered since that call was sent: one slow answer among others is
//! no reason. From then on one task alone tries to connect (`Primary::keep`), so there is one probe
//! at a time, and none that a caller could take along when it goes (resilience4j#935). Callers wait
//! for it for [`GRACE`], together, and are refused at once after that: a dead shard costs them
//! nothing and holds nobody up. The first connection closes it again.
//!
//! Of a primary that nobody has tried yet, nothing says that it is dead: a node has just named it, as
//! after a hand-over. Callers wait until the first try has ended.

use std::time::{Duration, Instant};

use super::settings::CONNECT_TIMEOUT;

/// Callers wait for a new connection for so long after the old one broke. Connecting takes a
/// millisecond or two where the primary lives, and several times that on a machine without a free CPU; a
/// caller of a dead one waits at most so long, once.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// A primary that broke so lately may have handed over: the table of slots is being read anew, which takes
/// half as long, and callers look there again meanwhile. One that died costs its first callers this much,
/// and the later ones nothing.
pub(super) const HANDOVER: Duration = Duration::from_millis(200);

/// The number of a connection: each new one has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LineNumber(u64);

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admit {
    /// Go on, over this connection.
    Pass(LineNumber),
    /// Wait for a new connection, at most for so long.
    Wait(Duration),
    /// Give up.
    Refuse,
}

/// Whether one primary answers.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    number: LineNumber,
    /// When it was last heard of.
    answered: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Broken { since: Instant, wait_until: Instant },
}

impl Breaker {
    /// Before the first connection.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: State::Broken { since: now, wait_until: now + CONNECT_TIMEOUT },
            number: LineNumber(0),
            answered: now,
        }
    }

    /// Whether the primary is taken for one that answers.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether another may own its slots by now, and the table not say so yet.
    pub(super) fn broke_lately(&self, now: Instant) -> bool {
        matches!(self.state, State::Broken { since, .. } if now < since + HANDOVER)
    }

    /// A caller comes.
    pub(super) fn admit(&self, now: Instant) -> Admit {
        match self.state {
            State::Closed => Admit::Pass(self.number),
            State::Broken { wait_until, .. } if now < wait_until => Admit::Wait(wait_until - now),
            State::Broken { .. } => Admit::Refuse,
        }
    }

    /// A call was answered.
    pub(super) fn answered(&mut self, now: Instant) {
        self.answered = self.answered.max(now);
    }

    /// A call that was `sent` over a connection ran out of time. Says whether that broke it.
    pub(super) fn silent(&mut self, over: LineNumber, sent: Instant, now: Instant) -> bool {
        self.answered < sent && self.lost(over, now)
    }

    /// A connection was lost. Says whether it was the one in use.
    pub(super) fn lost(&mut self, connection: LineNumber, now: Instant) -> bool {
        let broke = self.is_closed() && connection == self.number;
        if broke {
            self.state = State::Broken { since: now, wait_until: now + GRACE };
        }
        broke
    }

    /// There is a new connection. Its number is above all others.
    pub(super) fn mended(&mut self, now: Instant) -> LineNumber {
        self.state = State::Closed;
        self.answered = now;
        self.number = LineNumber(self.number.0.saturating_add(1));
        self.number
    }

    /// A try to connect failed: nobody is to wait any longer.
    pub(super) fn not_mended(&mut self, now: Instant) {
        if let State::Broken { wait_until, .. } = &mut self.state {
            *wait_until = now;
        }
    }
}

/// Shortest wait between two tries to reach what does not answer.
const WAIT_MIN: Duration = Duration::from_millis(50);

/// Longest one while it may be a failover, so that its end is noticed within a quarter of a second.
const WAIT_FAILOVER: Duration = Duration::from_millis(200);

/// Tries that may be a failover: some ten seconds of them, which the slowest one takes.
const TRIES_FAILOVER: u32 = 50;

/// Longest wait: how long a pod may lag behind a Redis that was away for longer.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// How long to wait before the next try.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The wait after one more failure. `random` moves it by up to a quarter either way, so that
    /// pods that lost the store at once do not come back at once.
    pub(super) fn next(&mut self, random: u8) -> Duration {
        let longest = if self.tries < TRIES_FAILOVER { WAIT_FAILOVER } else { WAIT_MAX };
        let wait = WAIT_MIN.saturating_mul(1 << self.tries.min(16)).min(longest);
        self.tries = self.tries.saturating_add(1);
        wait * 3 / 4 + wait / 2 * u32::from(random) / 255
    }
}

#[cfg(test)]
mod tests;
