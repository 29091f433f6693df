//! NT hashes: MD4 of the password in UTF-16, little endian.
//!
//! `$3$$` comes from two worlds: crypt(5) widens each byte of the password, passlib decodes UTF-8
//! first. Both readings cost one MD4, so both are tried.

use authcluster_contract::formats::{Family, Scheme};
use zeroize::Zeroizing;

use super::digest::{Derived, Digest};
use super::registry::Format;
use super::{FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::Steps;

const FAMILIES: &[Family] = &[Family::Nt];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "crypt-nt",
        families: FAMILIES,
        shape: "$3$$<32 hex>",
        about: "FreeBSD, libxcrypt, passlib",
        read: |encoded, _| read(encoded.strip_prefix("$3$$").and_then(text::hex), true),
    },
    Format {
        name: "freeipa-nt",
        families: FAMILIES,
        shape: "ipaNTHash: <base64>",
        about: "FreeIPA's LDIF; base64 without padding",
        read: |encoded, _| {
            let found = encoded.strip_prefix("ipaNTHash: ");
            read(found.and_then(text::base64_bare), false)
        },
    },
    Format {
        name: "samba-nt",
        families: FAMILIES,
        shape: "sambaNTPassword: <32 hex>",
        about: "Samba's LDIF",
        read: |encoded, _| {
            read(encoded.strip_prefix("sambaNTPassword: ").and_then(text::hex), false)
        },
    },
    Format {
        name: "ldap-nt",
        families: FAMILIES,
        shape: "{NT}<32 hex>, {NTLM}<32 hex>",
        about: "OpenLDAP's smbk5pwd, Dovecot",
        read: |encoded, _| {
            read(text::after_scheme(encoded, &["NT", "NTLM"]).and_then(text::hex), false)
        },
    },
];

pub(super) struct Nt {
    digest: Vec<u8>,
    /// Each byte may also be a letter of its own.
    widens: bool,
}

impl Nt {
    pub(super) fn new(digest: Vec<u8>, widens: bool) -> Option<Self> {
        (digest.len() == Digest::Md4.bytes()).then_some(Self { digest, widens })
    }
}

fn read(digest: Option<Vec<u8>>, widens: bool) -> Result<Read, FormatError> {
    let hash = digest.and_then(|digest| Nt::new(digest, widens)).ok_or(OTHER)?;
    Ok(Read::legacy(Scheme::Nt, hash))
}

fn md4_of(units: impl Iterator<Item = u16>) -> Derived {
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(units.flat_map(u16::to_le_bytes).collect());
    Digest::Md4.of(&[&bytes])
}

impl Legacy for Nt {
    fn steps(&self, password_bytes: usize) -> Steps {
        Digest::Md4.steps(password_bytes.saturating_mul(2), 2)
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let decoded = std::str::from_utf8(password).map(|text| md4_of(text.encode_utf16()));
        let widened = self.widens.then(|| md4_of(password.iter().map(|byte| u16::from(*byte))));
        [decoded.unwrap_or_default()].into_iter().chain(widened).collect()
    }

    fn ways(&self) -> usize {
        1 + usize::from(self.widens)
    }

    fn stored(&self) -> &[u8] {
        &self.digest
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
