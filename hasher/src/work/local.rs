//! Jobs on this pod's own lanes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use authcluster_contract::cost::Units;
use authcluster_contract::node::{NodeId, NodeRecord};

use super::{HashStarted, Job, Known, Offered, Terms, Who, Work, WorkError, WorkFuture};
use crate::clock;
use crate::formats::Bounds;
use crate::lanes::{Done, Lanes, Spent};
use crate::policy::pricing::Quote;
use crate::policy::pricing::rates::Rates;
use crate::policy::pricing::steps::Demand;
use crate::store::NodeEntry;

/// This pod's lanes, and what it says of itself.
#[derive(Debug)]
pub struct Local {
    identity: Identity,
    lanes: Lanes,
    offered: Arc<Offered>,
}

/// What does not change while the pod lives.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its name.
    pub node: NodeId,
    /// Where peers reach it; alone, where callers do.
    pub address: SocketAddr,
    /// Its hashing threads.
    pub lanes: u32,
    /// The stored hashes that it can work on.
    pub bounds: Bounds,
}

/// The lanes have ended; a job was still put to them.
#[derive(Debug, thiserror::Error)]
#[error("the hashing threads have ended")]
struct Ended;

impl Local {
    /// Takes the lanes.
    #[must_use]
    pub fn new(identity: Identity, lanes: Lanes) -> Self {
        Self { identity, lanes, offered: Arc::default() }
    }

    /// Puts a job to the lanes: refused at once, or done when the future ends. A job that waits is
    /// cancelled when the future is dropped, and one that runs is finished.
    #[must_use]
    pub fn run(&self, who: Option<&Who>, job: Job, terms: Terms) -> WorkFuture<'static> {
        let admitted = self.lanes.admit(clock::now(), who, job, terms);
        Box::pin(async move {
            match admitted {
                Err(error) => Err(error),
                Ok(reply) => {
                    reply.await.unwrap_or_else(|_| Err(WorkError::Failed(Box::new(Ended))))
                }
            }
        })
    }

    /// This pod's name.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.identity.node
    }

    /// The stored hashes that this pod can work on.
    #[must_use]
    pub fn bounds(&self) -> &Bounds {
        &self.identity.bounds
    }

    /// Work admitted and not finished.
    #[must_use]
    pub fn load(&self) -> Units {
        self.lanes.load()
    }

    /// Sets how many jobs of one user this pod takes at once.
    pub fn set_jobs_per_user_max(&self, jobs: u32) {
        self.lanes.set_jobs_per_user_max(jobs);
    }

    /// How long this pod keeps a job beyond what it takes at best.
    #[must_use]
    pub fn delay(&self, job: &Job) -> Duration {
        self.lanes.delay(clock::now(), job)
    }

    /// The work that a job may be.
    #[must_use]
    pub fn units_of(&self, job: &Job) -> Units {
        self.lanes.quote(job).units
    }

    /// Work done so far.
    #[must_use]
    pub fn done(&self) -> Done {
        self.lanes.done()
    }

    /// What lanes were busy with so far.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.lanes.spent()
    }

    /// What was measured at start.
    #[must_use]
    pub fn rates(&self) -> &Rates {
        self.lanes.rates()
    }

    /// Work that callers have offered here.
    #[must_use]
    pub fn offered(&self) -> &Arc<Offered> {
        &self.offered
    }

    /// What this pod says of itself, without its rate of offered work and its settings.
    #[must_use]
    pub fn record(&self) -> NodeRecord {
        NodeRecord {
            address: self.identity.address,
            lanes: self.identity.lanes,
            speed: self.lanes.price().speed(),
            offered: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: String::new(),
        }
    }
}

impl Work for Local {
    fn compute_marking<'a>(
        &'a self,
        who: Option<&'a Who>,
        job: Job,
        deadline: Instant,
        started: HashStarted,
    ) -> WorkFuture<'a> {
        self.run(who, job, Terms { started, ..Terms::until(deadline) })
    }

    fn quote(&self, demand: Demand) -> Quote {
        let quote = self.lanes.rates().quote(demand);
        Quote { time: self.lanes.price().service(quote.time), ..quote }
    }

    fn nodes(&self) -> Vec<Known> {
        let entry = NodeEntry {
            node: self.identity.node.clone(),
            record: self.record(),
            load: Some(self.load()),
            weight: None,
        };
        vec![Known { entry, breaker: None }]
    }
}
