//! One canonical form of a username, and the keys that stand for users and addresses in Redis.
//!
//! Router, limiter, locks and sessions all use the key made here, so that no alias of a name slips
//! past one of them (Vault CVE-2025-6004). The canonical form cannot know which spellings a caller's table takes for
//! one row (collations, email or name), so a caller may name a user by an id of its own, which is
//! taken byte for byte (Authelia CVE-2025-24806). A key is an HMAC under a secret of the AuthCluster: a dump
//! of Redis names nobody, and nobody outside can aim at a user's slot or node.

mod address;
mod name;

use std::fmt;
use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use self::name::check_user_id;
pub use self::name::{UserIdError, UsernameError, canonical};
use crate::limits::NAME_BYTES_MAX;

/// What letter case means in usernames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UsernameCase {
    /// `Alice` and `alice` are one user: the safe choice for limits, and what email providers do.
    #[default]
    Insensitive,
    /// `Alice` and `alice` are two users.
    Sensitive,
}

/// The part of the user space that a caller may speak of; it comes from the caller's token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Realm(String);

/// A name that no caller or realm can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a name: use 1 to {NAME_BYTES_MAX} of a-z, 0-9 and '-'")]
pub struct RealmError(String);

impl Realm {
    /// Checks and takes a realm's name.
    ///
    /// # Errors
    /// A name that is no DNS-1123 label.
    pub fn new(name: &str) -> Result<Self, RealmError> {
        let letters = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if letters && !name.is_empty() && name.len() <= NAME_BYTES_MAX {
            Ok(Self(name.to_owned()))
        } else {
            Err(RealmError(name.to_owned()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Realm {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Stands for one user of one realm: 128 bits in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserKey(String);

impl UserKey {
    /// The key that is spelled like this, if one can be: one that was made elsewhere and kept.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (hex && digits.len() == 32).then(|| Self(digits.to_owned()))
    }

    /// The hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Stands for one network of one realm: a whole IPv4 address, or the /64, /56 or /48 of an IPv6 one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressKey(String);

impl AddressKey {
    /// The hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The keys of an address in one realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressKeys {
    /// The address itself: a whole IPv4 address, or the /64 of an IPv6 one, which is the least that a
    /// home network has. A user's known addresses are such keys.
    pub own: AddressKey,
    /// The /56 and the /48 around the /64, which are what providers give to homes and to companies.
    /// `None` for IPv4.
    pub around: Option<Around>,
}

/// The wider networks of an IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Around {
    /// The /56: 256 networks of /64.
    pub of_56: AddressKey,
    /// The /48: 65,536 networks of /64.
    pub of_48: AddressKey,
}

/// Stands for a stored hash of a user, or for the token of its migration: 128 bits in hexadecimal. Neither
/// of the two is ever in Redis itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MigrationDigest(String);

impl MigrationDigest {
    /// The hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The secret that turns names into keys. Generated once per AuthCluster and never rotated: with
/// another one every session, limit and lock would be another user's.
#[derive(Clone)]
pub struct UserKeyMaker {
    secret: Zeroizing<Vec<u8>>,
    case: UsernameCase,
}

/// A secret that is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user key must be at least 32 bytes")]
pub struct UserKeyTooShort;

impl UserKeyMaker {
    /// Takes the secret and the rule for letter case.
    ///
    /// # Errors
    /// [`UserKeyTooShort`].
    pub fn new(secret: Vec<u8>, case: UsernameCase) -> Result<Self, UserKeyTooShort> {
        let secret = Zeroizing::new(secret);
        if secret.len() < 32 { Err(UserKeyTooShort) } else { Ok(Self { secret, case }) }
    }

    /// The key of a user.
    ///
    /// # Errors
    /// See [`UsernameError`].
    pub fn user(&self, realm: &Realm, username: &str) -> Result<UserKey, UsernameError> {
        let name = canonical(username, self.case)?;
        Ok(UserKey(self.digest(&[b"user", realm.as_str().as_bytes(), name.as_bytes()])))
    }

    /// The key of the user with this id, which is taken byte for byte. No username has the same key, whatever
    /// both say.
    ///
    /// # Errors
    /// See [`UserIdError`].
    pub fn user_of_id(&self, realm: &Realm, user_id: &str) -> Result<UserKey, UserIdError> {
        check_user_id(user_id)?;
        Ok(UserKey(self.digest(&[b"user-id", realm.as_str().as_bytes(), user_id.as_bytes()])))
    }

    /// The keys of an address in a realm. An IPv6 address that stands for an IPv4 one has the keys of
    /// that (see [`address::subject`]). Two realms never count together: the caller names the address,
    /// so a caller of one realm could otherwise block an address for another.
    #[must_use]
    pub fn address(&self, realm: &Realm, address: IpAddr) -> AddressKeys {
        let realm = realm.as_str().as_bytes();
        match address::subject(address) {
            IpAddr::V4(v4) => AddressKeys {
                own: AddressKey(self.digest(&[b"ipv4", realm, &v4.octets()])),
                around: None,
            },
            IpAddr::V6(v6) => {
                let network = |kind: &[u8], host_bits: u32| {
                    let prefix = u128::from(v6).checked_shr(host_bits).unwrap_or(0);
                    AddressKey(self.digest(&[kind, realm, &prefix.to_be_bytes()]))
                };
                AddressKeys {
                    own: network(b"ipv6/64", 64),
                    around: Some(Around {
                        of_56: network(b"ipv6/56", 72),
                        of_48: network(b"ipv6/48", 80),
                    }),
                }
            }
        }
    }

    /// Stands for a hash that a user has, or had. Of two users it is another one, even when both have the
    /// same hash.
    #[must_use]
    pub fn stored_hash(&self, user: &UserKey, encoded: &str) -> MigrationDigest {
        MigrationDigest(self.digest(&[b"stored", user.0.as_bytes(), encoded.as_bytes()]))
    }

    /// Stands for the token that a migration of a user is committed with.
    #[must_use]
    pub fn commit_token(&self, user: &UserKey, token: &str) -> MigrationDigest {
        MigrationDigest(self.digest(&[b"commit", user.0.as_bytes(), token.as_bytes()]))
    }

    /// Each part with its length before it, so that no two lists of parts are the same bytes.
    fn digest(&self, parts: &[&[u8]]) -> String {
        // HMAC takes keys of every length, so the error cannot occur; a key of zeros would make the
        // digest useless as a secret, not wrong, and the length is checked in `new`.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else {
            return String::new();
        };
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        let digest = mac.finalize().into_bytes();
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for UserKeyMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKeyMaker({:?}, ..)", self.case)
    }
}

#[cfg(test)]
mod tests;
