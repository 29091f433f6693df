//! Stored hashes by name: the functions that made them, the families that a policy accepts, why one
//! should be made anew, and the bodies of `/v1/inspect`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::SecretString;

/// Why a hash should be made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RehashReason {
    /// Another function than the policy's.
    Scheme,
    /// An older version of the function.
    Version,
    /// Less memory than the policy asks for.
    Memory,
    /// Fewer passes than the policy asks for.
    Iterations,
    /// A shorter salt than a new hash gets.
    SaltLength,
    /// A shorter output than a new hash gets.
    OutputLength,
    /// Another pepper than a new hash gets, or none.
    Pepper,
    /// Argon2id, but over an older function: at this login the password is here, and it can go.
    Wrapped,
}

/// The function that made a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// RFC 9106, the recommended variant.
    Argon2id,
    /// RFC 9106, data-independent.
    Argon2i,
    /// RFC 9106, data-dependent.
    Argon2d,
    /// bcrypt of the password.
    Bcrypt,
    /// bcrypt of a SHA-256 of the password.
    BcryptSha256,
    /// bcrypt of an HMAC-SHA-384 of the password.
    BcryptSha384,
    /// RFC 8018, with any digest.
    Pbkdf2,
    /// RFC 7914.
    Scrypt,
    /// scrypt, whose output encrypts a key of the project.
    FirebaseScrypt,
    /// yescrypt.
    Yescrypt,
    /// yescrypt under HMAC-Streebog.
    GostYescrypt,
    /// `NetBSD`'s iterated HMAC-SHA-1.
    Sha1Crypt,
    /// SHA-crypt with SHA-256.
    Sha256Crypt,
    /// SHA-crypt with SHA-512.
    Sha512Crypt,
    /// `FreeBSD`'s iterated MD5, and Apache's.
    Md5Crypt,
    /// Sun's iterated MD5.
    SunMd5,
    /// phpass's iterated MD5, and Drupal's iterated SHA-512.
    Phpass,
    /// Traditional crypt.
    DesCrypt,
    /// Traditional crypt with a count and a longer salt.
    BsdiCrypt,
    /// Traditional crypt of each eight characters.
    Bigcrypt,
    /// MD4 of UTF-16.
    Nt,
    /// A digest of the password alone.
    PlainDigest,
    /// A digest of password and salt.
    SaltedDigest,
    /// What a SCRAM server keeps (RFC 5802).
    Scram,
    /// Argon2id over the digest of an older function.
    Wrapped,
    /// No password is right.
    Unusable,
}

/// A family of stored hashes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Family {
    /// Argon2i, Argon2d, and Argon2id in the spellings of other systems.
    Argon2,
    /// `$2a$`, `$2b$`, `$2x$`, `$2y$`, and their prehashed forms.
    Bcrypt,
    /// PBKDF2 in all its spellings.
    Pbkdf2,
    /// scrypt in all its spellings.
    Scrypt,
    /// scrypt as Firebase uses it.
    FirebaseScrypt,
    /// `$y$` and `$gy$`.
    Yescrypt,
    /// `$5$`, `$6$` and `$sha1$`.
    ShaCrypt,
    /// `$1$`, `$apr1$` and Sun's `$md5`.
    Md5Crypt,
    /// `$P$`, `$H$` and Drupal's `$S$`.
    Phpass,
    /// Traditional crypt and its extensions.
    DesCrypt,
    /// Salted single digests, as LDAP and Django store them.
    SaltedDigest,
    /// Digests without salt.
    PlainDigest,
    /// NT hashes.
    Nt,
    /// `ASP.NET` Identity, versions 2 and 3.
    AspNetIdentity,
    /// SCRAM server records.
    Scram,
}

impl Family {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::Argon2,
        Self::Bcrypt,
        Self::Pbkdf2,
        Self::Scrypt,
        Self::FirebaseScrypt,
        Self::Yescrypt,
        Self::ShaCrypt,
        Self::Md5Crypt,
        Self::Phpass,
        Self::DesCrypt,
        Self::SaltedDigest,
        Self::PlainDigest,
        Self::Nt,
        Self::AspNetIdentity,
        Self::Scram,
    ];

    /// The name, as in the resource and in the hasher's file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Argon2 => "Argon2",
            Self::Bcrypt => "Bcrypt",
            Self::Pbkdf2 => "Pbkdf2",
            Self::Scrypt => "Scrypt",
            Self::FirebaseScrypt => "FirebaseScrypt",
            Self::Yescrypt => "Yescrypt",
            Self::ShaCrypt => "ShaCrypt",
            Self::Md5Crypt => "Md5Crypt",
            Self::Phpass => "Phpass",
            Self::DesCrypt => "DesCrypt",
            Self::SaltedDigest => "SaltedDigest",
            Self::PlainDigest => "PlainDigest",
            Self::Nt => "Nt",
            Self::AspNetIdentity => "AspNetIdentity",
            Self::Scram => "Scram",
        }
    }
}

