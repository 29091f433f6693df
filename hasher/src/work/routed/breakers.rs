//! The circuit breakers of one router, one for each peer that it has called, and the calls that they
//! let through. The rules are in `policy::breaker`; here are the lock, the clock and the log.
//!
//! A call is a guard: however its request ends, also when its caller goes away, its place in the
//! breaker is given back. The lock is held for a decision, never while anything waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use authcluster_contract::node::NodeId;

use crate::clock;
use crate::live::LiveSettings;
use crate::policy::breaker::{Breaker, Change, State, Ticket, Verdict, mostly_open};
use crate::policy::routing::Table;
use crate::telemetry::Metrics;

/// All of one router.
#[derive(Debug)]
pub(super) struct Breakers {
    live: LiveSettings,
    nodes: Mutex<BTreeMap<NodeId, Breaker>>,
    metrics: Arc<Metrics>,
}

impl Breakers {
    pub(super) fn new(live: LiveSettings, metrics: Arc<Metrics>) -> Self {
        Self { live, nodes: Mutex::default(), metrics }
    }

    /// Lets a call to this node through, or not.
    pub(super) fn admit(
        &self,
        node: &NodeId,
        table: &Table,
        deadline: Instant,
    ) -> Option<Call<'_>> {
        let now = clock::now();
        let mut nodes = self.lock();
        if !nodes.contains_key(node) {
            // A node that is new here takes the place of those that have gone.
            nodes.retain(|node, _| table.row(node).is_some());
        }
        let settings = self.live.current().breaker;
        let breaker = nodes.entry(node.clone()).or_insert_with(|| Breaker::new(settings, now));
        breaker.go_by(settings);
        let ticket = breaker.admit(now, deadline)?;
        Some(Call { breakers: self, node: node.clone(), ticket, verdict: Verdict::Nothing })
    }

    /// Whether too much of the capacity is closed to this pod for it to ask anyone.
    pub(super) fn mostly_open(&self, table: &Table) -> bool {
        let now = clock::now();
        let nodes = self.lock();
        mostly_open(table.rows().iter().map(|row| {
            let may_pass = nodes.get(&row.node).is_none_or(|breaker| breaker.may_pass(now));
            (row.weight.get(), may_pass)
        }))
    }

    /// The state of a peer, and how long it has been so. One that was never called is closed.
    pub(super) fn state(&self, node: &NodeId) -> (State, Duration) {
        let now = clock::now();
        self.lock().get(node).map_or((State::Closed, Duration::ZERO), |breaker| {
            let (state, since) = breaker.state(now);
            (state, now.saturating_duration_since(since))
        })
    }

    fn ended(&self, node: &NodeId, ticket: Ticket, verdict: Verdict) {
        let random = match verdict {
            // It only spreads the next attempt: without randomness that is early, and no harm.
            Verdict::Failed => clock::random_bytes::<4>().map_or(0, u32::from_be_bytes),
            Verdict::Well | Verdict::Nothing => 0,
        };
        let now = clock::now();
        let change = {
            let mut nodes = self.lock();
            let change =
                nodes.get_mut(node).and_then(|node| node.ended(ticket, verdict, now, random));
            if change.is_some() {
                let open = nodes.values().filter(|node| node.state(now).0 != State::Closed).count();
                self.metrics.breakers_open(open);
            }
            change
        };
        match change {
            None => {}
            Some(Change::Opened { retry_after }) => {
                self.metrics.breaker_opened();
                let retry_after_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(%node, retry_after_ms, "a pod fails, and is not called");
            }
            Some(Change::Closed) => tracing::info!(%node, "a pod is well again, and is called"),
        }
    }

    /// A decision does not panic half-way, so a poisoned map is still a whole one.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Breaker>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call that was let through. Dropped without a verdict, it says nothing of its node.
#[derive(Debug)]
pub(super) struct Call<'a> {
    breakers: &'a Breakers,
    node: NodeId,
    ticket: Ticket,
    verdict: Verdict,
}

impl Call<'_> {
    pub(super) fn ended(mut self, verdict: Verdict) {
        self.verdict = verdict;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.breakers.ended(&self.node, self.ticket, self.verdict);
    }
}
