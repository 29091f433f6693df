//! Reads the world of one `AuthCluster`: first Kubernetes, then every Redis node that it names. Reads
//! only. What cannot be read is an error or [`Known::Unknown`], never empty.

pub mod kubernetes;
pub mod redis;

use std::time::Duration;

use ::kube::ResourceExt as _;
use futures::FutureExt as _;
use tokio::time::timeout;

use crate::api::AuthCluster;
use crate::context::{ClusterKey, Context};
use crate::plan::{Observed, Validated, names};
use kubernetes::live::Live;
use kubernetes::{Reading, Subject};

/// Reading Kubernetes may take so long: some lists at once, each a few milliseconds when all is well.
const KUBERNETES_TIMEOUT: Duration = Duration::from_secs(15);

/// Why there is no picture of the world.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kubernetes could not be read.
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::Error),
    /// Kubernetes did not answer in time.
    #[error("Kubernetes did not answer within {} s", KUBERNETES_TIMEOUT.as_secs())]
    Timeout,
}

/// The world of one `AuthCluster`.
pub struct World {
    /// What decisions are made on.
    pub observed: Observed,
    /// The objects as they are, for comparing.
    pub live: Live,
    /// How to reach Redis for writing, if it can be reached at all.
    pub redis: Option<redis::Reach>,
}

/// Reads everything for `cluster`.
///
/// # Errors
/// See [`Error`].
pub async fn observe_world(
    context: &Context,
    cluster: &AuthCluster,
    wanted: &Validated,
) -> Result<World, Error> {
    let subject = Subject {
        namespace: &wanted.namespace,
        name: &wanted.name,
        uid: &cluster.uid().unwrap_or_default(),
    };
    let interest = names::names_of_interest(wanted);
    let read = kubernetes::observe_kubernetes(&context.client, subject, &interest);
    let Reading { seen, live } =
        timeout(KUBERNETES_TIMEOUT, Box::pin(read)).await.map_err(|_| Error::Timeout)??;
    // Boxed, or the type of a whole pass nests deeper than the compiler looks.
    let redis = redis::observe_redis(wanted, &seen, &live).boxed().await;
    let remembered = context.memory.of(&ClusterKey::of(cluster));
    let observed = Observed {
        kubernetes: seen,
        redis: redis.topology,
        nodes: redis.nodes,
        weights: redis.weights,
        previous: cluster.status.clone(),
        apply_error: remembered.apply_error,
        histories: remembered.histories,
    };
    Ok(World { observed, live, redis: redis.reach })
}
