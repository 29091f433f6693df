//! yescrypt and gost-yescrypt, as crypt(5) writes them.
//!
//! `$gy$` puts two HMACs with Streebog (GOST R 34.11-2012) around yescrypt; that is own code, for no
//! crate has it.

use authcluster_contract::formats::{Family, Scheme};
use hmac::{Hmac, KeyInit as _, Mac as _};
use streebog::{Digest as _, Streebog256};
use yescrypt::{Mode, Params};
use zeroize::Zeroizing;

use super::bounds::within;
use super::digest::Derived;
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::{Primitive, Steps};

const FAMILIES: &[Family] = &[Family::Yescrypt];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "yescrypt",
        families: FAMILIES,
        shape: "$y$<parameters>$<salt>$<43 digest>",
        about: "Debian, Fedora, Ubuntu and others; no cost upgrades and no ROM",
        read: |encoded, bounds| read(encoded, "y", bounds),
    },
    Format {
        name: "gost-yescrypt",
        families: FAMILIES,
        shape: "$gy$<parameters>$<salt>$<43 digest>",
        about: "ALT Linux",
        read: |encoded, bounds| read(encoded, "gy", bounds),
    },
];

struct Yescrypt {
    params: Params,
    t: u32,
    memory_kib: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
    /// Everything before the digest, when Streebog goes around it.
    gost_setting: Option<String>,
}

fn read(encoded: &str, name: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", found, parameters, salt, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    if found != name {
        return Err(OTHER);
    }
    let is_gost = name == "gy";
    let gost_setting = is_gost.then(|| format!("$gy${parameters}${salt}"));
    let numbers = Numbers::of(parameters).ok_or(OTHER)?;
    let salt = text::from_crypt(salt).filter(|salt| salt.len() <= 64).ok_or(OTHER)?;
    let output = text::from_crypt(output).filter(|output| output.len() == 32).ok_or(OTHER)?;
    let (params, memory_kib) = numbers.checked(bounds)?;
    // The function writes its parameters in one way only.
    if params.to_string() != parameters {
        return Err(OTHER);
    }
    let scheme = if is_gost { Scheme::GostYescrypt } else { Scheme::Yescrypt };
    let t = numbers.t;
    let hash = Yescrypt { params, t, memory_kib, salt, output, gost_setting };
    Ok(Read::legacy(scheme, hash))
}

struct Numbers {
    mode: Mode,
    log_n: u32,
    r: u32,
    p: u32,
    t: u32,
}

impl Numbers {
    fn of(text: &str) -> Option<Self> {
        let mut bytes = text.bytes();
        let mode = Mode::try_from(number(&mut bytes, 0)?).ok()?;
        let (log_n, r) = (number(&mut bytes, 1)?, number(&mut bytes, 1)?);
        let mut numbers = Self { mode, log_n, r, p: 1, t: 0 };
        if bytes.len() > 0 {
            // Which others are there; upgrades and a ROM are not known to the crate.
            let have = number(&mut bytes, 1)?;
            if have & !3 != 0 {
                return None;
            }
            if have & 1 != 0 {
                numbers.p = number(&mut bytes, 2)?;
            }
            if have & 2 != 0 {
                numbers.t = number(&mut bytes, 1)?;
            }
        }
        (bytes.len() == 0).then_some(numbers)
    }

    fn checked(&self, bounds: &Bounds) -> Result<(Params, u32), FormatError> {
        let p = within("p", self.p.into(), 1, bounds.parallelism_max.into())?;
        let t = within("t", self.t.into(), 0, bounds.iterations_max.into())?;
        let log_n = within("log2 of N", self.log_n.into(), 1, 30)?;
        let r = within("r", self.r.into(), 1, 1 << 20)?;
        let blocks = (1u128 << log_n) + u128::from(p) + 2;
        let memory_kib = bounds.memory(blocks * u128::from(r) * 128)?;
        let params = Params::new_with_all_params(self.mode, 1 << log_n, r, p, t, 0);
        let params = params.map_err(|_| OTHER)?;
        Ok((params, memory_kib))
    }
}

/// A number of the setting: small ones in one character, and larger ones in more, of which the
/// first says how many.
fn number(bytes: &mut impl Iterator<Item = u8>, min: u32) -> Option<u32> {
    let first = u32::from(text::crypt_value(bytes.next()?)?);
    let (mut start, mut end, mut more, mut value) = (0u32, 47u32, 0u32, min);
    while first > end {
        let bits = 6 * more;
        value = value.checked_add((end + 1 - start).checked_shl(bits)?)?;
        start = end + 1;
        end = start + (62 - end) / 2;
        more += 1;
        if more > 4 {
            return None;
        }
    }
    value = value.checked_add((first - start).checked_shl(6 * more)?)?;
    for place in (0..more).rev() {
        let next = u32::from(text::crypt_value(bytes.next()?)?);
        value = value.checked_add(next.checked_shl(6 * place)?)?;
    }
    Some(value)
}

impl Legacy for Yescrypt {
    fn steps(&self, _: usize) -> Steps {
        let blocks = self.params.n().saturating_mul(self.params.r().into());
        // The classic function goes over its memory once for each lane; the native one shares it.
        let lanes = if self.params.to_string().starts_with('j') { 1 } else { self.params.p() };
        let passes = u64::from(self.t).saturating_add(1).saturating_mul(lanes.into());
        Steps { of: Primitive::Yescrypt, count: blocks.saturating_mul(passes) }
    }

    fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let mut output = Zeroizing::new(vec![0; 32]);
        if yescrypt::yescrypt(password, &self.salt, &self.params, output.as_mut_slice()).is_err() {
            return Vec::new();
        }
        vec![match &self.gost_setting {
            None => output,
            Some(setting) => {
                let inner = streebog_hmac(&Streebog256::digest(password), setting.as_bytes());
                streebog_hmac(&inner, output.as_slice())
            }
        }]
    }

    fn stored(&self) -> &[u8] {
        &self.output
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("N", self.params.n().to_string()),
            ("r", self.params.r().to_string()),
            ("p", self.params.p().to_string()),
            ("t", self.t.to_string()),
        ]
    }
}

fn streebog_hmac(key: &[u8], message: &[u8]) -> Derived {
    Zeroizing::new(match Hmac::<Streebog256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().to_vec(),
        Err(_) => Vec::new(),
    })
}
