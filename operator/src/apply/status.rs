//! Writes the status of an `AuthCluster`, and only when it says something new.

use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::{Error, guarded};
use crate::api::names::FIELD_MANAGER;
use crate::api::{AuthCluster, AuthClusterStatus};
use crate::context::Context;

/// Writes `status` if it differs from the one that `cluster` was read with. Whole, by server-side
/// apply: what it does not say any more goes away. Says whether it was written.
///
/// # Errors
/// What the API server said, or why it was not asked. A resource that is gone is no error.
pub async fn apply_status(
    context: &Context,
    cluster: &AuthCluster,
    status: &AuthClusterStatus,
) -> Result<bool, Error> {
    if cluster.status.as_ref().is_some_and(|written| says_the_same(written, status)) {
        return Ok(false);
    }
    let namespace = cluster.namespace().unwrap_or_default();
    let api: Api<AuthCluster> = Api::namespaced(context.client.clone(), &namespace);
    let patch = json!({
        "apiVersion": <AuthCluster as kube::Resource>::api_version(&()),
        "kind": <AuthCluster as kube::Resource>::kind(&()),
        // A resource of the same name that was made anew meanwhile must not get this status.
        "metadata": {"name": cluster.name_any(), "uid": cluster.uid()},
        "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let name = cluster.name_any();
    let patch = Patch::Apply(&patch);
    match guarded(context, api.patch_status(&name, &parameters, &patch)).await? {
        Ok(_) => {
            context.metrics.wrote("AuthClusterStatus");
            Ok(true)
        }
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(Error::Status(error)),
    }
}

/// Whether two statuses say the same. When a condition last changed is no news by itself: it follows
/// from the rest.
fn says_the_same(one: &AuthClusterStatus, other: &AuthClusterStatus) -> bool {
    let timeless = |status: &AuthClusterStatus| {
        let mut status = status.clone();
        for condition in &mut status.conditions {
            condition.last_transition_time.0 = k8s_openapi::jiff::Timestamp::UNIX_EPOCH;
        }
        status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
        status
    };
    timeless(one) == timeless(other)
}

#[cfg(test)]
mod tests;
