//! Argon2 in PHC strings, `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<output>`, and the same behind the
//! names that Django and LDAP put before it.
//!
//! Read exactly: parameters in this order, numbers without leading zeros, base64 without padding and
//! without stray bits. A string without `v=` is version 0x10, as in libargon2 (others take it for
//! 0x13 and answer wrongly). `keyid` names the pepper, and the reader hands it out with the hash or fails;
//! `data` is refused: to verify without them is to verify something else (phc-winner-argon2#143).

use authcluster_contract::cost::Cost;
use authcluster_contract::formats::{Family, Scheme};
use authcluster_contract::pepper::KeyId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::bounds::within;
use super::pepper::Pepper;
use super::registry::Format;
use super::{Bounds, FormatError, OTHER, Parsed, Read, text};

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "argon2id",
        families: &[],
        shape: "$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<output>",
        about: "what this hasher makes, and most systems; without `v=` it is version 0x10; `,keyid=` \
                after p names a pepper; `data` is refused",
        read: |encoded, bounds| read(encoded, bounds, |variant| variant == Variant::Id),
    },
    Format {
        name: "argon2i-argon2d",
        families: &[Family::Argon2],
        shape: "$argon2i$..., $argon2d$...",
        about: "libargon2 and many others",
        read: |encoded, bounds| read(encoded, bounds, |variant| variant != Variant::Id),
    },
    Format {
        name: "django-argon2",
        families: &[Family::Argon2],
        shape: "argon2$argon2id$v=19$...",
        about: "Django",
        read: |encoded, bounds| match encoded.strip_prefix("argon2") {
            Some(phc) => read(phc, bounds, |_| true),
            None => Err(OTHER),
        },
    },
    Format {
        name: "ldap-argon2",
        families: &[Family::Argon2],
        shape: "{ARGON2}$argon2id$v=19$...",
        about: "OpenLDAP; Dovecot also with {ARGON2I} and {ARGON2ID}",
        read: |encoded, bounds| {
            let is = |scheme: &str| text::after_scheme(encoded, &[scheme]);
            if let Some(phc) = is("ARGON2") {
                read(phc, bounds, |_| true)
            } else if let Some(phc) = is("ARGON2ID") {
                read(phc, bounds, |variant| variant == Variant::Id)
            } else if let Some(phc) = is("ARGON2I") {
                read(phc, bounds, |variant| variant == Variant::I)
            } else {
                Err(OTHER)
            }
        },
    },
];

fn read(phc: &str, bounds: &Bounds, wanted: impl Fn(Variant) -> bool) -> Result<Read, FormatError> {
    let hash = Argon2Hash::parse(phc, bounds, wanted)?;
    Ok(Read { scheme: hash.variant.scheme(), parsed: Parsed::Argon2(hash) })
}

/// Salt of a new hash, in bytes (RFC 9106, section 3.1).
pub const SALT_BYTES: usize = 16;

/// Salt of a new hash.
pub type Salt = [u8; SALT_BYTES];

/// Output of a new hash, in bytes.
pub const OUTPUT_BYTES: usize = 32;

/// Shortest salt: the function has none shorter (RFC 9106, section 3.1).
pub(super) const SALT_BYTES_MIN: usize = 8;

/// Shortest output that is accepted. Shorter than 128 bits, a match proves little: a truncated
/// string with 4 bytes left would match one password in four thousand million.
pub(super) const OUTPUT_BYTES_MIN: usize = 16;

/// The parts of an Argon2 hash.
#[derive(Clone)]
pub struct Argon2Hash {
    /// Which variant.
    pub variant: Variant,
    /// Version of the function.
    pub version: Version,
    /// Its parameters.
    pub cost: Cost,
    /// What goes into it beside the password.
    pub pepper: Option<Pepper>,
    /// The salt.
    pub salt: Vec<u8>,
    /// The output to compare with.
    pub output: Vec<u8>,
}

/// Variant of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Both, the recommended one.
    Id,
    /// Data-independent.
    I,
    /// Data-dependent.
    D,
}

impl Variant {
    pub(super) const fn scheme(self) -> Scheme {
        match self {
            Self::Id => Scheme::Argon2id,
            Self::I => Scheme::Argon2i,
            Self::D => Scheme::Argon2d,
        }
    }
}

/// Version of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 1.0, of strings without a version.
    V0x10,
    /// 1.3, the one of RFC 9106.
    V0x13,
}

impl Version {
    const fn number(self) -> u32 {
        match self {
            Self::V0x10 => 0x10,
            Self::V0x13 => 0x13,
        }
    }
}

