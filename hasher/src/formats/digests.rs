//! Single digests of the password, alone or with a salt, without a scheme's name or with Kratos',
//! passwap's, Django's or Werkzeug's.
//!
//! Two shapes do not say which of two functions made them. 32 hexadecimal digits are an MD5 or an NT
//! hash; `sha1$salt$hex` is Django's digest or old Werkzeug's HMAC. A password is right when either of
//! them says so: both cost one digest, and neither gives the other's for another password.

use std::sync::Arc;

use authcluster_contract::formats::{Family, Scheme};

use super::digest::{Derived, Digest};
use super::nt::Nt;
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Parsed, Read, text};
use crate::policy::pricing::steps::Steps;

const SALTED: &[Family] = &[Family::SaltedDigest];
const PLAIN: &[Family] = &[Family::PlainDigest];

pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "hex-md5-or-nt",
        families: &[Family::PlainDigest, Family::Nt],
        shape: "<32 hex>",
        about: "MD5 or NT hash, which the string does not say: whichever of the two families is \
                accepted, and either when both are",
        read: read_hex_128,
    },
    Format {
        name: "hex-digest",
        families: PLAIN,
        shape: "<40, 56, 64, 96 or 128 hex>",
        about: "SHA-1, SHA-224, SHA-256, SHA-384 or SHA-512, by length",
        read: |encoded, _| {
            let output = text::hex(encoded).ok_or(OTHER)?;
            let digest = match output.len() {
                20 => Digest::Sha1,
                28 => Digest::Sha224,
                32 => Digest::Sha256,
                48 => Digest::Sha384,
                64 => Digest::Sha512,
                _ => return Err(OTHER),
            };
            single(digest, Made::plain(), output)
        },
    },
    Format {
        name: "mysql41",
        families: PLAIN,
        shape: "*<40 HEX>",
        about: "MySQL and MariaDB since 4.1: SHA-1 twice",
        read: |encoded, _| {
            let output = encoded.strip_prefix('*').and_then(text::hex).ok_or(OTHER)?;
            single(Digest::Sha1, Made::Twice, output)
        },
    },
    Format {
        name: "kratos-md5",
        families: PLAIN,
        shape: "$md5$<base64>",
        about: "Ory Kratos; 24 characters, where Sun's $md5$ has 22 after a salt",
        read: |encoded, _| {
            let output = encoded.strip_prefix("$md5$").and_then(text::base64).ok_or(OTHER)?;
            single(Digest::Md5, Made::plain(), output)
        },
    },
    Format {
        name: "kratos-digest",
        families: SALTED,
        shape: "$sha256$pf=<base64 of a layout>$<base64 salt>$<base64>",
        about: "Ory Kratos; a layout holds {PASSWORD} and mostly {SALT}; also sha1, sha512 and md5",
        read: read_layout,
    },
    Format {
        name: "kratos-hmac",
        families: SALTED,
        shape: "$hmac-sha256$<base64 of hex>$<base64 key>",
        about: "Ory Kratos; also md4, md5, sha1, sha224, sha384, sha512",
        read: |encoded, _| {
            let ["", name, output, key] = text::fields(encoded, '$').ok_or(OTHER)? else {
                return Err(OTHER);
            };
            let digest = name.strip_prefix("hmac-").and_then(Digest::named).ok_or(OTHER)?;
            let hex = String::from_utf8(text::base64(output).ok_or(OTHER)?).map_err(|_| OTHER)?;
            let key = text::base64(key).filter(|key| !key.is_empty()).ok_or(OTHER)?;
            single(digest, Made::Hmac(key), text::hex(&hex).ok_or(OTHER)?)
        },
    },
    Format {
        name: "passwap-md5-salted",
        families: SALTED,
        shape: "$md5salted-suffix$<salt>$<base64>, $md5salted-prefix$...",
        about: "Zitadel's passwap",
        read: |encoded, _| {
            let ["", name, salt, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
                return Err(OTHER);
            };
            let salt = Piece::Text(salt.as_bytes().to_vec());
            let pieces = match name {
                "md5salted-suffix" => vec![Piece::Password, salt],
                "md5salted-prefix" => vec![salt, Piece::Password],
                _ => return Err(OTHER),
            };
            single(Digest::Md5, Made::Pieces(pieces), text::base64(output).ok_or(OTHER)?)
        },
    },
    Format {
        name: "django-digest",
        families: SALTED,
        shape: "sha1$<salt>$<hex>, md5$<salt>$<hex>",
        about: "Django of before 1.4, with or without salt; and Werkzeug's HMAC of the same shape, \
                also sha256 and sha512",
        read: read_django,
    },
];

