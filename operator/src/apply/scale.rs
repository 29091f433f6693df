//! Writes the number of hashers that the load asks for where people, `kubectl` and a
//! `HorizontalPodAutoscaler` look for it: the scale subresource. Whoever takes the number over begins
//! with the one in force.

use kube::api::{Api, Patch, PatchParams};
use kube::{Resource as _, ResourceExt as _};
use serde_json::json;
use tracing::info;

use super::{Error, guarded};
use crate::api::AuthCluster;
use crate::context::Context;

/// Writes it.
pub(super) async fn apply_scale(
    context: &Context,
    cluster: &AuthCluster,
    replicas: u32,
) -> Result<(), Error> {
    let namespace = cluster.namespace().unwrap_or_default();
    let api: Api<AuthCluster> = Api::namespaced(context.client.clone(), &namespace);
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    let parameters = PatchParams::default();
    let name = cluster.name_any();
    let written = guarded(context, api.patch_scale(&name, &parameters, &patch)).await?;
    written.map_err(Error::Scale)?;
    context.metrics.wrote(&AuthCluster::kind(&()));
    info!(replicas, "wrote the number of hashers");
    Ok(())
}
