//! MD5-crypt, `$1$`, and Apache's and Kratos' names for it. Own code: no maintained crate has it.

use authcluster_contract::formats::{Family, Scheme};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::digest::{Derived, Digest};
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::Steps;

const FAMILIES: &[Family] = &[Family::Md5Crypt];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "md5-crypt",
        families: FAMILIES,
        shape: "$1$<salt>$<22 digest>",
        about: "FreeBSD, and Linux of before 2008",
        read: |encoded, bounds| read(encoded, "$1$", bounds),
    },
    Format {
        name: "apr1-md5-crypt",
        families: FAMILIES,
        shape: "$apr1$<salt>$<22 digest>",
        about: "Apache's htpasswd",
        read: |encoded, bounds| read(encoded, "$apr1$", bounds),
    },
    Format {
        name: "kratos-md5-crypt",
        families: FAMILIES,
        shape: "$md5-crypt$<salt>$<22 digest>",
        about: "Ory Kratos",
        read: |encoded, bounds| read(encoded, "$md5-crypt$", bounds),
    },
];

const ROUNDS: u32 = 1_000;

/// The order in which crypt writes the bytes of an MD5.
pub(super) const ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

struct Md5Crypt {
    magic: &'static [u8],
    salt: Vec<u8>,
    output: String,
}

pub(super) fn read(encoded: &str, prefix: &str, _: &Bounds) -> Result<Read, FormatError> {
    let rest = encoded.strip_prefix(prefix).ok_or(OTHER)?;
    let [salt, output] = text::fields(rest, '$').ok_or(OTHER)?;
    if !text::is_crypt(salt) || salt.len() > 8 {
        return Err(FormatError::Unsupported("MD5-crypt has up to 8 characters of salt"));
    }
    if !is_md5(output) {
        return Err(FormatError::Unsupported("its MD5-crypt digest is none"));
    }
    let magic: &[u8] = if prefix == "$apr1$" { b"$apr1$" } else { b"$1$" };
    let salt = salt.as_bytes().to_vec();
    Ok(Read::legacy(Scheme::Md5Crypt, Md5Crypt { magic, salt, output: output.to_owned() }))
}

/// Whether the text is an MD5 in crypt's base64.
pub(super) fn is_md5(text: &str) -> bool {
    text.len() == 22 && text::from_crypt(text).is_some_and(|bytes| bytes.len() == 16)
}

/// An MD5 as crypt writes it.
pub(super) fn written(digest: &[u8]) -> Derived {
    let bytes: Vec<u8> = ORDER.iter().filter_map(|place| digest.get(*place).copied()).collect();
    Zeroizing::new(text::to_crypt(&bytes).into_bytes())
}

impl Legacy for Md5Crypt {
    fn steps(&self, password_bytes: usize) -> Steps {
        let bytes = 16 + password_bytes.saturating_mul(3) / 2 + self.salt.len();
        Digest::Md5.steps(bytes, ROUNDS.into())
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let digest = Zeroizing::new(md5_crypt(password, self.magic, &self.salt));
        vec![written(digest.as_slice())]
    }

    fn stored(&self) -> &[u8] {
        self.output.as_bytes()
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("rounds", ROUNDS.to_string())]
    }
}

/// The function, after Poul-Henning Kamp's description of it.
fn md5_crypt(password: &[u8], magic: &[u8], salt: &[u8]) -> [u8; 16] {
    let alternate = Digest::Md5.of(&[password, salt, password]);
    let mut md5 = Md5::new().chain_update(password).chain_update(magic).chain_update(salt);
    for chunk in password.chunks(16) {
        md5.update(alternate.get(..chunk.len()).unwrap_or_default());
    }
    let mut bits = password.len();
    while bits > 0 {
        // A zero for each set bit of the length, and the first character for each that is not.
        let first = password.get(..1).unwrap_or_default();
        md5.update(if bits & 1 == 1 { &[0] } else { first });
        bits >>= 1;
    }
    let mut digest: [u8; 16] = md5.finalize().into();
    for round in 0..ROUNDS {
        let is_odd = round & 1 == 1;
        let mut md5 = Md5::new();
        md5.update(if is_odd { password } else { &digest });
        if round % 3 != 0 {
            md5.update(salt);
        }
        if round % 7 != 0 {
            md5.update(password);
        }
        md5.update(if is_odd { &digest } else { password });
        digest = md5.finalize().into();
    }
    digest
}
