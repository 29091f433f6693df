//! bcrypt in all its minor versions, of the password itself or of a digest of it.
//!
//! Own code stands here only for what the `blowfish` crate does not do: the key words of `$2x$`, whose
//! authors' signed characters spilled into their neighbours (CVE-2011-2483), and what `crypt_blowfish`
//! did to `$2a$` afterwards, so that the two could not be taken for each other.
//!
//! The key is the first 72 bytes of the password: the rest never counted on any system, so it does
//! not count here. A NUL ends a password in C, and elsewhere the key repeats after it, so that other
//! passwords match: one that holds a NUL matches nothing.

use authcluster_contract::formats::{Family, Scheme};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blowfish::Blowfish;
use zeroize::Zeroizing;

use super::bounds::within;
use super::digest::{Derived, Digest};
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::{Primitive, Steps};

const FAMILIES: &[Family] = &[Family::Bcrypt];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "bcrypt",
        families: FAMILIES,
        shape: "$2b$<cost>$<22 salt><31 digest>",
        about: "nearly everyone, as $2a$, $2b$ or $2y$; $2x$ is PHP's of before 2011, with its fault; \
                $2$ is OpenBSD's first",
        read: read_plain,
    },
    Format {
        name: "passlib-bcrypt-sha256",
        families: FAMILIES,
        shape: "$bcrypt-sha256$v=2,t=2b,r=<cost>$<salt>$<digest>, $bcrypt-sha256$2b,<cost>$...",
        about: "passlib, version 2 and version 1",
        read: read_passlib,
    },
    Format {
        name: "django-bcrypt",
        families: FAMILIES,
        shape: "bcrypt$$2b$<cost>$...",
        about: "Django's BCryptPasswordHasher",
        read: |encoded, bounds| after(encoded, "bcrypt$", bounds, |_| Prehash::None),
    },
    Format {
        name: "django-bcrypt-sha256",
        families: FAMILIES,
        shape: "bcrypt_sha256$$2b$<cost>$...",
        about: "Django's BCryptSHA256PasswordHasher",
        read: |encoded, bounds| after(encoded, "bcrypt_sha256$", bounds, |_| Prehash::Sha256Hex),
    },
    Format {
        name: "wordpress-bcrypt",
        families: FAMILIES,
        shape: "$wp$2y$<cost>$...",
        about: "WordPress since 6.8",
        read: |encoded, bounds| after(encoded, "$wp", bounds, |_| Prehash::WordPress),
    },
];

/// Bytes of a password that count.
const KEY_BYTES: usize = 72;

/// The text that is encrypted, `OrpheanBeholderScryDoubt`.
const PLAIN: [[u32; 2]; 3] =
    [[0x4f72_7068, 0x6561_6e42], [0x6568_6f6c, 0x6465_7253], [0x6372_7944, 0x6f75_6274]];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Minor {
    /// `$2$`: the key is the password without the NUL at its end.
    First,
    /// `$2a$`.
    A,
    /// `$2b$` and `$2y$`.
    B,
    /// `$2x$`.
    X,
}

/// What is put into bcrypt.
#[derive(Clone)]
enum Prehash {
    None,
    /// Hexadecimal SHA-256.
    Sha256Hex,
    /// Base64 of SHA-256.
    Sha256Base64,
    /// Base64 of HMAC-SHA-256 under the salt's text.
    HmacSha256Base64(String),
    /// Base64 of HMAC-SHA-384 under "wp-sha384".
    WordPress,
}

struct Bcrypt {
    minor: Minor,
    cost: u32,
    salt: [u8; 16],
    digest: [u8; 23],
    prehash: Prehash,
}

/// The parts of the string, as text.
#[derive(Clone, Copy)]
struct Parts<'a> {
    minor: &'a str,
    cost: &'a str,
    salt: &'a str,
    digest: &'a str,
}

pub(super) fn read_plain(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    after(encoded, "", bounds, |_| Prehash::None)
}

