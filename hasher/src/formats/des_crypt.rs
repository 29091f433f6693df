//! Traditional crypt, `BSDi`'s extension of it, and bigcrypt. Own code: the `des` crate has no salt.
//!
//! Seven bits of each character count. Traditional crypt sees the first eight characters only, as its
//! systems did. A NUL ends a password there, so one that holds a NUL matches nothing.

mod cipher;

use authcluster_contract::formats::{Family, Scheme};
use base64::Engine as _;
use zeroize::Zeroizing;

use self::cipher::Cipher;
use super::digest::Derived;
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::{Primitive, Steps};

const FAMILIES: &[Family] = &[Family::DesCrypt];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "des-crypt",
        families: FAMILIES,
        shape: "<2 salt><11 digest>",
        about: "crypt(3) of Unix",
        read: |encoded, _| read_traditional(encoded),
    },
    Format {
        name: "bigcrypt",
        families: FAMILIES,
        shape: "<2 salt><11 digest><11 digest>...",
        about: "HP-UX, Digital UNIX: crypt of each eight characters, up to 128",
        read: |encoded, _| read_bigcrypt(encoded),
    },
    Format {
        name: "bsdi-crypt",
        families: FAMILIES,
        shape: "_<4 rounds><4 salt><11 digest>",
        about: "BSDi, FreeBSD; all of the password counts",
        read: read_bsdi,
    },
    Format {
        name: "django-des-crypt",
        families: FAMILIES,
        shape: "crypt$<salt>$<des-crypt>",
        about: "Django's CryptPasswordHasher; the digest's own salt counts",
        read: |encoded, _| {
            let ["crypt", salt, hash] = text::fields(encoded, '$').ok_or(OTHER)? else {
                return Err(OTHER);
            };
            // Django writes the salt twice.
            if !salt.is_empty() && salt.get(..2) != hash.get(..2) {
                return Err(OTHER);
            }
            read_traditional(hash)
        },
    },
];

/// Times that traditional crypt encrypts.
const TRADITIONAL_ROUNDS: u32 = 25;

/// Characters of one key.
const KEY_CHARACTERS: usize = 8;

/// Most parts of a bigcrypt: 128 characters of password.
const PARTS_MAX: usize = 16;

enum Kind {
    Traditional,
    Bigcrypt,
    Bsdi { rounds: u32 },
}

struct DesCrypt {
    kind: Kind,
    salt: u32,
    /// Eight bytes for each part.
    digests: Vec<[u8; 8]>,
}

/// Characters as a number, the first one least.
fn little_endian(text: &str) -> Option<u32> {
    text.bytes()
        .rev()
        .try_fold(0, |number: u32, byte| Some(number << 6 | u32::from(text::crypt_value(byte)?)))
}

fn digest(text: &str) -> Option<[u8; 8]> {
    // Eleven characters hold two bits more than the digest; they are zero.
    if text.len() == 11 { text::CRYPT.decode(text).ok()?.try_into().ok() } else { None }
}

pub(super) fn read_traditional(encoded: &str) -> Result<Read, FormatError> {
    let (salt, rest) = encoded.split_at_checked(2).ok_or(OTHER)?;
    let salt = little_endian(salt).ok_or(OTHER)?;
    let digests = vec![digest(rest).ok_or(OTHER)?];
    let hash = DesCrypt { kind: Kind::Traditional, salt, digests };
    Ok(Read::legacy(Scheme::DesCrypt, hash))
}

fn read_bigcrypt(encoded: &str) -> Result<Read, FormatError> {
    let (salt, mut rest) = encoded.split_at_checked(2).ok_or(OTHER)?;
    let salt = little_endian(salt).ok_or(OTHER)?;
    let mut digests = Vec::new();
    while !rest.is_empty() {
        let (part, others) = rest.split_at_checked(11).ok_or(OTHER)?;
        digests.push(digest(part).ok_or(OTHER)?);
        rest = others;
    }
    // One part alone is traditional crypt.
    if !(2..=PARTS_MAX).contains(&digests.len()) {
        return Err(OTHER);
    }
    Ok(Read::legacy(Scheme::Bigcrypt, DesCrypt { kind: Kind::Bigcrypt, salt, digests }))
}

