//! What SCRAM servers keep (RFC 5802): salted passwords, or keys made of them.
//!
//! passlib and `PostgreSQL` prepare the password with `SASLprep` (RFC 4013) first; Dovecot takes it as it
//! is.

use authcluster_contract::formats::{Family, Scheme};
use stringprep::saslprep;
use zeroize::Zeroizing;

use super::digest::{Derived, Digest};
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::Steps;

const FAMILIES: &[Family] = &[Family::Scram];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "passlib-scram",
        families: FAMILIES,
        shape: "$scram$<rounds>$<ab64 salt>$sha-1=<ab64>,sha-256=<ab64>,...",
        about: "passlib; the strongest digest is the one that is compared; SASLprep first",
        read: read_passlib,
    },
    Format {
        name: "dovecot-scram",
        families: FAMILIES,
        shape: "{SCRAM-SHA-256}<rounds>,<salt>,<stored key>,<server key>",
        about: "Dovecot; also SCRAM-SHA-1",
        read: read_dovecot,
    },
    Format {
        name: "postgresql-scram",
        families: FAMILIES,
        shape: "SCRAM-SHA-256$<rounds>:<salt>$<stored key>:<server key>",
        about: "PostgreSQL; SASLprep first, where it can be done",
        read: read_postgresql,
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prepared {
    /// Passwords that it does not know match nothing.
    Must,
    /// Passwords that it does not know are taken as they are.
    May,
    No,
}

enum Kept {
    /// The salted password.
    Salted,
    /// The client's key, digested, and the server's key.
    Keys,
}

struct Scram {
    digest: Digest,
    rounds: u32,
    salt: Vec<u8>,
    kept: Kept,
    output: Vec<u8>,
    prepared: Prepared,
}

/// The digests that passlib names, weakest first, which is also their order in the string.
const NAMES: [(&str, Digest); 5] = [
    ("sha-1", Digest::Sha1),
    ("sha-224", Digest::Sha224),
    ("sha-256", Digest::Sha256),
    ("sha-384", Digest::Sha384),
    ("sha-512", Digest::Sha512),
];

fn read_passlib(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", "scram", rounds, salt, list] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let rounds = text::number(rounds).ok_or(OTHER)?;
    let salt = text::ab64(salt).ok_or(OTHER)?;
    let mut names = NAMES.iter();
    let mut strongest = None;
    for entry in list.split(',') {
        let (name, output) = entry.split_once('=').ok_or(OTHER)?;
        // Each once, in order.
        let (_, digest) = names.find(|(known, _)| *known == name).ok_or(OTHER)?;
        let output = text::ab64(output).filter(|output| output.len() == digest.bytes());
        strongest = Some((*digest, output.ok_or(OTHER)?));
    }
    // RFC 5802 wants SHA-1 of every server, and so does passlib.
    let (digest, output) = strongest.filter(|_| list.starts_with("sha-1=")).ok_or(OTHER)?;
    let rounds = bounds.rounds(rounds, 1)?;
    let hash = Scram { digest, rounds, salt, kept: Kept::Salted, output, prepared: Prepared::Must };
    Ok(Read::legacy(Scheme::Scram, hash))
}

fn read_dovecot(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let (rest, digest) = if let Some(rest) = text::after_scheme(encoded, &["SCRAM-SHA-1"]) {
        (rest, Digest::Sha1)
    } else {
        (text::after_scheme(encoded, &["SCRAM-SHA-256"]).ok_or(OTHER)?, Digest::Sha256)
    };
    let [rounds, salt, stored, server] = text::fields(rest, ',').ok_or(OTHER)?;
    read_keys(digest, [rounds, salt, stored, server], Prepared::No, bounds)
}

fn read_postgresql(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["SCRAM-SHA-256", first, second] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let [rounds, salt] = text::fields(first, ':').ok_or(OTHER)?;
    let [stored, server] = text::fields(second, ':').ok_or(OTHER)?;
    read_keys(Digest::Sha256, [rounds, salt, stored, server], Prepared::May, bounds)
}

fn read_keys(
    digest: Digest,
    [rounds, salt, stored, server]: [&str; 4],
    prepared: Prepared,
    bounds: &Bounds,
) -> Result<Read, FormatError> {
    let rounds = text::number(rounds).ok_or(OTHER)?;
    let salt = text::base64(salt).ok_or(OTHER)?;
    let key = |text| text::base64(text).filter(|key| key.len() == digest.bytes()).ok_or(OTHER);
    let output = [key(stored)?, key(server)?].concat();
    let kept = Kept::Keys;
    let rounds = bounds.rounds(rounds, 1)?;
    Ok(Read::legacy(Scheme::Scram, Scram { digest, rounds, salt, kept, output, prepared }))
}

impl Scram {
    fn salted(&self, password: &[u8]) -> Derived {
        self.digest.pbkdf2(password, &self.salt, self.rounds, self.digest.bytes())
    }
}

impl Legacy for Scram {
    fn steps(&self, _: usize) -> Steps {
        let mut steps = self.digest.pbkdf2_steps(self.rounds, self.digest.bytes());
        steps.count = steps.count.saturating_add(16);
        steps
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let prepared = std::str::from_utf8(password).ok().and_then(|text| saslprep(text).ok());
        let prepared = prepared.map(|text| Zeroizing::new(text.into_owned()));
        let salted = match (self.prepared, &prepared) {
            (Prepared::Must | Prepared::May, Some(text)) => self.salted(text.as_bytes()),
            (Prepared::Must | Prepared::May | Prepared::No, _) => self.salted(password),
        };
        let known = self.prepared != Prepared::Must || prepared.is_some();
        let mut digest = match self.kept {
            Kept::Salted => salted,
            Kept::Keys => {
                let client = self.digest.hmac(&salted, &[b"Client Key"]);
                let mut keys = self.digest.of(&[&client]);
                keys.extend_from_slice(&self.digest.hmac(&salted, &[b"Server Key"]));
                keys
            }
        };
        if !known {
            digest.clear();
        }
        vec![digest]
    }

    fn stored(&self) -> &[u8] {
        &self.output
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("digest", self.digest.name().to_owned()), ("rounds", self.rounds.to_string())]
    }
}
