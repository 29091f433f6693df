//! Writes a [`Plan`] to the world. Makes no choices: what to do was decided, this is how. Every write
//! starts only while the lease lasts longer than the write may take.

pub mod events;
pub mod kubernetes;
pub mod redis;
pub mod scale;
pub mod secrets;
pub mod status;
pub mod weights;

use std::time::Duration;

use futures::FutureExt as _;
use kube::Resource as _;
use tokio::time::timeout;
use tracing::info;

use crate::api::AuthCluster;
use crate::context::{ClusterKey, Context};
use crate::error::Retry;
use crate::observe::World;
use crate::plan::Plan;
use crate::plan::seen::ObjectRef;
use crate::telemetry::Kind;

/// One call on the API server may take so long. Admission webhooks may take 10 s, but that long a
/// wait is a failure here.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lease does not last long enough to begin a write.
    #[error("the lease ends too soon to begin a write")]
    Fenced,
    /// The API server did not answer in time.
    #[error("the API server did not answer within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
    /// An object of our name is someone else's.
    #[error("{object} exists and belongs to someone else")]
    Foreign {
        /// Which.
        object: ObjectRef,
    },
    /// An object cannot be written as JSON.
    #[error("cannot encode {object}")]
    Encode {
        /// Which.
        object: ObjectRef,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// The API server refused an object.
    #[error("cannot apply {object}")]
    Apply {
        /// Which.
        object: ObjectRef,
        /// Why.
        #[source]
        cause: kube::Error,
    },
    /// The API server refused a deletion.
    #[error("cannot delete {object}")]
    Delete {
        /// Which.
        object: ObjectRef,
        /// Why.
        #[source]
        cause: kube::Error,
    },
    /// A Secret could not be generated.
    #[error("cannot generate Secret {name}")]
    Generate {
        /// Which.
        name: String,
        /// Why.
        #[source]
        cause: secrets::GenerateError,
    },
    /// The API server refused a number of hashers.
    #[error("cannot write the number of hashers through the scale subresource")]
    Scale(#[source] kube::Error),
    /// A step on Redis failed.
    #[error("cannot take the Redis step {step}")]
    Redis {
        /// Which.
        step: &'static str,
        /// Why.
        #[source]
        cause: redis::Error,
    },
    /// The API server refused a status.
    #[error("cannot write the status")]
    Status(#[source] kube::Error),
    /// Capacity weights could not be written.
    #[error("cannot write capacity weights")]
    Weights(#[source] weights::Error),
}

impl Error {
    /// When to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Generate {
                cause:
                    secrets::GenerateError::AuthorityMissing(_)
                    | secrets::GenerateError::SourceMissing(_),
                ..
            } => Retry::After(Duration::from_secs(1)),
            Self::Encode { .. } => Retry::WhenSpecChanges,
            Self::Fenced
            | Self::Timeout
            | Self::Foreign { .. }
            | Self::Apply { .. }
            | Self::Delete { .. }
            | Self::Generate { .. }
            | Self::Scale(_)
            | Self::Redis { .. }
            | Self::Status(_)
            | Self::Weights(_) => Retry::Backoff,
        }
    }
}

/// Writes everything but the status, and says how many objects were changed. Goes on after failures where
/// the parts do not depend on each other, and returns the first.
///
/// # Errors
/// See [`Error`].
pub async fn apply_plan(
    context: &Context,
    cluster: &AuthCluster,
    world: &World,
    plan: Plan,
) -> Result<usize, Error> {
    let Plan {
        objects,
        secrets,
        deletes,
        redis_step,
        weights,
        scale,
        histories: _,
        events,
        status: _,
        requeue_after_ms: _,
    } = plan;
    let key = ClusterKey::of(cluster);
    let live = &world.live;
    let mut first = secrets::apply_secrets(context, &key, secrets, live).await;
    let applied = kubernetes::apply_objects(context, objects, live).await;
    let changed = *applied.as_ref().unwrap_or(&0);
    first = first.and(applied.map(drop));
    first = first.and(kubernetes::delete_objects(context, &key, deletes, live).await);
    if let Some(replicas) = scale {
        first = first.and(scale::apply_scale(context, cluster, replicas).await);
    }
    // Boxed, or the type of a whole pass nests deeper than the compiler looks.
    if let Some(step) = redis_step {
        first = first.and(apply_redis_step(context, world, step).boxed().await);
    }
    first = first.and(weights::apply_weights(context, world, weights).boxed().await);
    events::apply_events(context, &key, &cluster.object_ref(&()), events).await;
    first.map(|()| changed)
}

/// Takes one step on Redis, and counts it.
async fn apply_redis_step(
    context: &Context,
    world: &World,
    step: crate::plan::topology::Step,
) -> Result<(), Error> {
    let name = step.name();
    let failed = |cause| Error::Redis { step: name, cause };
    let reach = world.redis.as_ref().ok_or(failed(redis::Error::Unreachable))?;
    let leading = redis::Leading { fence: &context.fence, clock: context.clock };
    redis::apply_step(&reach.access, leading, &step).await.map_err(failed)?;
    context.metrics.redis_steps.get_or_create(&Kind { kind: name.to_owned() }).inc();
    info!(%step, "taken");
    Ok(())
}

/// Runs a call on the API server within the lease and within [`CALL_TIMEOUT`].
async fn guarded<T, E>(
    context: &Context,
    call: impl Future<Output = Result<T, E>>,
) -> Result<Result<T, E>, Error> {
    if !context.fence.allows(context.clock.instant(), CALL_TIMEOUT) {
        return Err(Error::Fenced);
    }
    timeout(CALL_TIMEOUT, call).await.map_err(|_| Error::Timeout)
}