enum Piece {
    Password,
    Text(Vec<u8>),
}

/// What goes into the digest.
enum Made {
    Pieces(Vec<Piece>),
    /// The digest of the digest.
    Twice,
    /// HMAC with this key.
    Hmac(Vec<u8>),
}

impl Made {
    fn plain() -> Self {
        Self::Pieces(vec![Piece::Password])
    }
}

struct Single {
    digest: Digest,
    made: Made,
    output: Vec<u8>,
}

/// One digest, of the function's own length: a cut one is none.
fn one(digest: Digest, made: Made, output: Vec<u8>) -> Result<Single, FormatError> {
    if output.len() != digest.bytes() {
        return Err(FormatError::Unsupported("its digest is of another length"));
    }
    Ok(Single { digest, made, output })
}

fn single(digest: Digest, made: Made, output: Vec<u8>) -> Result<Read, FormatError> {
    let scheme = match &made {
        Made::Pieces(pieces) if pieces.len() > 1 => Scheme::SaltedDigest,
        Made::Hmac(_) => Scheme::SaltedDigest,
        Made::Pieces(_) | Made::Twice => Scheme::PlainDigest,
    };
    Ok(Read::legacy(scheme, one(digest, made, output)?))
}

/// A digest of the password and then a salt, if there is one; for LDAP.
pub(super) fn suffixed(
    digest: Digest,
    salt: Option<Vec<u8>>,
    output: Vec<u8>,
) -> Result<Read, FormatError> {
    let pieces = std::iter::once(Piece::Password).chain(salt.map(Piece::Text)).collect();
    single(digest, Made::Pieces(pieces), output)
}

impl Legacy for Single {
    fn steps(&self, password_bytes: usize) -> Steps {
        let bytes = match &self.made {
            Made::Pieces(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Password => password_bytes,
                    Piece::Text(text) => text.len(),
                })
                .sum(),
            Made::Twice => password_bytes.saturating_add(self.digest.bytes()),
            Made::Hmac(key) => password_bytes.saturating_add(key.len()).saturating_add(256),
        };
        self.digest.steps(bytes, 1)
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let computed: Derived = match &self.made {
            Made::Pieces(pieces) => {
                let parts: Vec<&[u8]> = pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Password => password,
                        Piece::Text(text) => text.as_slice(),
                    })
                    .collect();
                self.digest.of(&parts)
            }
            Made::Twice => self.digest.of(&[&self.digest.of(&[password])]),
            Made::Hmac(key) => self.digest.hmac(key, &[password]),
        };
        vec![computed]
    }

    fn stored(&self) -> &[u8] {
        &self.output
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("digest", self.digest.name().to_owned())]
    }
}

/// Right when one of them says so; all are computed.
struct Either(Vec<Arc<dyn Legacy>>);

impl Legacy for Either {
    fn steps(&self, password_bytes: usize) -> Steps {
        let mut all = self.0.iter().map(|way| way.steps(password_bytes));
        let first = all.next().unwrap_or_else(|| Digest::Md5.steps(password_bytes, 1));
        // All of them are a digest or two; which ones does not show in a price.
        all.fold(first, |sum, more| Steps { count: sum.count.saturating_add(more.count), ..sum })
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        self.0.iter().flat_map(|way| way.digests(password)).collect()
    }

