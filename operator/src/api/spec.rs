//! What a person asks for: `spec` of an `AuthCluster`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::AuthClusterStatus;

/// What a person asks for.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "authcluster.dev",
    version = "v1alpha1",
    kind = "AuthCluster",
    plural = "authclusters",
    shortname = "ac",
    namespaced,
    status = "AuthClusterStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct AuthClusterSpec {}
