//! Stored hashes: which formats are known, what each costs, and how strictly it is read.
//!
//! Parsing allocates no more than the string's own length, and bounds are checked before anyone
//! computes: a stored hash is the caller's data and may be a bomb. The string alone is the record
//! of a hash's parameters. Every format is an entry of [`registry`], with a function that reads
//! exactly that grammar; nothing is guessed from a prefix, and no string is read by two of them.

pub mod argon2;
pub mod bounds;
pub mod page;
pub mod pepper;
pub mod registry;

mod aspnet;
mod bcrypt;
mod crypt;
mod des_crypt;
mod digest;
mod digests;
mod firebase;
mod keycloak;
mod ldap;
mod md5_crypt;
mod nt;
mod pbkdf2;
mod phpass;
mod scram;
mod scrypt;
mod sha1_crypt;
mod sha_crypt;
mod sun_md5;
mod text;
mod unusable;
mod wrapped;
mod yescrypt;

use std::fmt;
use std::sync::Arc;

use authcluster_contract::formats::Scheme;
use authcluster_contract::limits::ENCODED_BYTES_MAX;
use authcluster_contract::pepper::KeyId;
use authcluster_contract::secret::Password;
use subtle::ConstantTimeEq as _;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};
use zeroize::Zeroizing;

use self::argon2::Argon2Hash;
pub use self::bounds::{Accept, Bounds};
pub use self::pepper::{Pepper, Peppers};
pub use self::registry::Format;
pub use self::wrapped::{NotWrappable, Wrappable, Wrapped};
use crate::policy::pricing::rates::Rates;
use crate::policy::pricing::steps::{Demand, Steps};

/// The length that a password is priced at when it is not known, in bytes.
const USUAL_PASSWORD_BYTES: usize = 16;

/// A stored hash that can be worked on.
#[derive(Clone)]
pub struct Stored {
    encoded: String,
    format: &'static Format,
    read: Read,
}

/// What a format's reader made of a string.
#[derive(Clone)]
pub struct Read {
    /// The function that made the hash.
    pub scheme: Scheme,
    /// Its parts.
    pub parsed: Parsed,
}

/// The parts of a stored hash, by who computes it.
#[derive(Clone)]
pub enum Parsed {
    /// Argon2 in any spelling: computed in a lane's arena.
    Argon2(Argon2Hash),
    /// Everything that is only verified, never made.
    Legacy(Arc<dyn Legacy>),
    /// Argon2id over one of those.
    Wrapped(Wrapped),
}

/// A stored hash of a function that new hashes are not made with.
pub trait Legacy: Send + Sync + 'static {
    /// What one verification of a password of this length takes. Known before any work.
    fn steps(&self, password_bytes: usize) -> Steps;

    /// Memory that one verification takes, in KiB, when that is worth counting.
    fn memory_kib(&self) -> u32 {
        0
    }

    /// What the function gives for this password: all of the work. More than one where the string does not say
    /// which function it was; an empty one where the function has no answer, which matches nothing.
    fn digests(&self, password: &[u8]) -> Vec<Zeroizing<Vec<u8>>>;

    /// How many [`Self::digests`] there may be.
    fn ways(&self) -> usize {
        1
    }

    /// What is stored of it.
    fn stored(&self) -> &[u8];

    /// Whether this is the password, compared in constant time.
    fn matches(&self, password: &[u8]) -> bool {
        let digests = self.digests(password);
        digests.iter().fold(false, |matches, digest| {
            matches | (!digest.is_empty() & equal(digest, self.stored()))
        })
    }

    /// Whether the function looks at all of this password. Where it does not, others match as well, and
    /// which of them was set is not known.
    fn counts_all_of(&self, _password: &[u8]) -> bool {
        true
    }

    /// The parameters, by their names in the format; never salt or digest.
    fn parameters(&self) -> Vec<(&'static str, String)>;
}

/// Why a stored hash cannot be worked on. Says nothing of its salt or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No known format, or not exactly that format.
    #[error("the stored hash is of no supported format: {0}")]
    Unsupported(&'static str),
    /// More work than is allowed, or parameters that the function does not have.
    #[error("the stored hash has {parameter} {value}, and must be between {min} and {max}")]
    CostOutOfBounds {
        /// The parameter, as in the format.
        parameter: &'static str,
        /// Its value.
        value: u64,
        /// The smallest value allowed.
        min: u64,
        /// The largest value allowed here.
        max: u64,
    },
    /// To verify without its pepper is to verify something else.
    #[error("the stored hash was made with pepper {0}, which is not here")]
    NoPepper(KeyId),
}

