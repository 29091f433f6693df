//! Jobs on whichever pod should do them: the user's home, or the next one when that is busy.
//!
//! The order of pods and the steps after each answer are decided in `policy::routing`; this asks.
//! Every request sees the newest table at each step, so a pod that has left is not waited for. A pod
//! that fails is not asked (`breakers`). A job that a peer hands over does not come here: the peers'
//! listener puts it to [`Local`].

mod breakers;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use authcluster_contract::config::RoutingStrategy;
use authcluster_contract::node::NodeId;

use self::breakers::Breakers;
use super::{
    HashStarted, Job, Known, Local, Outcome, Refused, Terms, Who, Work, WorkError, WorkFuture,
};
use crate::clock;
use crate::live::LiveSettings;
use crate::peer::{Answer, Client, PeerError, Reply};
use crate::policy::breaker::Verdict;
use crate::policy::pricing::Quote;
use crate::policy::pricing::steps::Demand;
use crate::policy::routing::{Attempts, Draw, Loads, RouteKey, Step, Table};
use crate::policy::slow_start;
use crate::store::NodeEntry;
use crate::telemetry::{Metrics, PeerOutcome, chain};

/// This pod and its peers.
#[derive(Debug)]
pub struct Routed {
    local: Arc<Local>,
    table: Arc<ArcSwap<Table>>,
    live: LiveSettings,
    breakers: Breakers,
    loads: Mutex<Loads>,
    client: Client,
    metrics: Arc<Metrics>,
    turn: AtomicU64,
}

/// A call that ran out of time says something of its peer only when it had so long: as much as a
/// connection may take. A caller may give a request less than any pod needs.
const LATE_COUNTS_FROM: Duration = Duration::from_millis(250);

/// What one pod made of a job.
enum Tried {
    Done(Outcome),
    Refused(Refused),
    /// It has enough jobs of the user: no other pod is asked.
    UserBusy,
    /// It is well and cannot do this one, or it is not called at all.
    Cannot,
    Failed,
}

impl Routed {
    /// Takes this pod's lanes, the table that the registry keeps, and the way to the others.
    #[must_use]
    pub fn new(
        local: Arc<Local>,
        table: Arc<ArcSwap<Table>>,
        live: LiveSettings,
        client: Client,
        metrics: Arc<Metrics>,
    ) -> Self {
        let breakers = Breakers::new(live.clone(), Arc::clone(&metrics));
        let (loads, turn) = (Mutex::default(), AtomicU64::new(0));
        Self { local, table, live, breakers, loads, client, metrics, turn }
    }

    async fn route(
        &self,
        order: Vec<NodeId>,
        who: Option<&Who>,
        job: Job,
        terms: Terms,
    ) -> Result<Outcome, WorkError> {
        let mut attempts = Attempts::new(order);
        let mut least_wait: Option<Duration> = None;
        loop {
            let (node, wait_max) = match attempts.next_step(self.own_wait_ms(&job)) {
                Step::Ask(node) => {
                    let wait_max = self.refuse_after(&node);
                    (node, Some(wait_max))
                }
                Step::Insist(node) => (node, None),
                Step::RunHere => break,
            };
            match self.attempt(&node, who, &job, Terms { wait_max, ..terms.clone() }).await {
                Tried::Done(outcome) => return Ok(outcome),
                Tried::UserBusy => return Err(WorkError::UserBusy),
                Tried::Refused(Refused { wait }) => {
                    least_wait = Some(least_wait.map_or(wait, |least| least.min(wait)));
                    attempts.refused(node, whole_ms(wait));
                }
                Tried::Cannot => {}
                Tried::Failed => attempts.failed(),
            }
        }
        match self.local.run(who, job, terms).await {
            Err(WorkError::Refused(Refused { wait })) => Err(WorkError::Refused(Refused {
                wait: least_wait.map_or(wait, |least| least.min(wait)),
            })),
            done => done,
        }
    }

