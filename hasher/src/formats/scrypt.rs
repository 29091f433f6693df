//! scrypt (RFC 7914) in the spellings of PHC, passwap, Kratos, crypt(5), Django and Werkzeug.
//!
//! PHC and Kratos both write `$scrypt$ln=16384,r=8,p=1$...`, one with the logarithm of N and the
//! other with N itself. Their base64 tells them apart: Kratos pads it, PHC does not, and an output of
//! 32 bytes always shows which. As with PBKDF2, a shorter output is the beginning of a longer one, so
//! each spelling has one length.

use authcluster_contract::formats::{Family, Scheme};

use super::bounds::within;
use super::digest::Derived;
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::{Primitive, Steps};

const FAMILIES: &[Family] = &[Family::Scrypt];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "scrypt",
        families: FAMILIES,
        shape: "$scrypt$ln=<log2 of N>,r=<r>,p=<p>$<base64>$<base64>",
        about: "passlib, passwap (also as $7$ln=...), PHC strings; base64 without padding",
        read: read_phc,
    },
    Format {
        name: "kratos-scrypt",
        families: FAMILIES,
        shape: "$scrypt$ln=<N>,r=<r>,p=<p>$<base64=>$<base64=>",
        about: "Ory Kratos writes N where PHC writes its logarithm; base64 with padding",
        read: read_kratos,
    },
    Format {
        name: "crypt-scrypt",
        families: FAMILIES,
        shape: "$7$<N><r><p><salt>$<43 digest>",
        about: "crypt(5) of libxcrypt, libsodium",
        read: read_crypt,
    },
    Format {
        name: "django-scrypt",
        families: FAMILIES,
        shape: "scrypt$<N>$<salt>$<r>$<p>$<base64>",
        about: "Django's ScryptPasswordHasher",
        read: read_django,
    },
    Format {
        name: "werkzeug-scrypt",
        families: FAMILIES,
        shape: "scrypt:<N>:<r>:<p>$<salt>$<hex>",
        about: "Werkzeug, Flask",
        read: read_werkzeug,
    },
];

/// The cost, within bounds.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    log_n: u8,
    r: u32,
    p: u32,
    memory_kib: u32,
}

impl Cost {
    /// From the logarithm of N.
    pub(super) fn of(log_n: u64, r: u64, p: u64, bounds: &Bounds) -> Result<Self, FormatError> {
        let p = within("p", p, 1, bounds.parallelism_max.into())?;
        // Far above every N whose memory is within bounds.
        let log_n = within("log2 of N", log_n, 1, 30)?;
        let r = within("r", r, 1, 1 << 20)?;
        // One block for each step, the blocks of all lanes, and two to mix with.
        let blocks = (1u128 << log_n) + u128::from(p) + 2;
        let memory_kib = bounds.memory(blocks * u128::from(r) * 128)?;
        Ok(Self { log_n: u8::try_from(log_n).unwrap_or(u8::MAX), r, p, memory_kib })
    }

    /// From N itself.
    fn of_n(n: u64, r: u64, p: u64, bounds: &Bounds) -> Result<Self, FormatError> {
        if !n.is_power_of_two() {
            return Err(FormatError::Unsupported("scrypt's N is no power of two"));
        }
        Self::of(n.trailing_zeros().into(), r, p, bounds)
    }

    pub(super) fn steps(self) -> Steps {
        let blocks = (1u64 << self.log_n).saturating_mul(self.r.into());
        Steps { of: Primitive::Scrypt, count: blocks.saturating_mul(self.p.into()) }
    }

    pub(super) const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        vec![
            ("N", (1u64 << self.log_n).to_string()),
            ("r", self.r.to_string()),
            ("p", self.p.to_string()),
        ]
    }

    /// The function; nothing when it has no such parameters.
    pub(super) fn derive(self, password: &[u8], salt: &[u8], bytes: usize) -> Derived {
        let mut output = Derived::new(vec![0; bytes]);
        let done = scrypt::Params::new(self.log_n, self.r, self.p)
            .is_ok_and(|params| scrypt::scrypt(password, salt, &params, &mut output).is_ok());
        if done { output } else { Derived::new(Vec::new()) }
    }
}

