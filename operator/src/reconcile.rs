//! One pass over one `AuthCluster`: observe, validate, plan, apply, status. The status is written even
//! when applying failed, and says so.
//!
//! A pass needs nothing of the one before: whatever happens to this process, the next pass, of this or
//! another operator, derives everything again from what it sees. What is remembered (`Context::memory`)
//! only makes it slower to take pods away and to say a thing twice.

use std::sync::Arc;
use std::time::Duration;

use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Api, Resource as _, ResourceExt as _};
use tokio::time::timeout;
use tracing::{Instrument as _, info_span, warn};

use crate::api::AuthCluster;
use crate::api::events::{Act, EventReason};
use crate::apply::status::apply_status;
use crate::apply::{CALL_TIMEOUT, apply_plan, events};
use crate::context::{ClusterKey, Context};
use crate::error::{Error, Retry, backoff, chain};
use crate::observe::observe_world;
use crate::plan::{self, EventNote, Invalid};
use crate::telemetry::Reason;

/// A pass may take so long. Longer than reading (15 s) and a Redis step (some seconds) together; one
/// that hangs must not keep its resource for ever.
const PASS_TIMEOUT: Duration = Duration::from_secs(120);

/// After objects were changed, what becomes of them is looked at so soon, even if no watch speaks.
const AFTER_CHANGE: Duration = Duration::from_secs(1);

/// One pass, counted and logged.
///
/// # Errors
/// See [`Error`].
pub async fn reconcile(
    guard: Arc<DeserializeGuard<AuthCluster>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let cluster = match &guard.0 {
        Ok(cluster) => cluster,
        Err(invalid) => return Ok(undecodable(&context, &guard, &invalid.error).await),
    };
    let key = ClusterKey::of(cluster);
    let begun = context.clock.instant();
    let span = info_span!("pass", cluster = %key);
    let passed = timeout(PASS_TIMEOUT, Box::pin(pass(&context, &key)).instrument(span)).await;
    let result = passed.unwrap_or(Err(Error::Overdue { limit: PASS_TIMEOUT }));
    let took = context.clock.instant().saturating_duration_since(begun);
    context.metrics.reconciles.inc();
    context.metrics.reconcile_seconds.observe(took.as_secs_f64());
    match &result {
        Ok(_) => context.memory.succeeded(&key),
        Err(error) => {
            let label = Reason { reason: error.label() };
            context.metrics.reconcile_errors.get_or_create(&label).inc();
            warn!(cluster = %key, error = chain(error), "the pass failed");
        }
    }
    result
}

/// The five calls.
async fn pass(context: &Context, key: &ClusterKey) -> Result<Action, Error> {
    // Read anew: the copy of the watch may be older than a status that this process wrote.
    let api: Api<AuthCluster> = Api::namespaced(context.client.clone(), &key.namespace);
    let read = timeout(CALL_TIMEOUT, api.get_opt(&key.name)).await;
    let read = read.map_err(|_| Error::Overdue { limit: CALL_TIMEOUT })?;
    let Some(cluster) = read.map_err(Error::Cluster)? else {
        context.memory.forget(key);
        return Ok(Action::await_change());
    };
    let now = context.clock.now();
    let wanted = match plan::validate(&cluster, &context.settings) {
        Ok(wanted) => wanted,
        Err(invalid) => return Box::pin(invalid_pass(context, &cluster, invalid)).await,
    };
    if cluster.status.is_none() {
        let status = plan::first_status(&cluster, now);
        apply_status(context, &cluster, &status).await.map_err(Error::Status)?;
    }
    let world =
        Box::pin(observe_world(context, &cluster, &wanted)).await.map_err(Error::Observe)?;
    let mut plan = plan::next(&wanted, &world.observed, now);
    context.memory.scaled(key, std::mem::take(&mut plan.histories));
    let (mut status, mut pause) =
        (plan.status.clone(), Duration::from_millis(plan.requeue_after_ms));
    let mut news = plan.acts();
    let applied = Box::pin(apply_plan(context, &cluster, &world, plan)).await;
    context.memory.applied(key, applied.as_ref().err().map(|error| chain(error)));
    match &applied {
        Err(error) => status = plan::failed_status(status, &chain(error), now),
        Ok(0) => {}
        Ok(changed) => {
            status = plan::changed_status(status, *changed, now);
            pause = pause.min(AFTER_CHANGE);
            news = true;
        }
    }
    news |= apply_status(context, &cluster, &status).await.map_err(Error::Status)?;
    applied.map_err(Error::Apply)?;
    let quiet = context.memory.quiet(key, news, context.clock.instant());
    Ok(Action::requeue(plan::pace(pause, quiet)))
}

/// A pass over a resource that cannot be carried out as it is written: it says so, and keeps the Redis
/// Cluster whole.
async fn invalid_pass(
    context: &Context,
    cluster: &AuthCluster,
    invalid: Invalid,
) -> Result<Action, Error> {
    let now = context.clock.now();
    let status = plan::invalid_status(cluster, &invalid, now);
    apply_status(context, cluster, &status).await.map_err(Error::Status)?;
    let key = ClusterKey::of(cluster);
    let told = plan::invalid_events(cluster, &invalid);
    events::apply_events(context, &key, &cluster.object_ref(&()), told).await;
    let Some(mendable) = invalid.mendable else { return Ok(Action::await_change()) };
    let world =
        Box::pin(observe_world(context, cluster, &mendable)).await.map_err(Error::Observe)?;
    let plan = plan::mend(&mendable, &world.observed, now);
    let requeue_after_ms = plan.requeue_after_ms;
    Box::pin(apply_plan(context, cluster, &world, plan)).await.map_err(Error::Apply)?;
    Ok(Action::requeue(Duration::from_millis(requeue_after_ms)))
}

/// A resource that does not decode: stored under another schema, or by a newer operator. All others go
/// on; this one gets an event.
async fn undecodable(
    context: &Context,
    guard: &DeserializeGuard<AuthCluster>,
    error: &str,
) -> Action {
    let key =
        ClusterKey { namespace: guard.namespace().unwrap_or_default(), name: guard.name_any() };
    context.metrics.undecodable.inc();
    warn!(cluster = %key, error, "the resource cannot be decoded");
    let note = EventNote {
        warning: true,
        reason: EventReason::Act(Act::Undecodable),
        note: format!("the operator cannot read this resource: {error}"),
    };
    events::apply_events(context, &key, &guard.object_ref(&()), vec![note]).await;
    Action::await_change()
}

/// What comes after a failed pass.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "the controller calls it with these types")]
pub fn after_failure(
    guard: Arc<DeserializeGuard<AuthCluster>>,
    error: &Error,
    context: Arc<Context>,
) -> Action {
    let Ok(cluster) = &guard.0 else { return Action::await_change() };
    let failures = context.memory.failed(&ClusterKey::of(cluster));
    match error.retry() {
        Retry::WhenSpecChanges => Action::await_change(),
        Retry::After(pause) => Action::requeue(pause),
        Retry::Backoff => Action::requeue(backoff(failures)),
    }
}