/// Which old hashes are understood, and what they may cost. The defaults of the bounds are those of
/// a hasher that was told nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Legacy {
    /// The families that are verified; empty = all of them. Argon2id itself is always verified.
    pub accept: Vec<Family>,
    /// Most memory of one hash of any kind, in MiB, as far as the pod has it.
    pub memory_max_mib: u32,
    /// Highest cost of bcrypt, the exponent of two.
    pub bcrypt_cost_max: u32,
    /// Most rounds of PBKDF2, SHA-crypt and the like.
    pub rounds_max: u32,
}

impl Default for Legacy {
    fn default() -> Self {
        Self {
            accept: Vec::new(),
            memory_max_mib: LEGACY_MEMORY_MIB_MAX,
            bcrypt_cost_max: BCRYPT_COST_MAX,
            rounds_max: ROUNDS_MAX,
        }
    }
}

impl Legacy {
    /// Largest memory of one hash, in KiB. A bound in MiB does not count the part of a MiB above it
    /// ([`MEMORY_PART_KIB`]).
    #[must_use]
    pub const fn memory_kib_max(&self) -> u32 {
        self.memory_max_mib.saturating_mul(1024).saturating_add(MEMORY_PART_KIB)
    }

    /// Whether the bounds make sense.
    ///
    /// # Errors
    /// The first field that does not, with its smallest and largest value.
    pub fn check(&self) -> Result<(), (&'static str, u32, u32)> {
        let bound = |field, value, min, max| {
            if (min..=max).contains(&value) { Ok(()) } else { Err((field, min, max)) }
        };
        bound("memory_max_mib", self.memory_max_mib, 1, 4096)?;
        // The function has no other costs.
        bound("bcrypt_cost_max", self.bcrypt_cost_max, 4, 31)?;
        bound("rounds_max", self.rounds_max, 1, 999_999_999)
    }
}

/// Most memory of one stored hash, in MiB, when nothing else was said: eight times what scrypt is
/// recommended with, and sixteen times RFC 9106's second choice.
pub const LEGACY_MEMORY_MIB_MAX: u32 = 1024;

/// The part of a MiB, in KiB, that a bound in MiB does not count. Functions "of 64 MiB" name their large array alone:
/// beside it, scrypt has a block for each lane and two to mix with, so passlib's default (`ln=16,r=8,p=1`) takes
/// 64 MiB and 3 KiB, and Vaultwarden's Argon2id preset takes 65,540 KiB. A bound of 64 MiB is meant to admit both. The
/// memory is the program's, which has it to spare (`hasher/src/policy/budget.rs`).
pub const MEMORY_PART_KIB: u32 = 1023;

/// Highest cost of bcrypt when nothing else was said: some two seconds of a current core. Systems use
/// 10 to 12, and cautious ones 14.
pub const BCRYPT_COST_MAX: u32 = 15;

/// Most rounds when nothing else was said: OWASP's highest recommendation is 1.4 million, for
/// PBKDF2-HMAC-SHA1. A cap below what systems have stored would lock their users out.
pub const ROUNDS_MAX: u32 = 2_000_000;

/// `POST /v1/inspect`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectRequest {
    /// The stored hash.
    pub encoded: SecretString,
}

/// What a stored hash is. Holds nothing of its salt or digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectReply {
    /// The spelling, as in the list of formats.
    pub format: String,
    /// The function that made it.
    pub scheme: Scheme,
    /// Its parameters, by their names in the format.
    pub parameters: BTreeMap<String, String>,
    /// What one verification takes, in units of work.
    pub units: u64,
    /// Memory that one verification takes, in KiB.
    pub memory_kib: u32,
    /// How long one verification takes on an idle lane of the pod that answers, in milliseconds.
    pub estimated_ms: u64,
    /// Whether the hash should be made anew.
    pub needs_rehash: bool,
    /// Why.
    pub reasons: Vec<RehashReason>,
}
