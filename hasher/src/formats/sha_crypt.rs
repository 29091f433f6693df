//! SHA-crypt, `$5$` and `$6$`, and the same under the names that Kratos gives it.

use authcluster_contract::formats::{Family, Scheme};
use sha_crypt::Params;
use zeroize::Zeroizing;

use super::digest::{Derived, Digest};
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::Steps;

const FAMILIES: &[Family] = &[Family::ShaCrypt];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "sha-crypt",
        families: FAMILIES,
        shape: "$5$rounds=<rounds>$<salt>$<43 digest>, $6$...$<86 digest>",
        about: "glibc, libxcrypt, passlib; without rounds they are 5,000",
        read: |encoded, bounds| {
            read(encoded, &[("5", Digest::Sha256), ("6", Digest::Sha512)], bounds)
        },
    },
    Format {
        name: "kratos-sha-crypt",
        families: FAMILIES,
        shape: "$sha256-crypt$..., $sha512-crypt$...",
        about: "Ory Kratos",
        read: |encoded, bounds| {
            let names = [("sha256-crypt", Digest::Sha256), ("sha512-crypt", Digest::Sha512)];
            read(encoded, &names, bounds)
        },
    },
];

/// Rounds of a string that does not say (the specification, section "Introduction").
const ROUNDS_BY_DEFAULT: u32 = 5_000;

struct ShaCrypt {
    digest: Digest,
    params: Params,
    rounds: u32,
    salt: Vec<u8>,
    output: String,
}

pub(super) fn read(
    encoded: &str,
    names: &[(&str, Digest)],
    bounds: &Bounds,
) -> Result<Read, FormatError> {
    let rest = encoded.strip_prefix('$').ok_or(OTHER)?;
    let (name, rest) = rest.split_once('$').ok_or(OTHER)?;
    let digest = names.iter().find(|(wanted, _)| *wanted == name).ok_or(OTHER)?.1;
    let (scheme, characters) = match digest {
        Digest::Sha256 => (Scheme::Sha256Crypt, 43),
        _ => (Scheme::Sha512Crypt, 86),
    };
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        None => (u64::from(ROUNDS_BY_DEFAULT), rest),
        Some(rest) => {
            let (digits, rest) = rest.split_once('$').ok_or(OTHER)?;
            (text::number(digits).ok_or(OTHER)?, rest)
        }
    };
    let [salt, output] = text::fields(rest, '$').ok_or(OTHER)?;
    if !text::is_crypt(salt) || salt.len() > 16 {
        return Err(FormatError::Unsupported("SHA-crypt has up to 16 characters of salt"));
    }
    let bytes = text::from_crypt(output).filter(|_| output.len() == characters);
    if bytes.is_none_or(|bytes| bytes.len() != digest.bytes()) {
        return Err(FormatError::Unsupported("its SHA-crypt digest is no digest of that length"));
    }
    let rounds = bounds.rounds(rounds, 1_000)?;
    let params = Params::new(rounds).map_err(|_| OTHER)?;
    let salt = salt.as_bytes().to_vec();
    Ok(Read::legacy(scheme, ShaCrypt { digest, params, rounds, salt, output: output.to_owned() }))
}

impl Legacy for ShaCrypt {
    fn steps(&self, password_bytes: usize) -> Steps {
        // Each round digests its last result, and at most the password twice and the salt.
        let bytes = self.digest.bytes() + password_bytes.saturating_mul(2) + self.salt.len();
        self.digest.steps(bytes, self.rounds.into())
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let computed = match self.digest {
            Digest::Sha256 => {
                let digest = sha_crypt::sha256_crypt(password, &self.salt, self.params);
                text::to_crypt(&transposed(&Zeroizing::new(digest.to_vec()), [0, 10, 20], 1))
            }
            _ => {
                let digest = sha_crypt::sha512_crypt(password, &self.salt, self.params);
                text::to_crypt(&transposed(&Zeroizing::new(digest.to_vec()), [0, 21, 42], 2))
            }
        };
        vec![Derived::new(computed.into_bytes())]
    }

    fn stored(&self) -> &[u8] {
        self.output.as_bytes()
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("rounds", self.rounds.to_string())]
    }
}

/// The digest in the order it is written in: three bytes at a time, each time one further and turned,
/// to the left by so many places; then what is left over, backwards.
fn transposed(digest: &[u8], start: [usize; 3], turn: usize) -> Vec<u8> {
    let mut order = Vec::with_capacity(digest.len());
    let mut group = start;
    for _ in 0..digest.len() / 3 {
        order.extend(group.iter().rev().copied());
        group = group.map(|place| place + 1);
        group.rotate_right(turn);
    }
    match digest.len() % 3 {
        2 => order.extend([30, 31]),
        _ => order.push(63),
    }
    order.iter().filter_map(|place| digest.get(*place).copied()).collect()
}