/// What a reader answers to a string of another format.
const OTHER: FormatError = FormatError::Unsupported("none of the formats reads it");

impl Read {
    fn legacy(scheme: Scheme, hash: impl Legacy) -> Self {
        Self { scheme, parsed: Parsed::Legacy(Arc::new(hash)) }
    }
}

impl Stored {
    /// Reads a stored hash.
    ///
    /// # Errors
    /// See [`FormatError`].
    pub fn parse(encoded: &str, bounds: &Bounds) -> Result<Self, FormatError> {
        if encoded.len() > ENCODED_BYTES_MAX {
            return Err(FormatError::Unsupported("it is longer than any known format"));
        }
        let mut why = OTHER;
        for format in registry::all() {
            match (format.read)(encoded, bounds) {
                Ok(read) => {
                    if !format.is_accepted(bounds.accept) {
                        return Err(FormatError::Unsupported("its family is not accepted here"));
                    }
                    let stored = Self { encoded: encoded.to_owned(), format, read };
                    return stored.within(bounds);
                }
                Err(known @ (FormatError::CostOutOfBounds { .. } | FormatError::NoPepper(_))) => {
                    return Err(known);
                }
                Err(reason) if why == OTHER => why = reason,
                Err(FormatError::Unsupported(_)) => {}
            }
        }
        Err(why)
    }

    /// What every format is held to, whatever its parameters are called.
    fn within(self, bounds: &Bounds) -> Result<Self, FormatError> {
        let demand = self.demand(USUAL_PASSWORD_BYTES);
        let out =
            |parameter, value, max| FormatError::CostOutOfBounds { parameter, value, min: 1, max };
        // By the table and not by what this pod measured: what one pod accepts, each one does.
        let units = Rates::nominal().quote(demand).units;
        if units > bounds.units_max {
            return Err(out("units of work", units.0, bounds.units_max.0));
        }
        let (memory_kib, max_kib) = (demand.memory_kib(), bounds.memory_kib_max);
        if memory_kib > max_kib {
            return Err(out("memory in KiB", memory_kib.into(), max_kib.into()));
        }
        Ok(self)
    }

    /// The string that was parsed, for the pod that it is forwarded to.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// The format that it is written in.
    #[must_use]
    pub fn format(&self) -> &'static Format {
        self.format
    }

    /// Its parts.
    #[must_use]
    pub fn parsed(&self) -> &Parsed {
        &self.read.parsed
    }

    /// What one verification of a password of this length takes.
    #[must_use]
    pub fn demand(&self, password_bytes: usize) -> Demand {
        match &self.read.parsed {
            Parsed::Argon2(hash) => hash.cost.into(),
            Parsed::Wrapped(hash) => hash.demand(password_bytes),
            Parsed::Legacy(hash) => Demand {
                argon2: None,
                steps: Some(hash.steps(password_bytes)),
                heap_kib: hash.memory_kib(),
            },
        }
    }

    /// Whether its function looks at all of this password; see [`Legacy::counts_all_of`].
    #[must_use]
    pub fn counts_all_of(&self, password: &[u8]) -> bool {
        match &self.read.parsed {
            Parsed::Argon2(_) => true,
            Parsed::Legacy(hash) => hash.counts_all_of(password),
            Parsed::Wrapped(hash) => hash.legacy.counts_all_of(password),
        }
    }

    /// What one verification of a usual password takes.
    #[must_use]
    pub fn usual_demand(&self) -> Demand {
        self.demand(USUAL_PASSWORD_BYTES)
    }

    /// The parameters, by their names in the format; never salt or digest.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        match &self.read.parsed {
            Parsed::Argon2(hash) => hash.parameters(),
            Parsed::Legacy(hash) => hash.parameters(),
            Parsed::Wrapped(hash) => hash.parameters(),
        }
    }

    /// The function that made it.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.read.scheme
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored({:?}, ..)", self.scheme())
    }
}

/// Equal in constant time; lengths are no secret.
fn equal(computed: &[u8], stored: &[u8]) -> bool {
    computed.ct_eq(stored).into()
}

/// The password in NFC, where that differs from the bytes sent. Passwords are set and verified in
/// NFC (NIST SP 800-63B-4), so that the same letters typed on another keyboard are the same
/// password.
#[must_use]
pub fn nfc(password: &Password) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(password.expose()).ok()?;
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return None;
    }
    let composed: Zeroizing<String> = Zeroizing::new(text.nfc().collect());
    (composed.as_str() != text).then(|| Zeroizing::new(composed.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests;