impl Argon2Hash {
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let Cost { memory_kib, iterations, parallelism } = self.cost;
        let numbers = [
            ("v", self.version.number()),
            ("m", memory_kib),
            ("t", iterations),
            ("p", parallelism),
        ];
        let mut parameters = numbers.map(|(name, value)| (name, value.to_string())).to_vec();
        parameters.extend(self.pepper.iter().map(|pepper| ("keyid", pepper.id().to_string())));
        parameters
    }

    /// Reads a PHC string of a variant that is wanted.
    ///
    /// # Errors
    /// See [`FormatError`].
    pub(super) fn parse(
        encoded: &str,
        bounds: &Bounds,
        wanted: impl Fn(Variant) -> bool,
    ) -> Result<Self, FormatError> {
        let mut fields = encoded.split('$');
        if fields.next() != Some("") {
            return Err(OTHER);
        }
        let variant = match fields.next() {
            Some("argon2id") => Variant::Id,
            Some("argon2i") => Variant::I,
            Some("argon2d") => Variant::D,
            Some(_) | None => return Err(OTHER),
        };
        if !wanted(variant) {
            return Err(OTHER);
        }
        let mut next = || fields.next().ok_or(FormatError::Unsupported("it ends too early"));
        let field = next()?;
        let (version, parameters) = match field.strip_prefix("v=") {
            Some("19") => (Version::V0x13, next()?),
            Some("16") => (Version::V0x10, next()?),
            Some(_) => return Err(FormatError::Unsupported("Argon2 has versions 16 and 19")),
            None => (Version::V0x10, field),
        };
        let (salt, output) = (next()?, next()?);
        if fields.next().is_some() {
            return Err(FormatError::Unsupported("something follows the output"));
        }
        let (cost, key) = parameters_of(parameters, bounds)?;
        let salt = bytes(salt, SALT_BYTES_MIN, "its salt is no base64 of at least 8 bytes")?;
        let output =
            bytes(output, OUTPUT_BYTES_MIN, "its output is no base64 of at least 16 bytes")?;
        let found = |key| bounds.peppers.get(key).ok_or(FormatError::NoPepper(key));
        let pepper = key.map(found).transpose()?;
        Ok(Self { variant, version, cost, pepper, salt, output })
    }

    /// The PHC string.
    #[must_use]
    pub fn encode(&self) -> String {
        let name = match self.variant {
            Variant::Id => "argon2id",
            Variant::I => "argon2i",
            Variant::D => "argon2d",
        };
        let version = self.version.number();
        let Cost { memory_kib, iterations, parallelism } = self.cost;
        let salt = STANDARD_NO_PAD.encode(&self.salt);
        let output = STANDARD_NO_PAD.encode(&self.output);
        let key = self.pepper.as_ref().map(|pepper| pepper.id().to_string());
        let key = key.map(|id| format!(",keyid={}", STANDARD_NO_PAD.encode(id)));
        let cost = format!("m={memory_kib},t={iterations},p={parallelism}");
        format!("${name}$v={version}${cost}{}${salt}${output}", key.unwrap_or_default())
    }
}

fn parameters_of(parameters: &str, bounds: &Bounds) -> Result<(Cost, Option<KeyId>), FormatError> {
    const SHAPE: FormatError = FormatError::Unsupported("its parameters are not m=,t=,p=");
    let mut fields = parameters.split(',');
    let mut number = |name: &str| {
        let digits = fields.next().and_then(|field| field.strip_prefix(name)).ok_or(SHAPE)?;
        text::number(digits).ok_or(SHAPE)
    };
    let (memory, iterations, parallelism) = (number("m=")?, number("t=")?, number("p=")?);
    let key = fields.next().map(key_id).transpose()?;
    if fields.next().is_some() {
        return Err(UNKNOWN);
    }
    Ok((bounded(memory, iterations, parallelism, bounds)?, key))
}

const UNKNOWN: FormatError =
    FormatError::Unsupported("data and unknown parameters of Argon2 are not supported");

/// The key id of `keyid=`: base64 of a name that a pepper can have.
fn key_id(field: &str) -> Result<KeyId, FormatError> {
    let base64 = field.strip_prefix("keyid=").ok_or(UNKNOWN)?;
    let id = STANDARD_NO_PAD.decode(base64).ok();
    id.and_then(|id| KeyId::from_bytes(&id).ok())
        .ok_or(FormatError::Unsupported("its keyid is no base64 of a pepper's key id"))
}

/// The cost, within bounds.
pub(super) fn bounded(
    memory: u64,
    iterations: u64,
    parallelism: u64,
    bounds: &Bounds,
) -> Result<Cost, FormatError> {
    let parallelism = within("p", parallelism, 1, bounds.parallelism_max.into())?;
    // RFC 9106, section 3.1: at least eight blocks a lane.
    let memory_min = u64::from(parallelism).saturating_mul(8);
    Ok(Cost {
        memory_kib: within("m", memory, memory_min, bounds.memory_kib_max.into())?,
        iterations: within("t", iterations, 1, bounds.iterations_max.into())?,
        parallelism,
    })
}

fn bytes(base64: &str, min: usize, wrong: &'static str) -> Result<Vec<u8>, FormatError> {
    match STANDARD_NO_PAD.decode(base64) {
        Ok(bytes) if bytes.len() >= min => Ok(bytes),
        Ok(_) | Err(_) => Err(FormatError::Unsupported(wrong)),
    }
}
