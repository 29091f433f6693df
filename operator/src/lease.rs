//! Leader election by a `Lease` with compare-and-swap: at most one operator acts at a time.
//!
//! Every write is a replace that names the resource version it was decided on, so that of two
//! candidates one gets a conflict (a merge patch would let both win). A candidate judges expiry by
//! its own clock, from the moment it first saw the present renewal: clocks of other machines are
//! never compared. The leader counts from the start of its last successful call, which is earlier
//! than any candidate can have seen its effect, so its time is over before theirs begins.
//!
//! A leader that cannot renew keeps trying until its deadline, and stops its work before the lease
//! runs out. Work is a future that is dropped: nothing of it goes on.

use std::time::Duration;

use futures::future::{Either, select};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::error::chain;

/// How long things may take. The defaults are those that Kubernetes' own controllers use, with
/// fewer renewals: two of them may fail before the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// A lease that was not renewed for so long is free.
    pub duration: Duration,
    /// A leader renews this long after the last renewal.
    pub renew_every: Duration,
    /// A leader that could not renew for so long stops.
    pub renew_deadline: Duration,
    /// Pause after a failed call, and between looks at another's lease.
    pub retry_every: Duration,
    /// One call may take so long. A call begun just before the deadline still ends before the
    /// lease does: `renew_deadline + call_timeout < duration`.
    pub call_timeout: Duration,
}

impl LeaseTimes {
    /// For production: a dead leader is replaced within about 17 seconds, 12 writes a minute.
    pub const DEFAULT: Self = Self {
        duration: Duration::from_secs(15),
        renew_every: Duration::from_secs(5),
        renew_deadline: Duration::from_secs(10),
        retry_every: Duration::from_secs(2),
        call_timeout: Duration::from_secs(4),
    };

    /// Whether a leader that stops at its deadline stops before another may begin.
    #[must_use]
    pub const fn are_safe(&self) -> bool {
        let worst = self.renew_deadline.as_millis() + self.call_timeout.as_millis();
        worst < self.duration.as_millis()
            && self.renew_every.as_millis() < self.renew_deadline.as_millis()
    }
}

const _: () = assert!(LeaseTimes::DEFAULT.are_safe());

/// What a lease says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; none after a release.
    pub holder: Option<String>,
    /// When its holder says it was renewed. Only compared for equality.
    pub renewed_at: Option<Timestamp>,
    /// How long it lasts from there.
    pub duration: Duration,
}

/// What a candidate does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is no lease: create it.
    Create,
    /// It is free or has run out: replace its holder.
    Take,
    /// It is held by this candidate: renew it.
    Renew,
    /// Another holds it: look again.
    Wait,
}

/// What `me` does about a lease that has said the same for `unchanged_for`.
#[must_use]
pub fn next_step(me: &str, seen: Option<&Record>, unchanged_for: Duration) -> Step {
    let Some(record) = seen else { return Step::Create };
    match record.holder.as_deref() {
        None | Some("") => Step::Take,
        Some(holder) if holder == me => Step::Renew,
        Some(_) if unchanged_for >= record.duration => Step::Take,
        Some(_) => Step::Wait,
    }
}

/// Proof that this process leads, and for how much longer.
#[derive(Clone, Debug)]
pub struct Fence {
    until: watch::Receiver<Instant>,
}

impl Fence {
    /// A fence that ends at `until`, for tests of those who ask.
    #[must_use]
    pub fn until(until: Instant) -> Self {
        Self { until: watch::channel(until).1 }
    }

    /// Time that is left of the lease if it is not renewed again.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        self.until.borrow().saturating_duration_since(now)
    }

    /// Whether a command that may take `timeout` can be started: it would end within the lease.
    #[must_use]
    pub fn allows(&self, now: Instant, timeout: Duration) -> bool {
        self.remaining(now) > timeout
    }
}

/// Why a call on the lease failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or could not be reached.
    #[error("cannot {what} the lease")]
    Call {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        cause: kube::Error,
    },
    /// No answer in time; whether the call took effect is not known.
    #[error("cannot {what} the lease: no answer in time")]
    Timeout {
        /// What was tried.
        what: &'static str,
    },
}

impl Error {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Call { cause: kube::Error::Api(status), .. } if status.code == 409)
    }
}

/// How a time of leading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// The work came to its end, and the lease was handed back.
    Done(T),
    /// The lease was lost; the work was dropped.
    Lost,
    /// Told to stop before it was held.
    Stopped,
}

/// One who wants to lead.
#[derive(Clone, Debug)]
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    times: LeaseTimes,
    clock: Clock,
}

/// A lease that this candidate holds.
struct Held {
    lease: Lease,
    until: Instant,
}

impl Candidate {
    /// A candidate for the lease `name`. `identity` must be one of its own for each process.
    #[must_use]
    pub fn new(api: Api<Lease>, name: &str, identity: String, times: LeaseTimes) -> Self {
        Self { api, name: name.to_owned(), identity, times, clock: Clock }
    }

    /// Waits until this process leads, runs `work` while it does, and hands the lease back when
    /// the work is done. When the lease is lost, the work is dropped before another can lead.
    /// `stop` ends the waiting; ending the work is the work's own affair.
    pub async fn lead<W, F>(&self, stop: &CancellationToken, work: W) -> Ended<F::Output>
    where
        W: FnOnce(Fence) -> F,
        F: Future,
    {
        let Some(held) = stop.run_until_cancelled(self.acquire()).await else {
            // The last call may have taken the lease although nobody waited for the answer.
            self.release().await;
            return Ended::Stopped;
        };
        info!(lease = self.name, identity = self.identity, "leading");
        let (sender, until) = watch::channel(held.until);
        let renewing = Box::pin(self.keep(held.lease, sender));
        let working = Box::pin(work(Fence { until }));
        match select(working, renewing).await {
            Either::Left((output, renewing)) => {
                drop(renewing);
                self.release().await;
                Ended::Done(output)
            }
            Either::Right(((), working)) => {
                drop(working);
                warn!(lease = self.name, identity = self.identity, "lost the lease");
                Ended::Lost
            }
        }
    }

