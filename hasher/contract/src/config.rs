//! The hasher's file: written by the operator or by a person, read by the hasher, parsed by the same
//! code on both sides.
//!
//! TOML, every field optional: `hasher serve` without a file runs alone on loopback. Unknown fields
//! are refused, so that a typo is an error and not a default. Secrets are never in this file: it
//! names the files that hold them.

mod breaker;
mod clients;
mod limits;
mod live;
mod migration;
#[cfg(test)]
mod reference;
mod sessions;

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cost::Argon2idPolicy;
use crate::formats::Legacy;
use crate::pepper::PepperFolder;
use crate::user::UsernameCase;

pub use breaker::Breaker;
pub use clients::{Client, Clients, Scope};
pub use limits::{Backoff, Limits, PERIOD_SECONDS_MAX, RateRule, RateScope};
pub use live::Live;
pub use migration::{Migration, MixShare};
pub use sessions::{SessionEncryption, Sessions};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HasherConfig {
    /// Addresses that the hasher listens on.
    pub listen: Listen,
    /// Certificate of the API. Without it the API speaks plain HTTP, and only on loopback.
    pub tls: Option<Tls>,
    /// File with the callers that may use the API ([`Clients`]). Without it everyone may, and only
    /// on loopback.
    pub clients_file: Option<PathBuf>,
    /// What a new hash looks like.
    pub password: PasswordPolicy,
    /// Hashing threads. Without it: one for each CPU that the process may use. In a pod the operator says how
    /// many, in `HASHER_LANES`.
    pub lanes: Option<u32>,
    /// Keep each hashing thread on a CPU of its own. For nodes with CPUs set aside for this pod: on
    /// shared ones a thread that may not move waits for whoever else is there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pin_lanes: bool,
    /// How usernames become keys.
    pub users: Users,
    /// The shared store. Without it everything is kept in memory, and this pod is alone.
    pub redis: Option<Redis>,
    /// The other pods. Needs `redis`.
    pub peers: Option<Peers>,
    /// How requests find their pod.
    pub routing: Routing,
    /// When other pods that fail are left alone.
    pub breaker: Breaker,
    /// How long sessions live.
    pub sessions: Sessions,
    /// How many failed attempts are let through.
    pub limits: Limits,
    /// How users move from old hashes to new ones.
    pub migration: Migration,
}

/// Addresses that the hasher listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The API.
    pub api: SocketAddr,
    /// Probes and metrics.
    pub admin: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        Self { api: ([127, 0, 0, 1], 8080).into(), admin: ([127, 0, 0, 1], 9090).into() }
    }
}

/// A certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate_file: PathBuf,
    /// The private key.
    pub private_key_file: PathBuf,
}

/// What a new hash looks like, and which old ones are understood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordPolicy {
    /// Cost of Argon2id.
    pub argon2id: Argon2idPolicy,
    /// Old hashes; without it every family, within the hasher's own bounds.
    pub legacy: Option<Legacy>,
    /// Secrets that go into hashes. Without it a hash that was made with one is an error.
    pub pepper: Option<PepperFolder>,
}

/// How usernames become keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Users {
    /// File with the secret, at least 32 bytes. Without it a random one is made at start, which
    /// suits a pod that is alone.
    pub key_file: Option<PathBuf>,
    /// What letter case means.
    pub case: UsernameCase,
}

/// The Redis Cluster that pods share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `host:port` of nodes to ask for the cluster's shape; one that answers is enough.
    pub seeds: Vec<String>,
    /// The ACL user.
    pub username: Option<String>,
    /// File with its password.
    pub password_file: Option<PathBuf>,
    /// How nodes prove who they are. Without it the connection is plain.
    pub tls: Option<RedisTls>,
    /// Replicas that must have a critical write before it counts. 0 is for a team that runs without
    /// replicas and knows what a lost primary then costs.
    #[serde(default = "one")]
    pub acknowledgements: u32,
    /// Time for one call with all its tries, in milliseconds; 500 is half of a request's deadline. Three
    /// tenths of it are for one answer, half of it for replicas to acknowledge. Longer, a node that hangs
    /// holds its callers up for as long; shorter, a busy one is taken for one that hangs.
    #[serde(default = "call_timeout_ms")]
    pub call_timeout_ms: u32,
}

