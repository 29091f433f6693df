//! `NetBSD`'s `$sha1$`: PBKDF1 with HMAC-SHA-1. Own code: no crate has it.
//!
//! Kratos' digests begin with `$sha1$` as well; here the next field is a number, there a layout.

use authcluster_contract::formats::{Family, Scheme};

use super::digest::{Derived, Digest};
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::Steps;

pub(super) const FORMATS: &[Format] = &[Format {
    name: "sha1-crypt",
    families: &[Family::ShaCrypt],
    shape: "$sha1$<rounds>$<salt>$<28 digest>",
    about: "NetBSD",
    read,
}];

struct Sha1Crypt {
    rounds: u32,
    salt: String,
    output: String,
}

pub(super) fn read(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", "sha1", rounds, salt, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let rounds = text::number(rounds).ok_or(OTHER)?;
    let whole = output.len() == 28 && text::is_crypt(output);
    if !text::is_crypt(salt) || salt.len() > 64 || !whole {
        return Err(FormatError::Unsupported("its sha1-crypt salt or digest is none"));
    }
    let rounds = bounds.rounds(rounds, 1)?;
    let hash = Sha1Crypt { rounds, salt: salt.to_owned(), output: output.to_owned() };
    Ok(Read::legacy(Scheme::Sha1Crypt, hash))
}

impl Legacy for Sha1Crypt {
    fn steps(&self, password_bytes: usize) -> Steps {
        // Every round is an HMAC with the password as its key, which is digested first when it is long.
        let key = Digest::Sha1.steps(password_bytes, 1).count;
        let mut steps = Digest::Sha1.steps(20, self.rounds.into());
        steps.count = steps.count.saturating_mul(key.saturating_add(4));
        steps
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let start = format!("{}$sha1${}", self.salt, self.rounds);
        let mut digest = Digest::Sha1.hmac(password, &[start.as_bytes()]);
        for _ in 1..self.rounds {
            digest = Digest::Sha1.hmac(password, &[&digest]);
        }
        // Seven groups of three bytes; the last one begins again.
        let mut bytes: Vec<u8> = digest.to_vec();
        bytes.extend(digest.first());
        let order = bytes.chunks(3).flat_map(|group| group.iter().rev().copied());
        let computed = text::to_crypt(&order.collect::<Vec<u8>>());
        vec![Derived::new(computed.into_bytes())]
    }

    fn stored(&self) -> &[u8] {
        self.output.as_bytes()
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("rounds", self.rounds.to_string())]
    }
}
