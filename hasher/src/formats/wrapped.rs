//! Wrapped hashes (`contract::wrapped`): reading them, and what of a stored hash is needed to make one.
//!
//! The setting is a stored hash like any other, read by the reader of its own format, with its digest's place
//! filled (`blank`). A setting that still holds a digest is refused: whoever leaves it there has wrapped
//! nothing.

mod blank;

use std::sync::Arc;

use authcluster_contract::cost::Cost;
use authcluster_contract::formats::Scheme;
use authcluster_contract::limits::ENCODED_BYTES_MAX;
use authcluster_contract::wrapped::{self, WRAPPING_BYTES_MAX};
use zeroize::Zeroizing;

use super::argon2::{Argon2Hash, Variant, Version};
use super::registry::{self, Format};
use super::{Bounds, FormatError, Legacy, OTHER, Parsed, Read, Stored};
use crate::policy::pricing::steps::Demand;
use blank::blank;

pub(super) const FORMATS: &[Format] = &[Format {
    name: "wrapped",
    families: &[],
    shape: "$authcluster-wrap$v=1$argon2id$v=19$m=...,t=...,p=...$<salt>$<output>$<older hash without its digest>",
    about: "`hasher wrap` and `/v1/migrations/wrap`: Argon2id over the digest of an older hash, whose family must be \
            accepted too",
    read,
}];

/// The parts of a wrapped hash.
#[derive(Clone)]
pub struct Wrapped {
    format: &'static Format,
    /// The older function, with its parameters and salt.
    pub legacy: Arc<dyn Legacy>,
    /// Argon2id over what it gives.
    pub hash: Argon2Hash,
}

fn read(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let Some((argon2id, setting)) = wrapped::split(encoded) else {
        let is_ours = encoded.starts_with(wrapped::NAME);
        return Err(if is_ours {
            FormatError::Unsupported("it is wrapped in another way")
        } else {
            OTHER
        });
    };
    let hash = Argon2Hash::parse(argon2id, bounds, |variant| variant == Variant::Id)?;
    if hash.version != Version::V0x13 {
        return Err(FormatError::Unsupported("what is wrapped is of Argon2's version 19"));
    }
    let (format, legacy) = read_setting(setting, bounds)?;
    if blank(format, setting, bounds).as_deref() != Some(setting) {
        return Err(FormatError::Unsupported("the hash that is wrapped still holds its digest"));
    }
    let parsed = Parsed::Wrapped(Wrapped { format, legacy, hash });
    Ok(Read { scheme: Scheme::Wrapped, parsed })
}

fn read_setting(
    setting: &str,
    bounds: &Bounds,
) -> Result<(&'static Format, Arc<dyn Legacy>), FormatError> {
    for format in registry::all().filter(|format| blank::knows(format)) {
        match (format.read)(setting, bounds) {
            Ok(Read { parsed: Parsed::Legacy(legacy), .. }) => {
                if !format.is_accepted(bounds.accept) {
                    return Err(FormatError::Unsupported("its family is not accepted here"));
                }
                return Ok((format, legacy));
            }
            Err(cost @ FormatError::CostOutOfBounds { .. }) => return Err(cost),
            Ok(_) | Err(FormatError::Unsupported(_) | FormatError::NoPepper(_)) => {}
        }
    }
    Err(FormatError::Unsupported("what is wrapped is of no format that can be"))
}

impl Wrapped {
    /// Both functions, and Argon2id for each way in which the older one may have been used.
    pub(super) fn demand(&self, password_bytes: usize) -> Demand {
        let ways = u32::try_from(self.legacy.ways()).unwrap_or(u32::MAX);
        let iterations = self.hash.cost.iterations.saturating_mul(ways);
        Demand {
            argon2: Some(Cost { iterations, ..self.hash.cost }),
            steps: Some(self.legacy.steps(password_bytes)),
            heap_kib: self.legacy.memory_kib(),
        }
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let older = self.legacy.parameters().into_iter();
        let older: String = older.map(|(name, value)| format!(" {name}={value}")).collect();
        let mut parameters = vec![("wraps", format!("{}{older}", self.format.name))];
        parameters.extend(self.hash.parameters());
        parameters
    }
}

/// Why a stored hash cannot be wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWrappable {
    /// Argon2 needs nothing around it.
    #[error("the stored hash is of Argon2, and needs no wrapping")]
    Argon2,
    /// Once is enough.
    #[error("the stored hash is wrapped already")]
    Wrapped,
    /// There is no digest.
    #[error("the stored hash is a mark that no password opens")]
    Unusable,
    /// The digest's place is not known.
    #[error("hashes of this format cannot be wrapped")]
    Format,
    /// It would be longer than any stored hash may be.
    #[error("the stored hash is too long to be wrapped")]
    TooLong,
}

/// What of a stored hash goes into its wrapping.
#[derive(Clone)]
pub struct Wrappable {
    stored: Arc<Stored>,
    digest: Zeroizing<Vec<u8>>,
    setting: String,
}

impl std::fmt::Debug for Wrappable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wrappable(..)")
    }
}

impl Wrappable {
    /// Takes a stored hash apart, and makes sure that its setting is read again as the same one.
    ///
    /// # Errors
    /// See [`NotWrappable`].
    pub fn new(stored: Stored, bounds: &Bounds) -> Result<Self, NotWrappable> {
        let legacy = match stored.parsed() {
            Parsed::Argon2(_) => return Err(NotWrappable::Argon2),
            Parsed::Wrapped(_) => return Err(NotWrappable::Wrapped),
            Parsed::Legacy(_) if stored.scheme() == Scheme::Unusable => {
                return Err(NotWrappable::Unusable);
            }
            Parsed::Legacy(legacy) => legacy,
        };
        let setting =
            blank(stored.format(), stored.encoded(), bounds).ok_or(NotWrappable::Format)?;
        if setting.len().saturating_add(WRAPPING_BYTES_MAX) > ENCODED_BYTES_MAX {
            return Err(NotWrappable::TooLong);
        }
        let (format, again) = read_setting(&setting, bounds).map_err(|_| NotWrappable::Format)?;
        let is_same = format.name == stored.format().name
            && again.parameters() == legacy.parameters()
            && again.stored().len() == legacy.stored().len()
            && again.ways() == legacy.ways();
        if !is_same {
            return Err(NotWrappable::Format);
        }
        let digest = Zeroizing::new(legacy.stored().to_vec());
        Ok(Self { stored: Arc::new(stored), digest, setting })
    }

    /// The stored hash that is wrapped.
    #[must_use]
    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// The password of Argon2id.
    pub(crate) fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// The wrapped hash, from the PHC string of its digest.
    pub(crate) fn wrapped(&self, hash: &Argon2Hash) -> String {
        wrapped::join(&hash.encode(), &self.setting)
    }
}

#[cfg(test)]
mod tests;