    /// Tries until the lease is held.
    async fn acquire(&self) -> Held {
        let mut seen: Option<(Option<Record>, Instant)> = None;
        loop {
            match self.try_acquire(&mut seen).await {
                Ok(Some(held)) => return held,
                Ok(None) => {}
                // Another candidate was faster. That is the point of it.
                Err(error) if error.is_conflict() => {}
                Err(error) => warn!(lease = self.name, error = chain(&error), "cannot lead yet"),
            }
            sleep(self.times.retry_every).await;
        }
    }

    /// One look at the lease, and one write when it is to be had.
    async fn try_acquire(
        &self,
        seen: &mut Option<(Option<Record>, Instant)>,
    ) -> Result<Option<Held>, Error> {
        let lease = self.read().await?;
        let now = self.clock.instant();
        let record = lease.as_ref().map(record_of);
        let since = match seen {
            Some((before, since)) if *before == record => *since,
            _ => now,
        };
        *seen = Some((record.clone(), since));
        let unchanged_for = now.saturating_duration_since(since);
        let held = match next_step(&self.identity, record.as_ref(), unchanged_for) {
            Step::Wait => return Ok(None),
            Step::Create => self.create().await?,
            Step::Take => self.write("take", lease.unwrap_or_default(), true).await?,
            Step::Renew => self.write("renew", lease.unwrap_or_default(), false).await?,
        };
        Ok(Some(held))
    }

    /// Renews until the lease is lost. Each call begins before the deadline of the last renewal, and
    /// so ends before the lease does.
    async fn keep(&self, mut lease: Lease, until: watch::Sender<Instant>) {
        let slack = self.times.duration.saturating_sub(self.times.renew_deadline);
        sleep(self.times.renew_every).await;
        loop {
            let error = match self.write("renew", lease.clone(), false).await {
                Ok(held) => {
                    lease = held.lease;
                    until.send_replace(held.until);
                    sleep(self.times.renew_every).await;
                    continue;
                }
                Err(error) => error,
            };
            warn!(lease = self.name, error = chain(&error), "cannot renew; trying again");
            let deadline = *until.borrow() - slack;
            if self.clock.instant() >= deadline {
                return;
            }
            // A write that timed out may have taken effect, and changed the version.
            match self.read().await {
                Ok(Some(now)) if record_of(&now).holder.as_ref() == Some(&self.identity) => {
                    lease = now;
                }
                Ok(_) => return,
                Err(error) => warn!(lease = self.name, error = chain(&error), "cannot look"),
            }
            if self.clock.instant() + self.times.retry_every >= deadline {
                return;
            }
            sleep(self.times.retry_every).await;
        }
    }

    /// Hands the lease back, so that the next candidate need not wait.
    async fn release(&self) {
        let released = async {
            let Some(mut lease) = self.read().await? else { return Ok(()) };
            if record_of(&lease).holder.as_ref() != Some(&self.identity) {
                return Ok(());
            }
            if let Some(spec) = lease.spec.as_mut() {
                spec.holder_identity = None;
            }
            let params = PostParams::default();
            let replace = self.api.replace(&self.name, &params, &lease);
            self.call("release", replace).await.map(|_| ())
        };
        match released.await {
            Ok(()) => info!(lease = self.name, "handed the lease back"),
            Err(error) => {
                warn!(lease = self.name, error = chain(&error), "the lease will run out instead");
            }
        }
    }

    async fn read(&self) -> Result<Option<Lease>, Error> {
        self.call("read", self.api.get_opt(&self.name)).await
    }

    async fn create(&self) -> Result<Held, Error> {
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let lease = self.filled(Lease { metadata, spec: None }, true);
        let begun = self.clock.instant();
        let lease = self.call("create", self.api.create(&PostParams::default(), &lease)).await?;
        Ok(Held { lease, until: begun + self.times.duration })
    }

    /// Replaces exactly the version that was read, or fails with a conflict.
    async fn write(&self, what: &'static str, lease: Lease, take: bool) -> Result<Held, Error> {
        let lease = self.filled(lease, take);
        let begun = self.clock.instant();
        let params = PostParams::default();
        let replace = self.api.replace(&self.name, &params, &lease);
        let lease = self.call(what, replace).await?;
        Ok(Held { lease, until: begun + self.times.duration })
    }

    /// The lease as this candidate holds it.
    fn filled(&self, mut lease: Lease, take: bool) -> Lease {
        let now = MicroTime(self.clock.now());
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        if take {
            spec.acquire_time = Some(now.clone());
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.renew_time = Some(now);
        // Rounded up: a candidate must never think that a lease is shorter than its holder does.
        let seconds = self.times.duration.as_millis().div_ceil(1_000).max(1);
        spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
        lease
    }

    async fn call<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Error> {
        match timeout(self.times.call_timeout, call).await {
            Ok(answer) => answer.map_err(|cause| Error::Call { what, cause }),
            Err(_) => Err(Error::Timeout { what }),
        }
    }
}

/// The parts of a lease that decide.
fn record_of(lease: &Lease) -> Record {
    let spec = lease.spec.as_ref();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
    Record {
        holder: spec.and_then(|spec| spec.holder_identity.clone()).filter(|name| !name.is_empty()),
        renewed_at: spec.and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0),
        duration: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests;
