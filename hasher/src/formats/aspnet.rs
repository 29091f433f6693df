//! `ASP.NET` Identity: a base64 blob whose first byte is its version.
//!
//! Version 2 has one length. Version 3 counts its salt and not its key, so a blob that was cut would
//! be one with a shorter key, and PBKDF2's shorter outputs begin its longer ones. So only the keys
//! that were written are read: 32 bytes with the framework's 16 bytes of salt, the digest's own length
//! with other salts, and 16 bytes only from code of its own with fewer rounds than the framework ever
//! used.

use authcluster_contract::formats::Family;

use super::digest::Digest;
use super::pbkdf2::Pbkdf2;
use super::registry::Format;
use super::{Bounds, FormatError, OTHER, Read, text};

const FAMILIES: &[Family] = &[Family::AspNetIdentity];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "aspnet-identity-v3",
        families: FAMILIES,
        shape: "<base64 of 01 prf rounds length salt key>",
        about: "ASP.NET Core Identity: PBKDF2 with SHA-1, SHA-256 or SHA-512",
        read: read_v3,
    },
    Format {
        name: "aspnet-identity-v2",
        families: FAMILIES,
        shape: "<base64 of 00 salt key, 49 bytes>",
        about: "ASP.NET Identity 2: 1,000 rounds of PBKDF2 with SHA-1",
        read: read_v2,
    },
];

/// Version, function, rounds and length of the salt, in bytes.
const HEAD_BYTES_V3: usize = 13;

/// The framework's salt, in bytes.
const SALT_BYTES: usize = 16;

/// The framework's key, in bytes.
const KEY_BYTES: usize = 32;

/// Fewer rounds than any version 3 of the framework used by default (10,000).
const FEW_ROUNDS: u64 = 1_000;

fn read_v2(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let bytes = text::base64(encoded).ok_or(OTHER)?;
    let [0, rest @ ..] = bytes.as_slice() else { return Err(OTHER) };
    let (salt, key) = rest.split_at_checked(SALT_BYTES).ok_or(OTHER)?;
    if key.len() != KEY_BYTES {
        return Err(OTHER);
    }
    Pbkdf2::read(Digest::Sha1, 1_000, salt.to_vec(), (key.to_vec(), KEY_BYTES), bounds)
}

/// Where the key begins in the bytes of version 3.
pub(super) fn key_start_v3(bytes: &[u8]) -> Option<usize> {
    let salt_bytes = bytes.get(9..HEAD_BYTES_V3)?.first_chunk::<4>()?;
    let salt_bytes = usize::try_from(u32::from_be_bytes(*salt_bytes)).ok()?;
    HEAD_BYTES_V3.checked_add(salt_bytes).filter(|start| *start <= bytes.len())
}

fn read_v3(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let bytes = text::base64(encoded).ok_or(OTHER)?;
    let [1, rest @ ..] = bytes.as_slice() else { return Err(OTHER) };
    let (prf, rest) = rest.split_first_chunk::<4>().ok_or(OTHER)?;
    let (rounds, rest) = rest.split_first_chunk::<4>().ok_or(OTHER)?;
    let (salt_bytes, rest) = rest.split_first_chunk::<4>().ok_or(OTHER)?;
    let digest = match u32::from_be_bytes(*prf) {
        0 => Digest::Sha1,
        1 => Digest::Sha256,
        2 => Digest::Sha512,
        _ => return Err(OTHER),
    };
    let rounds = u64::from(u32::from_be_bytes(*rounds));
    let salt_bytes = usize::try_from(u32::from_be_bytes(*salt_bytes)).map_err(|_| OTHER)?;
    let (salt, key) = rest.split_at_checked(salt_bytes).ok_or(OTHER)?;
    if salt.len() < SALT_BYTES {
        return Err(OTHER);
    }
    let bytes = match (salt.len(), key.len()) {
        (SALT_BYTES, 16) if rounds < FEW_ROUNDS => 16,
        (SALT_BYTES, _) => KEY_BYTES,
        _ => digest.bytes(),
    };
    Pbkdf2::read(digest, rounds, salt.to_vec(), (key.to_vec(), bytes), bounds)
}
