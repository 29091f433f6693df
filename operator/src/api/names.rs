//! Names that are fixed for ever: labels, annotations, the field manager. Changing one orphans what
//! an older operator made.

/// Who owns the fields that the operator applies.
pub const FIELD_MANAGER: &str = "authcluster-operator";

/// Value of `app.kubernetes.io/managed-by` and the reporting controller of events.
pub const MANAGED_BY: &str = "authcluster-operator";

/// Value of `app.kubernetes.io/name` on everything that belongs to an `AuthCluster`.
pub const APP_NAME: &str = "authcluster";

/// Label: the program's name, always [`APP_NAME`].
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
/// Label: the `AuthCluster`'s name.
pub const LABEL_INSTANCE: &str = "app.kubernetes.io/instance";
/// Label: [`COMPONENT_HASHER`] or [`COMPONENT_REDIS`].
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
/// Label: who made it, always [`MANAGED_BY`].
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label of Redis objects: the number of the shard that the pod was made for. It says nothing about
/// the pod's role.
pub const LABEL_SHARD: &str = "authcluster.dev/shard";
/// Label of hasher objects: the pool, or [`POOL_DEFAULT`].
pub const LABEL_POOL: &str = "authcluster.dev/pool";

/// Component of the hashers.
pub const COMPONENT_HASHER: &str = "hasher";
/// Component of the Redis pods.
pub const COMPONENT_REDIS: &str = "redis";
/// The pool of `spec.hasher` itself, when `spec.hasher.pools` is empty.
pub const POOL_DEFAULT: &str = "default";

/// Annotation of pods: digest of what they read at start. Another digest is another pod.
pub const ANNOTATION_CONFIG: &str = "authcluster.dev/config-sha256";

/// Annotation of an `AuthCluster`, set to `true` by a person: a shard whose volumes all came back
/// empty may start anew. Without it the operator waits.
pub const ANNOTATION_ACCEPT_DATA_LOSS: &str = "authcluster.dev/accept-data-loss";

/// Name of the container that hashes.
pub const CONTAINER_HASHER: &str = "hasher";
/// Name of the container that runs Redis or Valkey.
pub const CONTAINER_REDIS: &str = "redis";

/// Longest name of an `AuthCluster`, so that every name made from it fits the 63 characters of a
/// label: the longest is the label `controller-revision-hash` of a Redis pod,
/// `NAME-redis-SHARD-HASH` (7 + 3 + 1 + 10), and a pool's Deployment, `NAME-hasher-POOL` (8 + 19).
pub const CLUSTER_NAME_BYTES_MAX: usize = 36;
/// Longest name of a pool; see [`CLUSTER_NAME_BYTES_MAX`].
pub const POOL_NAME_BYTES_MAX: usize = 19;

const _: () = assert!(CLUSTER_NAME_BYTES_MAX + "-redis-".len() + 3 + 1 + 10 <= 63);
const _: () = assert!(CLUSTER_NAME_BYTES_MAX + "-hasher-".len() + POOL_NAME_BYTES_MAX <= 63);
const _: () = assert!(CLUSTER_NAME_BYTES_MAX + "-hasher-peers".len() <= 63);

/// Port of the API, HTTPS.
pub const PORT_API: u16 = 8443;
/// Port between hashers, mutual TLS.
pub const PORT_PEERS: u16 = 8444;
/// Port of probes and metrics, plain HTTP.
pub const PORT_ADMIN: u16 = 9090;
/// Port of Redis.
pub const PORT_REDIS: u16 = 6379;
/// Port of the Redis Cluster bus: Redis adds 10,000 to its own.
pub const PORT_REDIS_BUS: u16 = PORT_REDIS + 10_000;
