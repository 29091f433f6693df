//! PBKDF2 in the spellings of passlib, Kratos, Django, LDAP, Dovecot, Atlassian, GRUB and others.
//!
//! A shorter output is the beginning of a longer one, so a string that was cut would still match:
//! each spelling has one length of output, and no other is read.

mod spellings;

use authcluster_contract::formats::Scheme;

use super::digest::{Derived, Digest};
use super::{Bounds, FormatError, Legacy, Read};
use crate::policy::pricing::steps::Steps;

pub(super) use self::spellings::FORMATS;

/// A PBKDF2 hash.
pub(super) struct Pbkdf2 {
    digest: Digest,
    rounds: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2 {
    /// With rounds within bounds and an output of exactly this length.
    pub(super) fn read(
        digest: Digest,
        rounds: u64,
        salt: Vec<u8>,
        (output, bytes): (Vec<u8>, usize),
        bounds: &Bounds,
    ) -> Result<Read, FormatError> {
        if output.len() != bytes {
            return Err(FormatError::Unsupported("its PBKDF2 output is of another length"));
        }
        let rounds = bounds.rounds(rounds, 1)?;
        Ok(Read::legacy(Scheme::Pbkdf2, Self { digest, rounds, salt, output }))
    }
}

impl Legacy for Pbkdf2 {
    fn steps(&self, _: usize) -> Steps {
        self.digest.pbkdf2_steps(self.rounds, self.output.len())
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        vec![self.digest.pbkdf2(password, &self.salt, self.rounds, self.output.len())]
    }

    fn stored(&self) -> &[u8] {
        &self.output
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("digest", self.digest.name().to_owned()), ("rounds", self.rounds.to_string())]
    }
}
