//! Argon2 in PHC strings: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<output>`.
//!
//! Read exactly: parameters in this order, numbers without leading zeros, base64 without padding and
//! without stray bits. A string without `v=` is version 0x10, as in libargon2 (others take it for
//! 0x13 and answer wrongly). `keyid` and `data` are refused: to verify without them is to verify
//! something else (phc-winner-argon2#143).

use authcluster_contract::cost::Cost;
use authcluster_contract::http::Scheme;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{Bounds, FormatError};

/// Salt of a new hash, in bytes (RFC 9106, section 3.1).
pub const SALT_BYTES: usize = 16;

/// Output of a new hash, in bytes.
pub const OUTPUT_BYTES: usize = 32;

/// Shortest salt: the function has none shorter (RFC 9106, section 3.1).
const SALT_BYTES_MIN: usize = 8;

/// Shortest output that is accepted. Shorter than 128 bits, a match proves little: a truncated
/// string with 4 bytes left would match one password in four thousand million.
const OUTPUT_BYTES_MIN: usize = 16;

/// The parts of an Argon2 hash.
#[derive(Clone)]
pub struct Argon2Hash {
    /// Which variant.
    pub scheme: Scheme,
    /// Version of the function.
    pub version: Version,
    /// Its parameters.
    pub cost: Cost,
    /// The salt.
    pub salt: Vec<u8>,
    /// The output to compare with.
    pub output: Vec<u8>,
}

/// Version of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 1.0, of strings without a version.
    V0x10,
    /// 1.3, the one of RFC 9106.
    V0x13,
}

impl Argon2Hash {
    pub(super) fn parse(encoded: &str, bounds: &Bounds) -> Result<Self, FormatError> {
        let mut fields = encoded.split('$');
        if fields.next() != Some("") {
            return Err(FormatError::Unsupported("it does not start with $"));
        }
        let scheme = match fields.next() {
            Some("argon2id") => Scheme::Argon2id,
            Some("argon2i") => Scheme::Argon2i,
            Some("argon2d") => Scheme::Argon2d,
            Some(_) | None => {
                return Err(FormatError::Unsupported("only Argon2 PHC strings are read"));
            }
        };
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
        let cost = cost(parameters, bounds)?;
        let salt = bytes(salt, SALT_BYTES_MIN, "its salt is no base64 of at least 8 bytes")?;
        let output =
            bytes(output, OUTPUT_BYTES_MIN, "its output is no base64 of at least 16 bytes")?;
        Ok(Self { scheme, version, cost, salt, output })
    }

    /// The PHC string.
    #[must_use]
    pub fn encode(&self) -> String {
        let name = match self.scheme {
            Scheme::Argon2id => "argon2id",
            Scheme::Argon2i => "argon2i",
            Scheme::Argon2d => "argon2d",
        };
        let version = match self.version {
            Version::V0x10 => "16",
            Version::V0x13 => "19",
        };
        let Cost { memory_kib, iterations, parallelism } = self.cost;
        let salt = STANDARD_NO_PAD.encode(&self.salt);
        let output = STANDARD_NO_PAD.encode(&self.output);
        format!("${name}$v={version}$m={memory_kib},t={iterations},p={parallelism}${salt}${output}")
    }
}

fn cost(parameters: &str, bounds: &Bounds) -> Result<Cost, FormatError> {
    const SHAPE: FormatError = FormatError::Unsupported("its parameters are not m=,t=,p=");
    let mut fields = parameters.split(',');
    let mut number = |name: &str| {
        let digits = fields.next().and_then(|field| field.strip_prefix(name)).ok_or(SHAPE)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || digits.is_empty() || (digits.starts_with('0') && digits != "0") {
            return Err(SHAPE);
        }
        // Too many digits for the type are too many for every bound.
        Ok(digits.parse().unwrap_or(u64::MAX))
    };
    let (memory, iterations, parallelism) = (number("m=")?, number("t=")?, number("p=")?);
    if fields.next().is_some() {
        return Err(FormatError::Unsupported(
            "keyid, data and unknown parameters are not supported",
        ));
    }
    let bound = |parameter, value: u64, min: u64, max: u32| {
        let outside = FormatError::CostOutOfBounds { parameter, value, min, max: u64::from(max) };
        match u32::try_from(value) {
            Ok(small) if (min..=u64::from(max)).contains(&value) => Ok(small),
            Ok(_) | Err(_) => Err(outside),
        }
    };
    let parallelism = bound("p", parallelism, 1, bounds.parallelism_max)?;
    let cost = Cost {
        // RFC 9106, section 3.1: at least eight blocks a lane.
        memory_kib: bound("m", memory, u64::from(parallelism) * 8, bounds.memory_kib_max)?,
        iterations: bound("t", iterations, 1, bounds.iterations_max)?,
        parallelism,
    };
    let (value, max) = (cost.units().0, bounds.units_max.0);
    if value > max {
        return Err(FormatError::CostOutOfBounds { parameter: "MiB-passes", value, min: 1, max });
    }
    Ok(cost)
}

fn bytes(base64: &str, min: usize, wrong: &'static str) -> Result<Vec<u8>, FormatError> {
    match STANDARD_NO_PAD.decode(base64) {
        Ok(bytes) if bytes.len() >= min => Ok(bytes),
        Ok(_) | Err(_) => Err(FormatError::Unsupported(wrong)),
    }
}
