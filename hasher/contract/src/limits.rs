//! Every maximum that both programs must know, each with its reason.
//!
//! A limit that only one program enforces lives beside the code that enforces it.

/// Longest password in bytes. NIST SP 800-63B asks for at least 64 characters; 1 KiB leaves room
/// for pass phrases in any script, and hashing cost does not depend on it. Halved, a long phrase in
/// a four-byte script may no longer fit; doubled, nothing is gained.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Longest username in bytes, before normalisation. An email address has at most 254 (RFC 5321,
/// section 4.5.3.1.3).
pub const USERNAME_BYTES_MAX: usize = 512;

/// Longest user id in bytes. The subject of an identity provider has at most 255 (`OpenID` Connect Core, section 2);
/// a UUID or a number takes far less.
pub const USER_ID_BYTES_MAX: usize = 512;

/// Longest stored hash in bytes. The longest known PHC strings, with 1 KiB outputs, stay below it.
pub const ENCODED_BYTES_MAX: usize = 4096;

/// Largest caller data of one session in bytes. Redis holds every session in memory: 4 KiB at a
/// million sessions is 4 GiB already.
pub const SESSION_DATA_BYTES_MAX: usize = 4096;

/// Most sessions of one user that a configuration may ask for. Each is read when they are listed, so
/// a thousand take some tens of milliseconds; ten times that would hold up the shard.
pub const SESSIONS_PER_USER_MAX: u32 = 1_000;

/// Longest time in which a rotated id is still answered for, in seconds. It is for requests that
/// were under way, which take seconds; for so long a thief is not told from the user either.
pub const ROTATION_GRACE_SECONDS_MAX: u32 = 300;

/// Largest request body in bytes: password, hash and session data, each escaped as `\u00XX` at
/// worst, and the JSON around them.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Most rows of one call of `/v1/migrations/wrap`. At the default policy a lane does some 200 in the second that
/// a call has by default.
pub const WRAP_ROWS_MAX: usize = 100;

/// Smallest Argon2 memory cost that a policy may ask for, in MiB. OWASP's weakest recommended set
/// is 7 MiB with five passes.
pub const POLICY_MEMORY_MIB_MIN: u32 = 7;

/// Largest Argon2 memory cost that a policy may ask for, in MiB: RFC 9106's first choice is 2 GiB.
pub const POLICY_MEMORY_MIB_MAX: u32 = 2048;

/// Largest number of passes that a policy may ask for. Above it, more memory is the better buy.
pub const POLICY_ITERATIONS_MAX: u32 = 64;

/// Most work of one computation, in MiB-passes: what bcrypt takes at the highest cost by default, some
/// seconds of one lane. No policy may ask for more, or what it makes could not be verified.
pub const UNITS_MAX: u32 = 32 * 1024;

/// Largest Argon2 parallelism that a policy may ask for. Lanes of one hash are computed in turn, so
/// more buys the defender nothing; 16 admits what other systems have stored.
pub const POLICY_PARALLELISM_MAX: u32 = 16;

/// Largest capacity weight of one node, in units per second. A current core does about 8,000; a
/// pod with a thousand of them stays below. A larger number in Redis is a mistake or an attack.
pub const WEIGHT_MAX: u64 = 16_000_000;

/// Most hasher lanes in one pod.
pub const LANES_MAX: u32 = 256;

/// Longest node name: a Kubernetes pod name is a DNS-1123 subdomain.
pub const NODE_ID_BYTES_MAX: usize = 253;

/// Fewest bytes of a caller's bearer token. `openssl rand -hex 16` makes as many: 128 random bits, which
/// cannot be guessed however fast a client tries. A shorter token is a word, a mistake or an empty Secret.
pub const TOKEN_BYTES_MIN: usize = 32;

/// Longest caller or realm name.
pub const NAME_BYTES_MAX: usize = 63;

/// A heartbeat (`node_load`) outlives its writer by this much, in milliseconds.
pub const HEARTBEAT_TTL_MS: u64 = 10_000;

/// Time between two heartbeats, in milliseconds: twenty may be lost before a node is taken for
/// dead.
pub const HEARTBEAT_INTERVAL_MS: u64 = 500;

/// Time between two writes of a node's record in `nodes`, in milliseconds.
pub const RECORD_INTERVAL_MS: u64 = 5_000;
