//! phpass's portable hashes and Drupal's: a digest of salt and password, digested on with the
//! password as often as two to the power that one character says. Own code: no maintained crate.

use authcluster_contract::formats::{Family, Scheme};
use zeroize::Zeroizing;

use super::digest::{Derived, Digest};
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::Steps;

const FAMILIES: &[Family] = &[Family::Phpass];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "phpass",
        families: FAMILIES,
        shape: "$P$<log2 of rounds><8 salt><22 digest>",
        about: "WordPress before 6.8, phpBB (as $H$)",
        read: |encoded, bounds| {
            let rest = encoded.strip_prefix("$P$").or_else(|| encoded.strip_prefix("$H$"));
            read(rest.ok_or(OTHER)?, (Digest::Md5, 22), false, bounds)
        },
    },
    Format {
        name: "drupal",
        families: FAMILIES,
        shape: "$S$<log2 of rounds><8 salt><43 of 86 digest>",
        about: "Drupal 7 to 10; U$S$ is of an MD5 that was wrapped when Drupal 6 was upgraded",
        read: |encoded, bounds| {
            let wraps = encoded.starts_with('U');
            let rest = encoded.strip_prefix('U').unwrap_or(encoded);
            read(rest.strip_prefix("$S$").ok_or(OTHER)?, (Digest::Sha512, 43), wraps, bounds)
        },
    },
];

struct Phpass {
    digest: Digest,
    log_rounds: u32,
    salt: String,
    output: String,
    /// The password is digested with MD5 before.
    wraps: bool,
}

fn read(
    rest: &str,
    (digest, characters): (Digest, usize),
    wraps: bool,
    bounds: &Bounds,
) -> Result<Read, FormatError> {
    let (head, rest) = rest.split_at_checked(1).ok_or(OTHER)?;
    let (salt, output) = rest.split_at_checked(8).ok_or(OTHER)?;
    let log_rounds = head.bytes().next().and_then(text::crypt_value).ok_or(OTHER)?;
    let whole = match digest {
        Digest::Md5 => text::from_crypt(output).is_some_and(|bytes| bytes.len() == 16),
        _ => text::is_crypt(output),
    };
    if !text::is_crypt(salt) || output.len() != characters || !whole {
        return Err(FormatError::Unsupported("its phpass salt or digest is none"));
    }
    // phpass itself knows 7 to 30.
    let rounds = 1u64.checked_shl(log_rounds.into()).unwrap_or(u64::MAX);
    bounds.rounds(rounds, 1 << 7)?;
    let (salt, output) = (salt.to_owned(), output.to_owned());
    let hash = Phpass { digest, log_rounds: log_rounds.into(), salt, output, wraps };
    Ok(Read::legacy(Scheme::Phpass, hash))
}

impl Legacy for Phpass {
    fn steps(&self, password_bytes: usize) -> Steps {
        let rounds = 1u64.checked_shl(self.log_rounds).unwrap_or(u64::MAX).saturating_add(1);
        self.digest.steps(self.digest.bytes() + password_bytes, rounds)
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let wrapped =
            self.wraps.then(|| Zeroizing::new(text::to_hex(&Digest::Md5.of(&[password]))));
        let password = wrapped.as_ref().map_or(password, |hex| hex.as_bytes());
        let mut digest = self.digest.of(&[self.salt.as_bytes(), password]);
        for _ in 0..1u64.checked_shl(self.log_rounds).unwrap_or_default() {
            digest = self.digest.of(&[&digest, password]);
        }
        let mut computed = text::to_crypt(&digest);
        // Drupal's column has room for 55 characters.
        computed.truncate(self.output.len());
        vec![Zeroizing::new(computed.into_bytes())]
    }

    fn stored(&self) -> &[u8] {
        self.output.as_bytes()
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        let rounds = 1u64.checked_shl(self.log_rounds).unwrap_or(u64::MAX);
        vec![("rounds", rounds.to_string())]
    }
}