    /// How long this pod's own lanes are busy; a pod that drains is not to count on them.
    fn own_wait_ms(&self, job: &Job) -> Option<u64> {
        let table = self.table.load();
        let drains = table.row(self.local.node()).is_some_and(|row| row.weight.is_drain());
        (!drains).then(|| whole_ms(self.local.delay(job)))
    }

    /// The wait above which a node is to refuse.
    fn refuse_after(&self, node: &NodeId) -> Duration {
        let refuse_after_ms = self.live.current().routing.refuse_after_ms;
        let full = Duration::from_millis(u64::from(refuse_after_ms));
        let since = self.table.load().row(node).and_then(|row| row.since);
        slow_start::refuse_after(full, since, clock::now())
    }

    async fn attempt(&self, node: &NodeId, who: Option<&Who>, job: &Job, terms: Terms) -> Tried {
        if node == self.local.node() {
            return match self.local.run(who, job.clone(), terms).await {
                Ok(outcome) => Tried::Done(outcome),
                Err(WorkError::Refused(refused)) => Tried::Refused(refused),
                Err(WorkError::UserBusy) => Tried::UserBusy,
                Err(error @ WorkError::Failed(_)) => {
                    tracing::error!(error = chain(&error), "a job failed on this pod's own lanes");
                    Tried::Failed
                }
            };
        }
        let table = self.table.load();
        let Some(peer) = table.row(node).map(|row| row.address) else {
            tracing::debug!(%node, "a pod left while a request was on its way to it");
            return Tried::Failed;
        };
        let Some(call) = self.breakers.admit(node, &table, terms.deadline) else {
            return Tried::Cannot;
        };
        self.loads(|loads| {
            if let Some(row) = table.row(node) {
                loads.sent(row, self.local.units_of(job), clock::now());
            }
        });
        drop(table);
        let given = terms.deadline.saturating_duration_since(clock::now());
        let prompt = terms.wait_max.is_some();
        let replied = self.client.compute(peer, self.local.node(), (who, job), terms).await;
        call.ended(verdict(&replied, prompt, given));
        self.report(node, &replied);
        match replied.map(|reply| reply.answer) {
            Ok(Answer::Done(outcome)) => Tried::Done(outcome),
            Ok(Answer::Refused(refused)) => Tried::Refused(refused),
            Ok(Answer::UserBusy) => Tried::UserBusy,
            Ok(Answer::Cannot(_)) => Tried::Cannot,
            Ok(Answer::Failed(_)) | Err(_) => Tried::Failed,
        }
    }

    /// How a peer did, and what it has to do.
    fn report(&self, node: &NodeId, replied: &Result<Reply, PeerError>) {
        match replied {
            Ok(Reply { load, answer }) => {
                self.metrics.forwarded(PeerOutcome::of(answer));
                self.loads(|loads| loads.heard(node, *load, clock::now()));
                tracing::debug!(%node, %load, ?answer, "a peer answered");
            }
            Err(error) => {
                self.metrics.forwarded(PeerOutcome::Failed);
                tracing::debug!(%node, error = chain(error), "a peer did not answer");
            }
        }
    }