    fn ways(&self) -> usize {
        self.0.iter().map(|way| way.ways()).sum()
    }

    fn stored(&self) -> &[u8] {
        // It is the same of all.
        self.0.first().map_or(&[], |way| way.stored())
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        self.0.iter().flat_map(|way| way.parameters()).take(1).collect()
    }
}

fn read_hex_128(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let output = text::hex(encoded).filter(|output| output.len() == 16).ok_or(OTHER)?;
    let mut ways: Vec<Arc<dyn Legacy>> = Vec::new();
    let mut scheme = Scheme::Nt;
    if bounds.accept.has(Family::PlainDigest) {
        ways.push(Arc::new(one(Digest::Md5, Made::plain(), output.clone())?));
        scheme = Scheme::PlainDigest;
    }
    if bounds.accept.has(Family::Nt) {
        ways.push(Arc::new(Nt::new(output, false).ok_or(OTHER)?));
    }
    Ok(Read { scheme, parsed: Parsed::Legacy(Arc::new(Either(ways))) })
}

fn read_django(encoded: &str, _: &Bounds) -> Result<Read, FormatError> {
    let [name, salt, output] = text::fields(encoded, '$').ok_or(OTHER)?;
    let digest = match name {
        "md5" | "sha1" | "sha256" | "sha512" => Digest::named(name).ok_or(OTHER)?,
        _ => return Err(OTHER),
    };
    let output = text::hex(output).ok_or(OTHER)?;
    let salt = salt.as_bytes().to_vec();
    let mut ways: Vec<Arc<dyn Legacy>> = Vec::new();
    if matches!(digest, Digest::Md5 | Digest::Sha1) {
        let pieces = vec![Piece::Text(salt.clone()), Piece::Password];
        ways.push(Arc::new(one(digest, Made::Pieces(pieces), output.clone())?));
    }
    if !salt.is_empty() {
        ways.push(Arc::new(one(digest, Made::Hmac(salt), output)?));
    }
    if ways.is_empty() {
        return Err(OTHER);
    }
    Ok(Read { scheme: Scheme::SaltedDigest, parsed: Parsed::Legacy(Arc::new(Either(ways))) })
}

fn read_layout(encoded: &str, _: &Bounds) -> Result<Read, FormatError> {
    let ["", name, layout, salt, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let digest = match name {
        "md5" | "sha1" | "sha256" | "sha512" => Digest::named(name).ok_or(OTHER)?,
        _ => return Err(OTHER),
    };
    let layout = layout.strip_prefix("pf=").and_then(text::base64).ok_or(OTHER)?;
    let layout = String::from_utf8(layout).map_err(|_| OTHER)?;
    let salt = text::base64(salt).ok_or(OTHER)?;
    let output = text::base64(output).ok_or(OTHER)?;
    let pieces = pieces(&layout, &salt);
    // Without it every password would be right, or none.
    if !pieces.iter().any(|piece| matches!(piece, Piece::Password)) {
        return Err(FormatError::Unsupported("its layout has no {PASSWORD}"));
    }
    Ok(Read::legacy(Scheme::SaltedDigest, one(digest, Made::Pieces(pieces), output.clone())?))
}

/// The layout with the salt put in; what is put in is not looked at again.
fn pieces(layout: &str, salt: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (place, between) in layout.split("{PASSWORD}").enumerate() {
        if place > 0 {
            pieces.push(Piece::Password);
        }
        for (place, text) in between.split("{SALT}").enumerate() {
            if place > 0 {
                pieces.push(Piece::Text(salt.to_vec()));
            }
            if !text.is_empty() {
                pieces.push(Piece::Text(text.as_bytes().to_vec()));
            }
        }
    }
    pieces
}
