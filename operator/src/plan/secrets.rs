//! Which generated Secrets are missing or due. The runtime generates them: randomness and signing
//! are not decisions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// A Secret that has to be generated, and created (never overwritten, except when it is
/// [`MissingReason::Due`]).
#[derive(Clone, Debug, PartialEq)]
pub struct MissingSecret {
    /// Name, namespace, labels and owner.
    pub metadata: ObjectMeta,
    /// What goes into it.
    pub kind: SecretKind,
    /// Why it has to be made.
    pub reason: MissingReason,
}

/// Why a Secret has to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingReason {
    /// It is not there: create it, and leave it alone if someone else was faster.
    Missing,
    /// It is there and must be replaced: its certificate ends soon, has ended, or has another
    /// authority.
    Due,
}

/// What goes into a generated Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// Keys `tls.crt` and `tls.key`: a new authority.
    Ca {
        /// Subject of the certificate.
        common_name: String,
        /// How long it is valid, in days.
        valid_days: u32,
    },
    /// Keys `tls.crt`, `tls.key` and `ca.crt`: a certificate from the authority in another Secret.
    Leaf {
        /// Name of the Secret with the authority.
        ca_secret: String,
        /// Subject alternative names.
        dns_names: Vec<String>,
        /// Whether it is shown to servers too (mutual TLS), beside being a server's.
        client: bool,
        /// How long it is valid, in days.
        valid_days: u32,
    },
    /// Keys `operator`, `replication` and `hasher`: a random password each.
    RedisUsers,
    /// Key `user-key`: 32 random bytes.
    UserKey,
    /// Key `token`: a random bearer token.
    ClientToken,
}
