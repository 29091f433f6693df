//! Jobs on whichever pod should do them: the user's home, or the next one when that is busy.
//!
//! The order of pods and the steps after each answer are decided in `policy::routing`; this asks.
//! Every request sees the newest table at each step, so a pod that has left is not waited for. A job
//! that a peer hands over does not come here: the peers' listener puts it to [`Local`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use authcluster_contract::config::Routing;
use authcluster_contract::cost::Units;
use authcluster_contract::node::NodeId;
use authcluster_contract::user::UserKey;

use super::{Job, Local, Outcome, Refused, Terms, Work, WorkError, WorkFuture};
use crate::clock;
use crate::peer::{Answer, Client, PeerError};
use crate::policy::routing::{Attempts, Draw, RouteKey, Step, Table};
use crate::store::NodeEntry;
use crate::telemetry::{Metrics, PeerOutcome, chain};

/// This pod and its peers.
#[derive(Debug)]
pub struct Routed {
    local: Arc<Local>,
    table: Arc<ArcSwap<Table>>,
    routing: Routing,
    client: Client,
    metrics: Arc<Metrics>,
    turn: AtomicU64,
}

/// What one pod made of a job.
enum Tried {
    Done(Outcome),
    Refused(Refused),
    /// It is well, and cannot do this one.
    Cannot,
    Failed,
}

impl Routed {
    /// Takes this pod's lanes, the table that the registry keeps, and the way to the others.
    #[must_use]
    pub fn new(
        local: Arc<Local>,
        table: Arc<ArcSwap<Table>>,
        routing: Routing,
        client: Client,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { local, table, routing, client, metrics, turn: AtomicU64::new(0) }
    }

    async fn route(
        &self,
        order: Vec<NodeId>,
        job: Job,
        deadline: Instant,
    ) -> Result<Outcome, WorkError> {
        let refuse_after = Duration::from_millis(u64::from(self.routing.refuse_after_ms));
        let mut attempts = Attempts::new(order);
        let mut least_wait: Option<Duration> = None;
        loop {
            let (node, wait_max) = match attempts.next_step() {
                Step::Ask(node) => (node, Some(refuse_after)),
                Step::Insist(node) => (node, None),
                Step::RunHere => break,
            };
            match self.attempt(&node, &job, Terms { deadline, wait_max }).await {
                Tried::Done(outcome) => return Ok(outcome),
                Tried::Refused(Refused { wait }) => {
                    least_wait = Some(least_wait.map_or(wait, |least| least.min(wait)));
                    attempts.refused(node, u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                }
                Tried::Cannot => {}
                Tried::Failed => attempts.failed(),
            }
        }
        match self.local.run(job, Terms { deadline, wait_max: None }).await {
            Err(WorkError::Refused(Refused { wait })) => Err(WorkError::Refused(Refused {
                wait: least_wait.map_or(wait, |least| least.min(wait)),
            })),
            done => done,
        }
    }

    async fn attempt(&self, node: &NodeId, job: &Job, terms: Terms) -> Tried {
        if node == self.local.node() {
            return match self.local.run(job.clone(), terms).await {
                Ok(outcome) => Tried::Done(outcome),
                Err(WorkError::Refused(refused)) => Tried::Refused(refused),
                Err(error @ WorkError::Failed(_)) => {
                    tracing::error!(error = chain(&error), "a job failed on this pod's own lanes");
                    Tried::Failed
                }
            };
        }
        let Some(peer) = self.table.load().row(node).map(|row| row.address) else {
            tracing::debug!(%node, "a pod left while a request was on its way to it");
            return Tried::Failed;
        };
        let replied = self.client.compute(peer, self.local.node(), job, terms).await;
        self.report(node, &replied.as_ref().map(|reply| (reply.load, &reply.answer)));
        match replied.map(|reply| reply.answer) {
            Ok(Answer::Done(outcome)) => Tried::Done(outcome),
            Ok(Answer::Refused(refused)) => Tried::Refused(refused),
            Ok(Answer::Cannot(_)) => Tried::Cannot,
            Ok(Answer::Failed(_)) | Err(_) => Tried::Failed,
        }
    }

    /// How a peer did, and its load when it answered: the one place that a circuit breaker needs to
    /// listen at.
    fn report(&self, node: &NodeId, replied: &Result<(Units, &Answer), &PeerError>) {
        match replied {
            Ok((load, answer)) => {
                self.metrics.forwarded(PeerOutcome::of(answer));
                tracing::debug!(%node, %load, ?answer, "a peer answered");
            }
            Err(error) => {
                self.metrics.forwarded(PeerOutcome::Failed);
                tracing::debug!(%node, error = chain(error), "a peer did not answer");
            }
        }
    }

    fn order(&self, user: Option<&UserKey>) -> Result<Vec<NodeId>, WorkError> {
        let random = || {
            clock::random_bytes::<4>()
                .map(u32::from_be_bytes)
                .map_err(|error| WorkError::Failed(Box::new(error)))
        };
        let key = user.map_or_else(|| random().map(RouteKey::drawn), |user| Ok(RouteKey::of(user)));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let draw = Draw { key: key?, random: random()?, turn };
        let table = self.table.load();
        let order = table.order(self.routing.strategy, draw);
        Ok(order.into_iter().map(|row| row.node.clone()).collect())
    }
}

impl Work for Routed {
    fn compute<'a>(
        &'a self,
        user: Option<&'a UserKey>,
        job: Job,
        deadline: Instant,
    ) -> WorkFuture<'a> {
        Box::pin(async move { self.route(self.order(user)?, job, deadline).await })
    }

    /// What the table holds; of itself, this pod knows better.
    fn nodes(&self) -> Vec<NodeEntry> {
        let table = self.table.load();
        let own = self.local.node();
        let weight = table.row(own).map(|row| row.weight);
        let others = table.rows().iter().filter(|row| row.node != *own);
        let mut nodes: Vec<NodeEntry> = others
            .map(|row| NodeEntry {
                node: row.node.clone(),
                record: row.record(),
                load: Some(row.load),
                weight: Some(row.weight),
            })
            .collect();
        nodes.extend(self.local.nodes().into_iter().map(|entry| NodeEntry { weight, ..entry }));
        nodes.sort_by(|a, b| a.node.cmp(&b.node));
        nodes
    }
}