    /// Only one strategy looks at loads; for the others they are not kept.
    fn loads(&self, change: impl FnOnce(&mut Loads)) {
        if self.strategy() == RoutingStrategy::LeastLoaded {
            change(&mut self.loads.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn strategy(&self) -> RoutingStrategy {
        self.live.current().routing.strategy
    }

    fn order(&self, who: Option<&Who>) -> Result<Vec<NodeId>, WorkError> {
        let random = || {
            clock::random_bytes::<4>()
                .map(u32::from_be_bytes)
                .map_err(|error| WorkError::Failed(Box::new(error)))
        };
        let key =
            who.map_or_else(|| random().map(RouteKey::drawn), |who| Ok(RouteKey::of(&who.user)));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let now = clock::now();
        let draw = Draw { key: key?, random: random()?, turn, now };
        let table = self.table.load();
        self.loads(|loads| {
            loads.keep(&table);
            loads.heard(self.local.node(), self.local.load(), now);
        });
        let loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let order = table.order(self.strategy(), draw, &loads);
        Ok(order.into_iter().map(|row| row.node.clone()).collect())
    }
}

impl Work for Routed {
    fn compute_marking<'a>(
        &'a self,
        who: Option<&'a Who>,
        job: Job,
        deadline: Instant,
        started: HashStarted,
    ) -> WorkFuture<'a> {
        Box::pin(async move {
            let order = if self.breakers.mostly_open(&self.table.load()) {
                Vec::new()
            } else {
                self.order(who)?
            };
            self.route(order, who, job, Terms { started, ..Terms::until(deadline) }).await
        })
    }

    fn quote(&self, demand: Demand) -> Quote {
        self.local.quote(demand)
    }

    /// What the table holds; of itself, this pod knows better.
    fn nodes(&self) -> Vec<Known> {
        let table = self.table.load();
        let own = self.local.node();
        let weight = table.row(own).map(|row| row.weight);
        let others = table.rows().iter().filter(|row| row.node != *own);
        let mut nodes: Vec<Known> = others
            .map(|row| {
                let entry = NodeEntry {
                    node: row.node.clone(),
                    record: row.record(),
                    load: Some(row.load),
                    weight: Some(row.weight),
                };
                Known { entry, breaker: Some(self.breakers.state(&row.node)) }
            })
            .collect();
        let itself = self.local.nodes().into_iter();
        nodes.extend(
            itself.map(|known| Known { entry: NodeEntry { weight, ..known.entry }, ..known }),
        );
        nodes.sort_by(|a, b| a.entry.node.cmp(&b.entry.node));
        nodes
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What a call's end says of the peer. `prompt`: it was to refuse rather than let the request wait, so
/// that being late is its own fault and not its queue's.
fn verdict(replied: &Result<Reply, PeerError>, prompt: bool, given: Duration) -> Verdict {
    match replied {
        Ok(Reply { answer: Answer::Done(_), .. }) => Verdict::Well,
        Ok(Reply { answer: Answer::Refused(_) | Answer::UserBusy | Answer::Cannot(_), .. }) => {
            Verdict::Nothing
        }
        Ok(Reply { answer: Answer::Failed(_), .. }) => Verdict::Failed,
        Err(PeerError::Late) if prompt && LATE_COUNTS_FROM <= given => Verdict::Failed,
        // This pod's own doing.
        Err(PeerError::Late | PeerError::Request(_)) => Verdict::Nothing,
        Err(
            PeerError::Connect(_)
            | PeerError::Broke(_)
            | PeerError::Body(_)
            | PeerError::NotUnderstood(_),
        ) => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    //! What counts against a peer.

    use authcluster_contract::cost::Units;

    use super::*;

    #[test]
    fn only_the_peers_own_faults_count() {
        let check = |replied: Result<Answer, PeerError>, prompt, given_ms, expect| {
            let said = format!("{replied:?}");
            let replied = replied.map(|answer| Reply { load: Units::ZERO, answer });
            let given = Duration::from_millis(given_ms);
            assert_eq!(verdict(&replied, prompt, given), expect, "{said} {prompt} {given_ms}");
        };
        let refused = Answer::Refused(Refused { wait: Duration::ZERO });
        check(Ok(Answer::Done(Outcome::Verified(false))), true, 1_000, Verdict::Well);
        check(Ok(refused), true, 1_000, Verdict::Nothing);
        check(Ok(Answer::UserBusy), true, 1_000, Verdict::Nothing);
        check(Ok(Answer::Cannot(String::new())), true, 1_000, Verdict::Nothing);
        check(Ok(Answer::Failed(String::new())), true, 1_000, Verdict::Failed);
        check(Err(PeerError::Late), true, 1_000, Verdict::Failed);
        // A queue that was longer than predicted, and a caller with no time to give.
        check(Err(PeerError::Late), false, 1_000, Verdict::Nothing);
        check(Err(PeerError::Late), true, 249, Verdict::Nothing);
        let status = http::StatusCode::BAD_GATEWAY;
        check(Err(PeerError::NotUnderstood(status)), true, 1_000, Verdict::Failed);
    }
}
