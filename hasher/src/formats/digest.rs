//! The digests that formats name, behind one type.

use hmac::{Hmac, Mac as _, SimpleHmac};
use md4::Md4;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};
use sha3::{Sha3_224, Sha3_384};
use zeroize::Zeroizing;

use crate::policy::pricing::steps::{Primitive, Steps};

/// Bytes that are derived from a password.
pub(super) type Derived = Zeroizing<Vec<u8>>;

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Md4,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha3x224,
    Sha3x384,
}

/// Evaluates the body with the types of a digest and of its HMAC.
macro_rules! with_types {
    ($digest:expr, $type:ident, $mac:ident => $body:expr) => {{
        macro_rules! with {
            ($d:ty, $m:ty) => {{
                type $type = $d;
                type $mac = $m;
                $body
            }};
        }
        match $digest {
            Digest::Md4 => with!(Md4, Hmac<Md4>),
            Digest::Md5 => with!(Md5, Hmac<Md5>),
            Digest::Sha1 => with!(Sha1, Hmac<Sha1>),
            Digest::Sha224 => with!(Sha224, Hmac<Sha224>),
            Digest::Sha256 => with!(Sha256, Hmac<Sha256>),
            Digest::Sha384 => with!(Sha384, Hmac<Sha384>),
            Digest::Sha512 => with!(Sha512, Hmac<Sha512>),
            Digest::Sha3x224 => with!(Sha3_224, SimpleHmac<Sha3_224>),
            Digest::Sha3x384 => with!(Sha3_384, SimpleHmac<Sha3_384>),
        }
    }};
}

impl Digest {
    /// By the name that most systems write, in lower case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md4" => Self::Md4,
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Md4 => "md4",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha3x224 => "sha3-224",
            Self::Sha3x384 => "sha3-384",
        }
    }

    /// Length of its output, in bytes.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Md4 | Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 | Self::Sha3x224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 | Self::Sha3x384 => 48,
            Self::Sha512 => 64,
        }
    }

    const fn primitive(self) -> Primitive {
        match self {
            Self::Md4 => Primitive::Md4,
            Self::Md5 => Primitive::Md5,
            Self::Sha1 => Primitive::Sha1,
            Self::Sha224 | Self::Sha256 => Primitive::Sha256,
            Self::Sha384 | Self::Sha512 => Primitive::Sha512,
            Self::Sha3x224 | Self::Sha3x384 => Primitive::Sha3,
        }
    }

    /// Bytes that one block takes.
    const fn block(self) -> u64 {
        match self {
            Self::Md4 | Self::Md5 | Self::Sha1 | Self::Sha224 | Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
            Self::Sha3x224 => 144,
            Self::Sha3x384 => 104,
        }
    }

    /// The steps of `times` digests of `bytes` each.
    pub(super) fn steps(self, bytes: usize, times: u64) -> Steps {
        // Padding and length take at least nine bytes.
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(9);
        let count = bytes.div_ceil(self.block()).saturating_mul(times);
        Steps { of: self.primitive(), count }
    }

    /// The steps of PBKDF2: of each round two blocks for each output of the digest.
    pub(super) fn pbkdf2_steps(self, rounds: u32, output: usize) -> Steps {
        let blocks = u64::try_from(output.div_ceil(self.bytes())).unwrap_or(u64::MAX);
        let count = u64::from(rounds).saturating_mul(2).saturating_mul(blocks).saturating_add(4);
        Steps { of: self.primitive(), count }
    }

    /// The digest of these parts, one after the other.
    pub(super) fn of(self, parts: &[&[u8]]) -> Derived {
        with_types!(self, D, _M => {
            let mut digest = D::new();
            for part in parts {
                digest.update(part);
            }
            Zeroizing::new(digest.finalize().to_vec())
        })
    }

    /// HMAC (RFC 2104). A key of any length will do.
    pub(super) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Derived {
        with_types!(self, _D, M => match <M as hmac::KeyInit>::new_from_slice(key) {
            Ok(mut mac) => {
                for part in parts {
                    mac.update(part);
                }
                Zeroizing::new(mac.finalize().into_bytes().to_vec())
            }
            // No such key is known to the function; nothing equals no bytes.
            Err(_) => Zeroizing::new(Vec::new()),
        })
    }

    /// PBKDF2-HMAC (RFC 8018, section 5.2).
    pub(super) fn pbkdf2(self, password: &[u8], salt: &[u8], rounds: u32, bytes: usize) -> Derived {
        let mut output = Zeroizing::new(vec![0; bytes]);
        let done =
            with_types!(self, _D, M => pbkdf2::pbkdf2::<M>(password, salt, rounds, &mut output));
        // HMAC takes keys of any length; nothing equals no bytes.
        if done.is_ok() { output } else { Zeroizing::new(Vec::new()) }
    }
}