fn after(
    encoded: &str,
    prefix: &str,
    bounds: &Bounds,
    prehash: impl FnOnce(&str) -> Prehash,
) -> Result<Read, FormatError> {
    let rest = encoded.strip_prefix(prefix).ok_or(OTHER)?;
    let ["", minor, cost, tail] = text::fields(rest, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    // Two digits, as printf writes them.
    let cost = match cost.strip_prefix('0') {
        _ if cost.len() != 2 => return Err(OTHER),
        Some(digit) => digit,
        None => cost,
    };
    let (salt, digest) = tail.split_at_checked(22).ok_or(OTHER)?;
    read(Parts { minor, cost, salt, digest }, bounds, prehash(salt))
}

fn read_passlib(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", "bcrypt-sha256", parameters, salt, digest] =
        text::fields(encoded, '$').ok_or(OTHER)?
    else {
        return Err(OTHER);
    };
    let parts = |minor, cost| Parts { minor, cost, salt, digest };
    if let Some(rest) = parameters.strip_prefix("v=2,t=") {
        let (minor, cost) = rest.split_once(",r=").ok_or(OTHER)?;
        return match minor {
            "2a" | "2b" | "2x" | "2y" => {
                read(parts(minor, cost), bounds, Prehash::HmacSha256Base64(salt.to_owned()))
            }
            _ => Err(OTHER),
        };
    }
    match parameters.split_once(',') {
        Some((minor @ ("2a" | "2b"), cost)) => {
            read(parts(minor, cost), bounds, Prehash::Sha256Base64)
        }
        Some(_) | None => Err(OTHER),
    }
}

fn read(parts: Parts<'_>, bounds: &Bounds, prehash: Prehash) -> Result<Read, FormatError> {
    const STRAY: FormatError =
        FormatError::Unsupported("bcrypt's salt or digest is no base64 of the right length");
    let minor = match parts.minor {
        "2" => Minor::First,
        "2a" => Minor::A,
        "2b" | "2y" => Minor::B,
        "2x" => Minor::X,
        _ => return Err(OTHER),
    };
    let cost = text::number(parts.cost).ok_or(OTHER)?;
    // Bits that no byte uses are refused: libraries disagree on what they mean (passlib).
    let salt = text::BCRYPT.decode(parts.salt).map_err(|_| STRAY)?;
    let digest = text::BCRYPT.decode(parts.digest).map_err(|_| STRAY)?;
    let scheme = match prehash {
        Prehash::None => Scheme::Bcrypt,
        Prehash::Sha256Hex | Prehash::Sha256Base64 | Prehash::HmacSha256Base64(_) => {
            Scheme::BcryptSha256
        }
        Prehash::WordPress => Scheme::BcryptSha384,
    };
    let hash = Bcrypt {
        minor,
        salt: salt.try_into().map_err(|_| STRAY)?,
        digest: digest.try_into().map_err(|_| STRAY)?,
        cost: within("cost", cost, 4, bounds.bcrypt_cost_max.into())?,
        prehash,
    };
    Ok(Read::legacy(scheme, hash))
}

impl Legacy for Bcrypt {
    fn steps(&self, _: usize) -> Steps {
        Steps { of: Primitive::Blowfish, count: 1u64.checked_shl(self.cost).unwrap_or(u64::MAX) }
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let key = match &self.prehash {
            Prehash::None => Zeroizing::new(password.to_vec()),
            Prehash::Sha256Hex => {
                Zeroizing::new(text::to_hex(&Digest::Sha256.of(&[password])).into_bytes())
            }
            Prehash::Sha256Base64 => base64(&Digest::Sha256.of(&[password])),
            Prehash::HmacSha256Base64(salt) => {
                base64(&Digest::Sha256.hmac(salt.as_bytes(), &[password]))
            }
            Prehash::WordPress => base64(&Digest::Sha384.hmac(b"wp-sha384", &[password])),
        };
        let words = Words::of(self.minor, &key);
        let mut digest = bcrypt(self.cost, &self.salt, &words);
        if key.contains(&0) {
            digest.clear();
        }
        vec![digest]
    }

    fn stored(&self) -> &[u8] {
        &self.digest
    }

    fn counts_all_of(&self, password: &[u8]) -> bool {
        !matches!(self.prehash, Prehash::None) || password.len() <= KEY_BYTES
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("cost", self.cost.to_string())]
    }
}

fn base64(digest: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(STANDARD.encode(digest).into_bytes())
}

/// The key as the function repeats it: 18 words.
struct Words {
    /// For the first expansion, which alone is changed for `$2a$`.
    first: Zeroizing<[u8; KEY_BYTES]>,
    others: Zeroizing<[u8; KEY_BYTES]>,
}

impl Words {
    fn of(minor: Minor, key: &[u8]) -> Self {
        let key = key.get(..KEY_BYTES).unwrap_or(key);
        // An empty key of `$2$` is the NUL after it: OpenBSD read that byte, and passlib has the `$2a$` of it.
        let end: &[u8] = if minor == Minor::First && !key.is_empty() { &[] } else { &[0] };
        let mut bytes = key.iter().chain(end).copied().cycle();
        let mut others = Zeroizing::new([0; KEY_BYTES]);
        let (mut spilled, mut differs) = (false, false);
        for word in others.chunks_exact_mut(4) {
            let (mut right, mut faulty) = (0u32, 0u32);
            for place in 0..4 {
                let byte = bytes.next().unwrap_or_default();
                right = right << 8 | u32::from(byte);
                // As a signed character, it sets all bits before it.
                let sign = if byte >= 0x80 { 0xffff_ff00 } else { 0 };
                faulty = faulty << 8 | sign | u32::from(byte);
                spilled |= place > 0 && byte >= 0x80;
            }
            differs |= right != faulty;
            let value = if minor == Minor::X { faulty } else { right };
            word.copy_from_slice(&value.to_be_bytes());
        }
        let mut first = others.clone();
        // `crypt_blowfish` 1.1: such a key was the same with and without the fault, and may not be.
        if let Some(byte) = first.get_mut(1)
            && minor == Minor::A
            && spilled
            && !differs
        {
            *byte ^= 1;
        }
        Self { first, others }
    }
}

fn bcrypt(cost: u32, salt: &[u8; 16], words: &Words) -> Zeroizing<Vec<u8>> {
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(salt, words.first.as_slice());
    for _ in 0..1u64.checked_shl(cost).unwrap_or_default() {
        state.bc_expand_key(words.others.as_slice());
        state.bc_expand_key(salt);
    }
    let mut digest = Zeroizing::new(Vec::with_capacity(24));
    for mut block in PLAIN {
        for _ in 0..64 {
            block = state.bc_encrypt(block);
        }
        for word in block {
            digest.extend(word.to_be_bytes());
        }
    }
    // The last byte was never stored.
    digest.truncate(23);
    digest
}