fn read_bsdi(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let rest = encoded.strip_prefix('_').ok_or(OTHER)?;
    let (rounds, rest) = rest.split_at_checked(4).ok_or(OTHER)?;
    let (salt, rest) = rest.split_at_checked(4).ok_or(OTHER)?;
    let rounds = little_endian(rounds).ok_or(OTHER)?;
    let salt = little_endian(salt).ok_or(OTHER)?;
    let digests = vec![digest(rest).ok_or(OTHER)?];
    let rounds = bounds.rounds(rounds.into(), 1)?;
    Ok(Read::legacy(Scheme::BsdiCrypt, DesCrypt { kind: Kind::Bsdi { rounds }, salt, digests }))
}

/// Up to eight characters as a key: seven bits each, before a bit of parity.
fn key(characters: &[u8]) -> Zeroizing<[u8; 8]> {
    let mut key = Zeroizing::new([0; 8]);
    for (place, character) in key.iter_mut().zip(characters) {
        *place = character << 1;
    }
    key
}

impl DesCrypt {
    fn computed(&self, password: &[u8]) -> Vec<[u8; 8]> {
        let traditional = |characters: &[u8], salt| {
            Cipher::new(&key(characters)).crypt([0; 8], salt, TRADITIONAL_ROUNDS)
        };
        match self.kind {
            Kind::Traditional => {
                vec![traditional(password.get(..KEY_CHARACTERS).unwrap_or(password), self.salt)]
            }
            Kind::Bigcrypt => {
                let (mut salt, mut digests) = (self.salt, Vec::new());
                for part in password.chunks(KEY_CHARACTERS).take(PARTS_MAX) {
                    let digest = traditional(part, salt);
                    // The first two characters of one part are the salt of the next.
                    let written = text::CRYPT.encode(digest);
                    salt = written.get(..2).and_then(little_endian).unwrap_or_default();
                    digests.push(digest);
                }
                digests
            }
            Kind::Bsdi { rounds } => {
                let mut parts = password.chunks(KEY_CHARACTERS);
                let mut folded = key(parts.next().unwrap_or_default());
                for part in parts {
                    // The key so far, encrypted with itself, and the next characters over it.
                    let encrypted = Cipher::new(&folded).crypt(*folded, 0, 1);
                    for ((place, byte), more) in
                        folded.iter_mut().zip(encrypted).zip(key(part).iter())
                    {
                        *place = byte ^ more;
                    }
                }
                vec![Cipher::new(&folded).crypt([0; 8], self.salt, rounds)]
            }
        }
    }
}

impl Legacy for DesCrypt {
    fn steps(&self, password_bytes: usize) -> Steps {
        let parts = u64::try_from(password_bytes / KEY_CHARACTERS).unwrap_or(u64::MAX);
        // Key schedules take about as long as five encryptions.
        let count = match self.kind {
            Kind::Traditional => 30,
            Kind::Bigcrypt => parts.saturating_add(1).saturating_mul(30),
            Kind::Bsdi { rounds } => parts.saturating_mul(6).saturating_add(rounds.into()),
        };
        Steps { of: Primitive::Des, count }
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let mut computed = Zeroizing::new(self.computed(password).as_flattened().to_vec());
        if password.contains(&0) {
            computed.clear();
        }
        vec![computed]
    }

    fn stored(&self) -> &[u8] {
        self.digests.as_flattened()
    }

    fn counts_all_of(&self, password: &[u8]) -> bool {
        let characters = match self.kind {
            Kind::Traditional => KEY_CHARACTERS,
            Kind::Bigcrypt => KEY_CHARACTERS * PARTS_MAX,
            Kind::Bsdi { .. } => usize::MAX,
        };
        password.len() <= characters && password.is_ascii()
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        match self.kind {
            Kind::Traditional => Vec::new(),
            Kind::Bigcrypt => vec![("parts", self.digests.len().to_string())],
            Kind::Bsdi { rounds } => vec![("rounds", rounds.to_string())],
        }
    }
}
