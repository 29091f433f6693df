//! Digests under the scheme names of RFC 2307 and of Dovecot: `{SSHA}` and its relatives. Names are
//! read in any case.

use authcluster_contract::formats::{Family, Scheme};
use md5::block_api::compress;

use super::digest::{Derived, Digest};
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, digests, text};
use crate::policy::pricing::steps::Steps;
use zeroize::Zeroizing;

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "ldap-digest",
        families: &[Family::PlainDigest],
        shape: "{SHA}<base64>",
        about: "OpenLDAP, 389 DS, Dovecot: MD5 (also LDAP-MD5), SHA (also SHA1), SHA256, SHA384, SHA512; \
                {PLAIN-MD5} in hexadecimal",
        read: read_plain,
    },
    Format {
        name: "ldap-salted-digest",
        families: &[Family::SaltedDigest],
        shape: "{SSHA}<base64 of digest and salt>",
        about: "OpenLDAP, 389 DS, Dovecot, Kratos: SMD5, SSHA, SSHA256, SSHA384, SSHA512",
        read: read_salted,
    },
    Format {
        name: "dovecot-cram-md5",
        families: &[Family::PlainDigest],
        shape: "{CRAM-MD5}<64 hex>",
        about: "Dovecot: the state of HMAC-MD5 after its key",
        read: read_cram_md5,
    },
];

const PLAIN: [(&[&str], Digest); 5] = [
    (&["MD5", "LDAP-MD5"], Digest::Md5),
    (&["SHA", "SHA1"], Digest::Sha1),
    (&["SHA256"], Digest::Sha256),
    (&["SHA384"], Digest::Sha384),
    (&["SHA512"], Digest::Sha512),
];

const SALTED: [(&[&str], Digest); 5] = [
    (&["SMD5"], Digest::Md5),
    (&["SSHA"], Digest::Sha1),
    (&["SSHA256"], Digest::Sha256),
    (&["SSHA384"], Digest::Sha384),
    (&["SSHA512"], Digest::Sha512),
];

fn named<'a>(encoded: &'a str, schemes: &[(&[&str], Digest)]) -> Option<(&'a str, Digest)> {
    schemes.iter().find_map(|(names, digest)| Some((text::after_scheme(encoded, names)?, *digest)))
}

fn read_plain(encoded: &str, _: &Bounds) -> Result<Read, FormatError> {
    if let Some(rest) = text::after_scheme(encoded, &["PLAIN-MD5"]) {
        return digests::suffixed(Digest::Md5, None, text::hex(rest).ok_or(OTHER)?);
    }
    let (rest, digest) = named(encoded, &PLAIN).ok_or(OTHER)?;
    digests::suffixed(digest, None, text::base64(rest).ok_or(OTHER)?)
}

fn read_salted(encoded: &str, _: &Bounds) -> Result<Read, FormatError> {
    let (rest, digest) = named(encoded, &SALTED).ok_or(OTHER)?;
    let bytes = text::base64(rest).ok_or(OTHER)?;
    match bytes.split_at_checked(digest.bytes()) {
        Some((output, salt)) if !salt.is_empty() => {
            digests::suffixed(digest, Some(salt.to_vec()), output.to_vec())
        }
        Some(_) | None => Err(FormatError::Unsupported("it has no salt after its digest")),
    }
}

/// Bytes of the digest that come before the salt.
pub(super) fn salted_digest_bytes(encoded: &str) -> Option<usize> {
    named(encoded, &SALTED).map(|(_, digest)| digest.bytes())
}

struct CramMd5([u8; 32]);

fn read_cram_md5(encoded: &str, _: &Bounds) -> Result<Read, FormatError> {
    let rest = text::after_scheme(encoded, &["CRAM-MD5"]).ok_or(OTHER)?;
    let states = text::hex(rest).and_then(|bytes| bytes.try_into().ok()).ok_or(OTHER)?;
    Ok(Read::legacy(Scheme::PlainDigest, CramMd5(states)))
}

/// MD5's state at its start (RFC 1321, section 3.3).
const MD5_START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

impl Legacy for CramMd5 {
    fn steps(&self, password_bytes: usize) -> Steps {
        Digest::Md5.steps(password_bytes, 3)
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let mut key = Zeroizing::new([0u8; 64]);
        let shortened = (password.len() > 64).then(|| Digest::Md5.of(&[password]));
        let bytes = shortened.as_ref().map_or(password, |digest| digest.as_slice());
        for (place, byte) in key.iter_mut().zip(bytes) {
            *place = *byte;
        }
        // The outer state first, each word with its least byte first.
        let states = [0x5c, 0x36].map(|pad: u8| {
            let mut state = MD5_START;
            compress(&mut state, &[key.map(|byte| byte ^ pad)]);
            state.map(u32::to_le_bytes)
        });
        vec![Zeroizing::new(states.as_flattened().as_flattened().to_vec())]
    }

    fn stored(&self) -> &[u8] {
        &self.0
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("digest", Digest::Md5.name().to_owned())]
    }
}
