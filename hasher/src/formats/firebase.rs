//! Firebase's modified scrypt: the derived key encrypts the project's signer key, and the cipher text
//! is what is stored. In the spellings of Kratos, passwap and Supabase, which hold the signer key.
//!
//! `SuperTokens`' `$f_scrypt$` does not hold it, so it cannot be verified from the string alone.

use aes::Aes256;
use authcluster_contract::formats::{Family, Scheme};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};

use super::digest::Derived;
use super::registry::Format;
use super::scrypt::Cost;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::Steps;
use zeroize::Zeroizing;

const FAMILIES: &[Family] = &[Family::FirebaseScrypt];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "kratos-firebase",
        families: FAMILIES,
        shape: "$firescrypt$ln=<log2 of N>,r=<r>,p=<p>$<salt>$<hash>$<separator>$<signer key>",
        about: "Ory Kratos",
        read: |encoded, bounds| {
            let ["", "firescrypt", parameters, salt, hash, separator, key] =
                text::fields(encoded, '$').ok_or(OTHER)?
            else {
                return Err(OTHER);
            };
            let [log_n, r, p] = text::numbers(parameters, ["ln", "r", "p"]).ok_or(OTHER)?;
            let cost = Cost::of(log_n, r, p, bounds)?;
            read(cost, Parts { salt, hash, separator, key }, text::base64)
        },
    },
    Format {
        name: "passwap-firebase",
        families: FAMILIES,
        shape: "$firebasescrypt$ln=<log2 of N>,r=<r>$<salt>$<hash>$<separator>$<signer key>",
        about: "Zitadel's passwap; base64 with or without padding, in either alphabet",
        read: |encoded, bounds| {
            let ["", "firebasescrypt", parameters, salt, hash, separator, key] =
                text::fields(encoded, '$').ok_or(OTHER)?
            else {
                return Err(OTHER);
            };
            let [log_n, r] = text::numbers(parameters, ["ln", "r"]).ok_or(OTHER)?;
            let cost = Cost::of(log_n, r, 1, bounds)?;
            read(cost, Parts { salt, hash, separator, key }, text::base64_any)
        },
    },
    Format {
        name: "supabase-firebase",
        families: FAMILIES,
        shape: "$fbscrypt$v=1,n=<log2 of N>,r=<r>,p=<p>,ss=<separator>,sk=<signer key>$<salt>$<hash>",
        about: "Supabase Auth",
        read: read_supabase,
    },
];

struct Firebase {
    cost: Cost,
    salt: Vec<u8>,
    signer_key: Zeroizing<Vec<u8>>,
    hash: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Parts<'a> {
    salt: &'a str,
    hash: &'a str,
    separator: &'a str,
    key: &'a str,
}

fn read_supabase(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", "fbscrypt", parameters, salt, hash] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let (numbers, rest) = parameters.split_once(",ss=").ok_or(OTHER)?;
    let (separator, key) = rest.split_once(",sk=").ok_or(OTHER)?;
    let [version, log_n, r, p] = text::numbers(numbers, ["v", "n", "r", "p"]).ok_or(OTHER)?;
    if version != 1 {
        return Err(FormatError::Unsupported("$fbscrypt$ has version 1 only"));
    }
    let cost = Cost::of(log_n, r, p, bounds)?;
    // Supabase takes the hash with and without padding.
    read(cost, Parts { salt, hash, separator, key }, text::base64_any)
}

fn read(
    cost: Cost,
    parts: Parts<'_>,
    base64: fn(&str) -> Option<Vec<u8>>,
) -> Result<Read, FormatError> {
    let mut salt = base64(parts.salt).ok_or(OTHER)?;
    salt.extend(base64(parts.separator).ok_or(OTHER)?);
    let signer_key = Zeroizing::new(base64(parts.key).ok_or(OTHER)?);
    let hash = base64(parts.hash).ok_or(OTHER)?;
    // Each byte of the cipher text is one of the key: a cut one is of another length.
    if hash.len() != signer_key.len() || hash.len() < 16 {
        return Err(FormatError::Unsupported("hash and signer key are of different lengths"));
    }
    Ok(Read::legacy(Scheme::FirebaseScrypt, Firebase { cost, salt, signer_key, hash }))
}

impl Legacy for Firebase {
    fn steps(&self, _: usize) -> Steps {
        self.cost.steps()
    }

    fn memory_kib(&self) -> u32 {
        self.cost.memory_kib()
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let key = self.cost.derive(password, &self.salt, 32);
        let Ok(mut cipher) = Ctr128BE::<Aes256>::new_from_slices(&key, &[0; 16]) else {
            return Vec::new();
        };
        let mut hash = self.signer_key.clone();
        cipher.apply_keystream(&mut hash);
        vec![hash]
    }

    fn stored(&self) -> &[u8] {
        &self.hash
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        self.cost.parameters()
    }
}