struct Scrypt {
    cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Scrypt {
    fn read(
        cost: Cost,
        salt: Vec<u8>,
        (output, bytes): (Vec<u8>, usize),
    ) -> Result<Read, FormatError> {
        if output.len() != bytes {
            return Err(FormatError::Unsupported("its scrypt output is of another length"));
        }
        Ok(Read::legacy(Scheme::Scrypt, Self { cost, salt, output }))
    }
}

impl Legacy for Scrypt {
    fn steps(&self, _: usize) -> Steps {
        self.cost.steps()
    }

    fn memory_kib(&self) -> u32 {
        self.cost.memory_kib
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        vec![self.cost.derive(password, &self.salt, self.output.len())]
    }

    fn stored(&self) -> &[u8] {
        &self.output
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        self.cost.parameters()
    }
}

fn read_phc(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", "scrypt" | "7", parameters, salt, output] = text::fields(encoded, '$').ok_or(OTHER)?
    else {
        return Err(OTHER);
    };
    let [log_n, r, p] = text::numbers(parameters, ["ln", "r", "p"]).ok_or(OTHER)?;
    let salt = text::base64_bare(salt).ok_or(OTHER)?;
    let output = text::base64_bare(output).ok_or(OTHER)?;
    Scrypt::read(Cost::of(log_n, r, p, bounds)?, salt, (output, 32))
}

fn read_kratos(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", "scrypt", parameters, salt, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let [n, r, p] = text::numbers(parameters, ["ln", "r", "p"]).ok_or(OTHER)?;
    if !output.ends_with('=') {
        return Err(OTHER);
    }
    let salt = text::base64(salt).ok_or(OTHER)?;
    let output = text::base64(output).ok_or(OTHER)?;
    Scrypt::read(Cost::of_n(n, r, p, bounds)?, salt, (output, 32))
}

fn read_crypt(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", "7", setting, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let (log_n, rest) = setting.split_at_checked(1).ok_or(OTHER)?;
    let (r, rest) = rest.split_at_checked(5).ok_or(OTHER)?;
    let (p, salt) = rest.split_at_checked(5).ok_or(OTHER)?;
    let number = |text: &str| {
        text.bytes()
            .rev()
            .try_fold(0u64, |number, byte| Some(number << 6 | u64::from(text::crypt_value(byte)?)))
    };
    let log_n = number(log_n).ok_or(OTHER)?;
    let (r, p) = (number(r).ok_or(OTHER)?, number(p).ok_or(OTHER)?);
    let output = text::from_crypt(output).ok_or(OTHER)?;
    if !text::is_crypt(salt) {
        return Err(OTHER);
    }
    // The salt is its text.
    Scrypt::read(Cost::of(log_n, r, p, bounds)?, salt.as_bytes().to_vec(), (output, 32))
}

fn read_django(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["scrypt", n, salt, r, p, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let number = |digits| text::number(digits).ok_or(OTHER);
    let (n, r, p) = (number(n)?, number(r)?, number(p)?);
    let output = text::base64(output).ok_or(OTHER)?;
    Scrypt::read(Cost::of_n(n, r, p, bounds)?, salt.as_bytes().to_vec(), (output, 64))
}

fn read_werkzeug(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let [method, salt, output] = text::fields(encoded, '$').ok_or(OTHER)?;
    let ["scrypt", n, r, p] = text::fields(method, ':').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let number = |digits| text::number(digits).ok_or(OTHER);
    let (n, r, p) = (number(n)?, number(r)?, number(p)?);
    let output = text::hex(output).ok_or(OTHER)?;
    Scrypt::read(Cost::of_n(n, r, p, bounds)?, salt.as_bytes().to_vec(), (output, 64))
}
