//! `{CRYPT}` and Dovecot's names of single functions of crypt(5): the rest is read as crypt(5) would.

use authcluster_contract::formats::Family;

use super::digest::Digest;
use super::registry::Format;
use super::{
    Bounds, FormatError, OTHER, Read, bcrypt, des_crypt, md5_crypt, registry, sha_crypt, text,
};

pub(super) const FORMATS: &[Format] = &[Format {
    name: "ldap-crypt",
    families: &[
        Family::Bcrypt,
        Family::Scrypt,
        Family::Yescrypt,
        Family::ShaCrypt,
        Family::Md5Crypt,
        Family::DesCrypt,
        Family::Nt,
    ],
    shape: "{CRYPT}<any of crypt(5)>, {MD5-CRYPT}$1$..., {BLF-CRYPT}$2y$..., {SHA512-CRYPT}$6$...",
    about: "OpenLDAP, Kanidm, Dovecot; Dovecot also writes {MD5}$1$...",
    read,
}];

/// The formats that crypt(5) knows, of all its implementations.
const CRYPT: [&str; 12] = [
    "bcrypt",
    "crypt-scrypt",
    "yescrypt",
    "gost-yescrypt",
    "sha-crypt",
    "sha1-crypt",
    "md5-crypt",
    "sun-md5-crypt",
    "des-crypt",
    "bsdi-crypt",
    "bigcrypt",
    "crypt-nt",
];

fn read(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let of = |schemes: &[&str]| text::after_scheme(encoded, schemes);
    if let Some(rest) = of(&["CRYPT"]) {
        return read_any(rest, bounds);
    }
    let accepted = |family| if bounds.accept.has(family) { Ok(()) } else { Err(OTHER) };
    if let Some(rest) = of(&["MD5-CRYPT", "MD5"]) {
        accepted(Family::Md5Crypt)?;
        md5_crypt::read(rest, "$1$", bounds)
    } else if let Some(rest) = of(&["BLF-CRYPT"]) {
        accepted(Family::Bcrypt)?;
        bcrypt::read_plain(rest, bounds)
    } else if let Some(rest) = of(&["SHA256-CRYPT"]) {
        accepted(Family::ShaCrypt)?;
        sha_crypt::read(rest, &[("5", Digest::Sha256)], bounds)
    } else if let Some(rest) = of(&["SHA512-CRYPT"]) {
        accepted(Family::ShaCrypt)?;
        sha_crypt::read(rest, &[("6", Digest::Sha512)], bounds)
    } else if let Some(rest) = of(&["DES-CRYPT"]) {
        accepted(Family::DesCrypt)?;
        des_crypt::read_traditional(rest)
    } else {
        Err(OTHER)
    }
}

fn read_any(rest: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let mut why = OTHER;
    for format in registry::all().filter(|format| CRYPT.contains(&format.name)) {
        match (format.read)(rest, bounds) {
            Ok(read) if format.is_accepted(bounds.accept) => return Ok(read),
            Ok(_) => return Err(FormatError::Unsupported("its family is not accepted here")),
            Err(known @ (FormatError::CostOutOfBounds { .. } | FormatError::NoPepper(_))) => {
                return Err(known);
            }
            Err(reason) if why == OTHER => why = reason,
            Err(FormatError::Unsupported(_)) => {}
        }
    }
    Err(why)
}
