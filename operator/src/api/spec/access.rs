//! Who may call, and with which certificates and names.

use std::collections::BTreeMap;

use authcluster_contract::config::Scope;
use authcluster_contract::user::UsernameCase;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How usernames become keys.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsersSpec {
    /// What letter case means. `Insensitive` (default): `Alice` and `alice` are one user.
    /// `Sensitive`: they are two. Changing it changes every user's key: limits and session lists start
    /// anew, passwords are not touched.
    #[serde(default)]
    pub case: UsernameCase,
}

/// Certificates of your own.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsSpec {
    /// A Secret of type `kubernetes.io/tls` with the certificate of the API, in this namespace.
    pub api_secret_ref: SecretRef,
}

/// Which network policies there are. Policies only add up: one of your own can widen `Namespace`, and none
/// can narrow `Anywhere`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPolicyMode {
    /// The API is reached from anywhere: its callers are known by their tokens.
    #[default]
    Anywhere,
    /// The API is reached by pods of the namespace.
    Namespace,
    /// There are none.
    None,
}

/// Which namespaces reach the admin port of the hashers, 9090: metrics, and the probes on the same port.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSpec {
    /// Peers as in `ingress.from` of a `NetworkPolicy`, by namespace. Without any: no pod in any namespace reaches
    /// the port. Probes still work, because a network lets the kubelet reach the pods of its own node. Without
    /// effect if `networkPolicy` is `None`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub from: Vec<MetricsPeer>,
}

/// Pods that reach the admin port of the hashers.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsPeer {
    /// All pods of the namespaces with these labels; `{}` is every namespace.
    pub namespace_selector: NamespaceSelector,
}

/// Labels of namespaces.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// Labels that the namespace must have. Each namespace has `kubernetes.io/metadata.name`, its name. Without
    /// any: every namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub match_labels: BTreeMap<String, String>,
}

/// A Secret in the namespace of the resource.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// One value of a Secret in the namespace of the resource.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in the Secret. Default: `token`.
    #[serde(default = "token_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A caller of the API: a login service.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientSpec {
    /// Its name, unique in the list; logs and metrics show it.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// The users it speaks of. The same username in two realms is two users who never meet. Default:
    /// `default`.
    #[serde(default = "default_realm")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9-]+$"))]
    pub realm: String,

    /// What it may do. Default: `Hash`, `Login` and `Sessions`, which a login service needs. List `Verify` (passwords
    /// without the limits of logins), `Limits` (lift the limits of a user), `Migrate` (wrap stored hashes) and
    /// `Nodes` (see the hashers) where a caller needs them; a list replaces the default.
    #[serde(default = "default_scopes")]
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Vec<Scope>,

    /// Work that it may ask of all hashers together, in MiB-passes per second; see `CAPACITY` of `kubectl
    /// get ac`. Each hasher grants the part that is its share of the capacity, so a caller that reaches some of
    /// them only gets less. Beyond it requests are answered with 429. Without it: as much as they can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    pub units_per_second: Option<u64>,

    /// The Secret with its bearer token. Without it the operator makes a token, in the Secret
    /// `NAME-token-CLIENT` under the key `token`. A token has at least 32 printable ASCII characters, as of
    /// `openssl rand -hex 32`, and belongs to one caller. A caller whose Secret is missing, or whose token is
    /// shorter or that of another caller too, is disabled, and the condition `CallersReady` says why; the others
    /// are served. A changed token reaches running hashers within two minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKeyRef>,
}

impl ClientSpec {
    /// The caller that there is when none is named.
    #[must_use]
    pub fn default_caller() -> Self {
        Self {
            name: "default".to_owned(),
            realm: default_realm(),
            scopes: default_scopes(),
            units_per_second: None,
            token_secret_ref: None,
        }
    }
}

fn token_key() -> String {
    "token".to_owned()
}

fn default_realm() -> String {
    "default".to_owned()
}

fn default_scopes() -> Vec<Scope> {
    Scope::DEFAULT.into()
}
