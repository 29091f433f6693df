//! Who may use the API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::user::Realm;

/// The callers' file: who may use the API. It holds digests, so it lives in a Secret but gives no
/// one a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// All callers.
    #[serde(default)]
    pub clients: Vec<Client>,
}

/// One caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its name, in logs and metrics.
    pub name: String,
    /// The users it may speak of.
    pub realm: Realm,
    /// What it may do. Default: [`Scope::DEFAULT`].
    #[serde(default = "default_scopes")]
    pub scopes: Vec<Scope>,
    /// Work that it may ask of all pods together, in units per second; without it: as much as they can
    /// do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_per_second: Option<u64>,
    /// SHA-256 of each token that is it, in hexadecimal; two while a token is being replaced.
    pub token_sha256: Vec<String>,
}

/// What a caller may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Scope {
    /// Make new hashes.
    Hash,
    /// Verify a password.
    Verify,
    /// Log a user in.
    Login,
    /// Create, introspect, rotate, list and revoke sessions.
    Sessions,
    /// See the nodes.
    Nodes,
    /// Lift the limits of a user, for the team's help desk.
    Limits,
    /// Wrap stored hashes, for whoever migrates a table.
    Migrate,
}

impl Scope {
    /// The scopes of a caller that lists none: those of a login service. `Verify` tells right from wrong
    /// passwords without any limit on logins, `Limits` lifts the limits, `Migrate` wraps stored hashes, and
    /// `Nodes` shows the pods: a leaked token should not have them unless its service needs them.
    pub const DEFAULT: [Self; 3] = [Self::Hash, Self::Login, Self::Sessions];

    /// All that there are.
    pub const ALL: [Self; 7] = [
        Self::Hash,
        Self::Verify,
        Self::Login,
        Self::Sessions,
        Self::Nodes,
        Self::Limits,
        Self::Migrate,
    ];
}

fn default_scopes() -> Vec<Scope> {
    Scope::DEFAULT.into()
}
