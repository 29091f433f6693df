//! What a new password hash looks like, and which old ones are understood.

use authcluster_contract::cost::Argon2idPolicy;
use authcluster_contract::formats::{Family, Legacy};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What a new password hash looks like, and which old ones are understood.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordSpec {
    /// Cost of a new hash. A change rolls the pods; hashes with another cost stay valid, and are
    /// reported as due for a rehash when they are weaker.
    #[serde(default)]
    pub argon2id: Argon2idSpec,

    /// Old hashes that are understood. Without it: every family that the hasher knows, within its own
    /// bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legacy: Option<LegacySpec>,

    /// A secret that goes into every new hash, and without which none of them can be verified. Without it:
    /// none. There is no way back: a hash that was made with a pepper needs it for as long as it is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pepper_secret_ref: Option<PepperSecretRef>,
}

/// Cost of Argon2id (RFC 9106). The default is the second set of the OWASP Password Storage Cheat
/// Sheet.
#[derive(KubeSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Argon2idSpec {
    /// Memory of one hash, in MiB. Default: 19. `memoryMiB` x `iterations` is at most 32768, which is the most
    /// that is verified; and a hash must be done within `spec.routing.deadlineMs`.
    #[serde(default = "default_memory_mib", rename = "memoryMiB")]
    #[schemars(range(min = 7, max = 2048))]
    pub memory_mib: u32,

    /// Passes over the memory. Default: 2.
    #[serde(default = "default_iterations")]
    #[schemars(range(min = 1, max = 64))]
    pub iterations: u32,

    /// Argon2 lanes. They are computed in turn, so more buys the defender nothing. Default: 1.
    #[serde(default = "default_parallelism")]
    #[schemars(range(min = 1, max = 16))]
    pub parallelism: u32,
}

impl From<Argon2idSpec> for Argon2idPolicy {
    fn from(spec: Argon2idSpec) -> Self {
        let Argon2idSpec { memory_mib, iterations, parallelism } = spec;
        Self { memory_mib, iterations, parallelism }
    }
}

impl Default for Argon2idSpec {
    fn default() -> Self {
        let Argon2idPolicy { memory_mib, iterations, parallelism } = Argon2idPolicy::default();
        Self { memory_mib, iterations, parallelism }
    }
}

/// Old hashes that are understood.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LegacySpec {
    /// Families that are verified, besides Argon2id, which always is. Without any: every family that the
    /// hasher knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub accept: Vec<Family>,

    /// The largest cost that a stored hash may ask for; a dearer one is refused before anything is
    /// allocated.
    #[serde(default)]
    pub bounds: LegacyBounds,
}

impl From<&LegacySpec> for Legacy {
    fn from(spec: &LegacySpec) -> Self {
        let LegacySpec { accept, bounds } = spec;
        let LegacyBounds { memory_max_mib, bcrypt_cost_max, rounds_max } = *bounds;
        Self { accept: accept.clone(), memory_max_mib, bcrypt_cost_max, rounds_max }
    }
}

/// The largest cost that a stored hash may ask for.
#[derive(KubeSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LegacyBounds {
    /// Memory of any scheme that takes memory, in MiB. A pod has room for one such hash beside its
    /// hashing threads, so it counts in the pods' memory. Default: 64. Without `legacy` it is 1024, and as ever
    /// no more than the pod has room for.
    #[serde(default = "default_bound_memory_mib", rename = "memoryMaxMiB")]
    #[schemars(range(min = 7, max = 2048))]
    pub memory_max_mib: u32,

    /// Cost of bcrypt, the exponent of two. Default: 15, which takes some two seconds of a core: more than
    /// `spec.routing.deadlineMs` is by default. More than 16 has no effect, for the bound on all work.
    #[serde(default = "default_bcrypt_cost")]
    #[schemars(range(min = 4, max = 20))]
    pub bcrypt_cost_max: u32,

    /// Rounds of PBKDF2, SHA-crypt and the like. Default: 2,000,000.
    #[serde(default = "default_rounds")]
    #[schemars(range(min = 1, max = 20_000_000))]
    pub rounds_max: u32,
}

impl Default for LegacyBounds {
    fn default() -> Self {
        Self {
            memory_max_mib: default_bound_memory_mib(),
            bcrypt_cost_max: default_bcrypt_cost(),
            rounds_max: default_rounds(),
        }
    }
}

/// A Secret whose values are peppers, each under its key id of 1 to 8 letters, digits, '.', '_' and '-': at
/// least 16 random bytes in standard base64, as `openssl rand -base64 32` writes them. Every change of it rolls
/// the pods.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PepperSecretRef {
    /// Name of the Secret, in this namespace. Losing it loses every hash made with it. Hashers mount a copy, the
    /// Secret `NAME-hasher-peppers`, in which a key keeps its value; a value that was replaced is refused, so
    /// give a new pepper a new key.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key whose value goes into new hashes; the others still verify, and what was made with them is
    /// reported as due for a rehash. For the first pepper and every later one: add it to the Secret, wait until
    /// the resource is `Ready`, so that every hasher has it, and only then name it here. Take an old one away
    /// when no stored hash names it any more. Without it new hashes have no pepper, and those that have one
    /// keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8), regex(pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]*$"))]
    pub current_key: Option<String>,
}

fn default_memory_mib() -> u32 {
    Argon2idPolicy::default().memory_mib
}

fn default_iterations() -> u32 {
    Argon2idPolicy::default().iterations
}

fn default_parallelism() -> u32 {
    Argon2idPolicy::default().parallelism
}

fn default_bound_memory_mib() -> u32 {
    64
}

fn default_bcrypt_cost() -> u32 {
    15
}

fn default_rounds() -> u32 {
    2_000_000
}
