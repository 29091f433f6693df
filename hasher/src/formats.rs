//! Stored hashes: which formats are known, what each costs, and how strictly it is read.
//!
//! Parsing allocates no more than the string's own length, and bounds are checked before anyone
//! computes: a stored hash is the caller's data and may be a bomb. The string alone is the record
//! of a hash's parameters. A new format is a new variant of [`Parsed`] with a module of its own.

pub mod argon2;

use std::fmt;

use authcluster_contract::cost::{Cost, Units};
use authcluster_contract::http::Scheme;
use authcluster_contract::limits::ENCODED_BYTES_MAX;
use authcluster_contract::secret::Password;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};
use zeroize::Zeroizing;

use self::argon2::Argon2Hash;

/// What this pod is ready to compute for a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Largest memory cost, in KiB: what the pod can find beside its arenas.
    pub memory_kib_max: u32,
    /// Most passes. Old systems ask for up to ten; a thousand leaves room and is still a bound.
    pub iterations_max: u32,
    /// Most Argon2 lanes. They cost memory only, and other systems have stored up to 16.
    pub parallelism_max: u32,
    /// Most work of one computation: twice RFC 9106's first choice, a second or two of one lane.
    pub units_max: Units,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            memory_kib_max: 1024 * 1024,
            iterations_max: 1024,
            parallelism_max: 64,
            units_max: Units(4096),
        }
    }
}

/// A stored hash that can be worked on.
#[derive(Clone)]
pub struct Stored {
    encoded: String,
    parsed: Parsed,
}

/// The parts of a stored hash, by format.
#[derive(Clone)]
pub enum Parsed {
    /// `$argon2id$`, `$argon2i$` or `$argon2d$`.
    Argon2(Argon2Hash),
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
        let parsed = Parsed::Argon2(Argon2Hash::parse(encoded, bounds)?);
        Ok(Self { encoded: encoded.to_owned(), parsed })
    }

    /// The string that was parsed, for the pod that it is forwarded to.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// Its parts.
    #[must_use]
    pub fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// What one computation costs.
    #[must_use]
    pub fn cost(&self) -> Cost {
        match &self.parsed {
            Parsed::Argon2(hash) => hash.cost,
        }
    }

    /// The function that made it.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match &self.parsed {
            Parsed::Argon2(hash) => hash.scheme,
        }
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored({:?}, ..)", self.scheme())
    }
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
