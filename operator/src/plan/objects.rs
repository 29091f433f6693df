//! Everything that is applied to Kubernetes for one `AuthCluster`.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

/// Objects for server-side apply: each holds the fields that the operator owns, and no other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    /// Configuration of the hashers and of Redis.
    pub config_maps: Vec<ConfigMap>,
    /// Secrets whose contents follow from the resource: digests only, never a secret itself.
    pub secrets: Vec<Secret>,
    /// Ways in.
    pub services: Vec<Service>,
    /// Identities of the pods, without rights and without tokens.
    pub service_accounts: Vec<ServiceAccount>,
    /// How many pods a drain may take at once.
    pub pod_disruption_budgets: Vec<PodDisruptionBudget>,
    /// One a Redis shard.
    pub stateful_sets: Vec<StatefulSet>,
    /// One a pool of hashers.
    pub deployments: Vec<Deployment>,
}
