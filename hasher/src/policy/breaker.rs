//! When to stop calling a peer that fails, and how to find out that it is well again.
//!
//! Closed: calls pass. `failures` in a row open it. Open: none passes until a time that starts at a
//! second and doubles each time up to `recovery_seconds`, moved at random by up to a quarter, so that
//! pods do not try together (failsafe-go#142). Half-open: one call at a time passes as a probe, and a
//! single one whatever asks at once (Polly#216), because whoever asks holds the breaker mutably.
//!
//! What is counted is what was let through, not what came back (gobreaker#91): after a failure, calls
//! under way count as failures to come, so a peer that hangs does not collect callers. A probe is a
//! lease until its own deadline, and whoever gives it back without a verdict frees it at once
//! (resilience4j#935). A refusal says that the peer is busy and a call that its caller abandoned says
//! nothing; neither counts for or against. Not for slow peers: those price themselves.

use std::time::{Duration, Instant};

use authcluster_contract::config;

/// Time until the first attempt after it has opened. A container that is started again is back within
/// seconds; shorter, and the calls to a peer that is gone cost more than they find out.
pub const RECOVERY_FIRST: Duration = Duration::from_secs(1);

/// One router's breaker for one node.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: config::Breaker,
    stage: Stage,
    /// When this stage began.
    since: Instant,
    /// Counts stages: verdicts on calls of an earlier one mean nothing any more.
    stages: u64,
    /// Calls of this stage that are under way.
    in_flight: u32,
    /// How long it stayed open the last time, without the random part.
    recovery: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Closed {
        /// In a row.
        failures: u32,
    },
    /// Until then; half-open afterwards.
    Open { until: Instant, probe: Option<Probe> },
}

/// The one call that finds out.
#[derive(Clone, Copy, Debug)]
struct Probe {
    number: u64,
    lease_ends: Instant,
}

/// A call that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    stages: u64,
    /// Of the probe; nought for other calls.
    number: u64,
}

/// What a call says of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did the work.
    Well,
    /// It could not be reached, broke off, or failed.
    Failed,
    /// Nothing: refused, abandoned by the caller, or out of time through no fault of the node.
    Nothing,
}

/// Whether calls pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// They do.
    Closed,
    /// None does.
    Open,
    /// One at a time does.
    HalfOpen,
}

/// What a verdict changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// No more calls for so long.
    Opened {
        /// Time until a probe may pass.
        retry_after: Duration,
    },
    /// Calls pass again.
    Closed,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(settings: config::Breaker, now: Instant) -> Self {
        Self {
            settings,
            stage: Stage::Closed { failures: 0 },
            since: now,
            stages: 0,
            in_flight: 0,
            recovery: Duration::ZERO,
        }
    }

    /// Takes other settings from now on; what was counted stays.
    pub fn go_by(&mut self, settings: config::Breaker) {
        self.settings = settings;
    }

    /// Whether a call would be let through.
    #[must_use]
    pub fn may_pass(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Closed { failures: 0 } => true,
            Stage::Closed { failures } => {
                failures.saturating_add(self.in_flight) < self.settings.failures
            }
            Stage::Open { until, probe } => {
                until <= now && probe.is_none_or(|probe| probe.lease_ends <= now)
            }
        }
    }

    /// Lets a call through, or not. The call ends by `deadline`, and so does its lease.
    pub fn admit(&mut self, now: Instant, deadline: Instant) -> Option<Ticket> {
        if !self.may_pass(now) {
            return None;
        }
        self.in_flight = self.in_flight.saturating_add(1);
        let mut number = 0;
        if let Stage::Open { probe, .. } = &mut self.stage {
            number = probe.map_or(0, |last| last.number).saturating_add(1);
            *probe = Some(Probe { number, lease_ends: deadline });
        }
        Some(Ticket { stages: self.stages, number })
    }

    /// A call came to its end. `random` is any number.
    pub fn ended(
        &mut self,
        ticket: Ticket,
        verdict: Verdict,
        now: Instant,
        random: u32,
    ) -> Option<Change> {
        if ticket.stages != self.stages {
            return None;
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        match (&mut self.stage, verdict) {
            (Stage::Closed { .. }, Verdict::Nothing) => None,
            (Stage::Closed { failures }, Verdict::Well) => {
                *failures = 0;
                None
            }
            (Stage::Closed { failures }, Verdict::Failed) => {
                *failures = failures.saturating_add(1);
                let opens = self.settings.failures <= *failures;
                opens.then(|| {
                    let settled = self.recovery <= now.saturating_duration_since(self.since);
                    self.open(settled, now, random)
                })
            }
            (Stage::Open { probe, .. }, verdict) => {
                let current = probe.is_some_and(|probe| probe.number == ticket.number);
                match (current, verdict) {
                    // Its lease ran out, and another call finds out.
                    (false, _) => None,
                    (true, Verdict::Nothing) => {
                        *probe = probe.map(|probe| Probe { lease_ends: now, ..probe });
                        None
                    }
                    (true, Verdict::Well) => {
                        self.enter(Stage::Closed { failures: 0 }, now);
                        Some(Change::Closed)
                    }
                    (true, Verdict::Failed) => Some(self.open(false, now, random)),
                }
            }
        }
    }

    /// Its state, and since when.
    #[must_use]
    pub fn state(&self, now: Instant) -> (State, Instant) {
        match self.stage {
            Stage::Closed { .. } => (State::Closed, self.since),
            Stage::Open { until, .. } if until <= now => (State::HalfOpen, until),
            Stage::Open { .. } => (State::Open, self.since),
        }
    }

    /// `afresh`: it was well for at least as long as it had been left alone.
    fn open(&mut self, afresh: bool, now: Instant, random: u32) -> Change {
        let longest = Duration::from_secs(u64::from(self.settings.recovery_seconds));
        let next = if afresh { RECOVERY_FIRST } else { self.recovery.saturating_mul(2) };
        self.recovery = next.clamp(RECOVERY_FIRST.min(longest), longest);
        let retry_after = jittered(self.recovery, random);
        self.enter(Stage::Open { until: now + retry_after, probe: None }, now);
        Change::Opened { retry_after }
    }

    fn enter(&mut self, stage: Stage, now: Instant) {
        self.stage = stage;
        self.since = now;
        self.stages = self.stages.saturating_add(1);
        self.in_flight = 0;
    }
}

/// Between three quarters and five quarters of it.
fn jittered(time: Duration, random: u32) -> Duration {
    let quarter = time / 4;
    let share = quarter.saturating_mul(2).as_nanos().saturating_mul(u128::from(random)) >> 32;
    (time - quarter).saturating_add(Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX)))
}

/// Whether more than half of the capacity is closed to this pod, which then computes by itself: that
/// many dead peers at once say more of this pod's network than of theirs. `nodes` are weights of all
/// that may get work, each with whether a call would pass.
#[must_use]
pub fn mostly_open(nodes: impl IntoIterator<Item = (u64, bool)>) -> bool {
    let (mut all, mut open) = (0_u64, 0_u64);
    for (weight, may_pass) in nodes {
        all = all.saturating_add(weight);
        if !may_pass {
            open = open.saturating_add(weight);
        }
    }
    all < open.saturating_mul(2)
}

#[cfg(test)]
mod tests;