impl Redis {
    /// The one at these seeds, and the defaults.
    #[must_use]
    pub fn at(seeds: Vec<String>) -> Self {
        Self {
            seeds,
            username: None,
            password_file: None,
            tls: None,
            acknowledgements: one(),
            call_timeout_ms: call_timeout_ms(),
        }
    }
}

/// TLS to Redis. A node's certificate must carry the name, or the address, that the node announces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisTls {
    /// The authorities that are believed, PEM. Those of the system are not asked.
    pub ca_file: PathBuf,
}

const fn one() -> u32 {
    1
}

const fn call_timeout_ms() -> u32 {
    500
}

/// The other pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// Address that peers reach this pod at.
    pub listen: SocketAddr,
    /// Certificate of this pod for peers; both sides show one.
    pub tls: Tls,
    /// The authority that signs the certificates of all pods of this AuthCluster.
    pub ca_file: PathBuf,
    /// The DNS name that every pod's certificate carries. A peer is trusted for this name under
    /// that authority, never for being listed in Redis.
    pub name: String,
}

/// How requests find their pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    /// Who computes a request.
    pub strategy: RoutingStrategy,
    /// A pod refuses a forwarded request when it would wait longer than this, in milliseconds.
    pub refuse_after_ms: u32,
    /// Time a request may take when the caller names none, in milliseconds.
    pub deadline_ms: u32,
    /// Jobs of one user that a pod takes at once; a known-good pair of user and address has one more.
    pub jobs_per_user_max: u32,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            strategy: RoutingStrategy::default(),
            refuse_after_ms: 50,
            deadline_ms: 1_000,
            jobs_per_user_max: 2,
        }
    }
}

/// Who computes a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RoutingStrategy {
    /// The user's home pod by capacity-weighted rendezvous hashing, and the next ones when it is
    /// busy.
    #[default]
    Affinity,
    /// The less loaded of two random pods.
    LeastLoaded,
    /// Each pod in turn, as often as its weight says.
    WeightedRoundRobin,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or not of this shape. The message of the parser names line and field.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// The shape is right and the meaning is not.
    #[error("{0}")]
    Meaning(String),
}

impl HasherConfig {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// What the operator writes.
    ///
    /// # Errors
    /// A value that TOML cannot hold; none of these types has one.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// Whether it makes sense as a whole; also after a flag has changed a field.
    ///
    /// # Errors
    /// [`ConfigError::Meaning`], in words that say what to do.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.checked().map_err(ConfigError::Meaning)
    }

    fn checked(&self) -> Result<(), String> {
        self.password.argon2id.checked().map_err(|error| error.to_string())?;
        if let Some(legacy) = &self.password.legacy {
            legacy.check().map_err(|(field, min, max)| {
                format!("password.legacy.{field} must be between {min} and {max}")
            })?;
        }
        self.breaker.check()?;
        if self.routing.jobs_per_user_max == 0 {
            return Err("routing.jobs_per_user_max is 0: nobody could log in".to_owned());
        }
        if self.peers.is_some() && self.redis.is_none() {
            return Err("peers needs redis: pods find each other through it".to_owned());
        }
        if self.redis.is_some() && self.users.key_file.is_none() {
            return Err(
                "redis needs users.key_file: pods must agree on the keys of users".to_owned()
            );
        }
        if self.redis.as_ref().is_some_and(|redis| redis.seeds.is_empty()) {
            return Err("redis.seeds is empty: name at least one node as host:port".to_owned());
        }
        let public = !self.listen.api.ip().is_loopback();
        if public && self.clients_file.is_none() {
            return Err(format!(
                "listen.api is {}, which others can reach: set clients_file, or listen on loopback",
                self.listen.api
            ));
        }
        if public && self.tls.is_none() {
            return Err(format!(
                "listen.api is {}, which others can reach: set tls, or listen on loopback",
                self.listen.api
            ));
        }
        self.sessions.checked()?;
        self.limits.check()?;
        self.migration.check()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
