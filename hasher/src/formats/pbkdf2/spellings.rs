//! How systems write PBKDF2 down.

use authcluster_contract::formats::Family;

use super::super::digest::Digest;
use super::super::registry::Format;
use super::super::{Bounds, FormatError, OTHER, Read, text};
use super::Pbkdf2;

const FAMILIES: &[Family] = &[Family::Pbkdf2];

pub(in super::super) const FORMATS: &[Format] = &[
    Format {
        name: "passlib-pbkdf2",
        families: FAMILIES,
        shape: "$pbkdf2-sha256$<rounds>$<ab64>$<ab64>",
        about: "passlib, passwap; $pbkdf2$ is SHA-1; also sha224, sha384, sha512; passwap's standard \
                base64, with and without padding, is read too",
        read: read_passlib,
    },
    Format {
        name: "kratos-pbkdf2",
        families: FAMILIES,
        shape: "$pbkdf2-sha256$i=<rounds>,l=<bytes>$<base64>$<base64>",
        about: "Ory Kratos; its sha224 and sha384 are those of SHA-3",
        read: read_kratos,
    },
    Format {
        name: "django-pbkdf2",
        families: FAMILIES,
        shape: "pbkdf2_sha256$<rounds>$<salt>$<base64>",
        about: "Django, Clerk; also pbkdf2_sha1",
        read: read_django,
    },
    Format {
        name: "ldap-pbkdf2",
        families: FAMILIES,
        shape: "{PBKDF2-SHA256}<rounds>$<ab64>$<ab64>",
        about: "OpenLDAP, 389 DS, passlib; {PBKDF2} and {PBKDF2-SHA1} are SHA-1; also SHA512",
        read: read_ldap,
    },
    Format {
        name: "dovecot-pbkdf2",
        families: FAMILIES,
        shape: "{PBKDF2}$1$<salt>$<rounds>$<40 hex>",
        about: "Dovecot",
        read: read_dovecot,
    },
    Format {
        name: "atlassian-pbkdf2",
        families: FAMILIES,
        shape: "{PKCS5S2}<base64>",
        about: "Jira, Confluence: 10,000 rounds of SHA-1",
        read: read_atlassian,
    },
    Format {
        name: "cta-pbkdf2",
        families: FAMILIES,
        shape: "$p5k2$<hex rounds>$<base64url>$<base64url>",
        about: "Cryptacular's, by Carl T. Anderson; SHA-1",
        read: read_cta,
    },
    Format {
        name: "dlitz-pbkdf2",
        families: FAMILIES,
        shape: "$p5k2$<hex rounds>$<salt>$<ab64>",
        about: "Dwayne Litzenberger's; no rounds are 400; the salt is all of the text before the output",
        read: read_dlitz,
    },
    Format {
        name: "grub-pbkdf2",
        families: FAMILIES,
        shape: "grub.pbkdf2.sha512.<rounds>.<hex>.<hex>",
        about: "GRUB",
        read: read_grub,
    },
    Format {
        name: "werkzeug-pbkdf2",
        families: FAMILIES,
        shape: "pbkdf2:sha256:<rounds>$<salt>$<hex>",
        about: "Werkzeug, Flask; any digest of the SHA family",
        read: read_werkzeug,
    },
];

/// Reads passlib's base64, and what passwap takes for it.
fn ab64_or_standard(text: &str) -> Option<Vec<u8>> {
    if text.contains('.') {
        text::ab64(text)
    } else if text.ends_with('=') {
        text::base64(text)
    } else {
        text::base64_bare(text)
    }
}

fn read_passlib(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", name, rounds, salt, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let digest = match name.strip_prefix("pbkdf2").ok_or(OTHER)? {
        "" => Digest::Sha1,
        "-sha1" => Digest::Sha1,
        "-sha224" => Digest::Sha224,
        "-sha256" => Digest::Sha256,
        "-sha384" => Digest::Sha384,
        "-sha512" => Digest::Sha512,
        _ => return Err(OTHER),
    };
    let rounds = text::number(rounds).ok_or(OTHER)?;
    let salt = ab64_or_standard(salt).ok_or(OTHER)?;
    let output = ab64_or_standard(output).ok_or(OTHER)?;
    Pbkdf2::read(digest, rounds, salt, (output, digest.bytes()), bounds)
}

fn read_kratos(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", name, parameters, salt, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let digest = match name.strip_prefix("pbkdf2-").ok_or(OTHER)? {
        "sha1" => Digest::Sha1,
        "sha224" => Digest::Sha3x224,
        "sha256" => Digest::Sha256,
        "sha384" => Digest::Sha3x384,
        "sha512" => Digest::Sha512,
        _ => return Err(OTHER),
    };
    let [rounds, length] = text::numbers(parameters, ["i", "l"]).ok_or(OTHER)?;
    let salt = text::base64_bare(salt).ok_or(OTHER)?;
    let output = text::base64_bare(output).ok_or(OTHER)?;
    // The length is written down, so a cut output is seen; shorter than 128 bits it proves little.
    let length = usize::try_from(length).ok().filter(|bytes| (16..=128).contains(bytes));
    Pbkdf2::read(digest, rounds, salt, (output, length.ok_or(OTHER)?), bounds)
}

fn read_django(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let [name, rounds, salt, output] = text::fields(encoded, '$').ok_or(OTHER)?;
    let digest = match name {
        "pbkdf2_sha256" => Digest::Sha256,
        "pbkdf2_sha1" => Digest::Sha1,
        _ => return Err(OTHER),
    };
    let rounds = text::number(rounds).ok_or(OTHER)?;
    let output = text::base64(output).ok_or(OTHER)?;
    Pbkdf2::read(digest, rounds, salt.as_bytes().to_vec(), (output, digest.bytes()), bounds)
}

fn read_ldap(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let schemes = [
        ("PBKDF2", Digest::Sha1),
        ("PBKDF2-SHA1", Digest::Sha1),
        ("PBKDF2-SHA256", Digest::Sha256),
        ("PBKDF2-SHA512", Digest::Sha512),
    ];
    let (rest, digest) = schemes
        .iter()
        .find_map(|(name, digest)| Some((text::after_scheme(encoded, &[name])?, *digest)))
        .ok_or(OTHER)?;
    let [rounds, salt, output] = text::fields(rest, '$').ok_or(OTHER)?;
    let rounds = text::number(rounds).ok_or(OTHER)?;
    let salt = text::ab64(salt).ok_or(OTHER)?;
    let output = text::ab64(output).ok_or(FormatError::Unsupported(
        "its PBKDF2 output is no base64 of whole bytes, or was cut",
    ))?;
    Pbkdf2::read(digest, rounds, salt, (output, digest.bytes()), bounds)
}

fn read_dovecot(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let rest = text::after_scheme(encoded, &["PBKDF2"]).ok_or(OTHER)?;
    let ["", "1", salt, rounds, output] = text::fields(rest, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let rounds = text::number(rounds).ok_or(OTHER)?;
    let output = text::hex(output).ok_or(OTHER)?;
    Pbkdf2::read(Digest::Sha1, rounds, salt.as_bytes().to_vec(), (output, 20), bounds)
}

fn read_atlassian(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let rest = text::after_scheme(encoded, &["PKCS5S2"]).ok_or(OTHER)?;
    let bytes = text::base64(rest).ok_or(OTHER)?;
    let (salt, output) = bytes.split_at_checked(16).ok_or(OTHER)?;
    Pbkdf2::read(Digest::Sha1, 10_000, salt.to_vec(), (output.to_vec(), 32), bounds)
}

/// Rounds in hexadecimal, without leading zeros.
fn hex_number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let canonical = plain && !digits.is_empty() && !digits.starts_with('0');
    canonical.then(|| u64::from_str_radix(digits, 16).unwrap_or(u64::MAX))
}

fn read_cta(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", "p5k2", rounds, salt, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let output = text::base64_url(output).filter(|output| output.len() == 20).ok_or(OTHER)?;
    let rounds = hex_number(rounds).ok_or(OTHER)?;
    let salt = text::base64_url(salt).ok_or(OTHER)?;
    Pbkdf2::read(Digest::Sha1, rounds, salt, (output, 20), bounds)
}

fn read_dlitz(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["", "p5k2", rounds, salt, output] = text::fields(encoded, '$').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let output = text::ab64(output).filter(|output| output.len() == 24).ok_or(OTHER)?;
    if !text::is_crypt(salt) {
        return Err(OTHER);
    }
    let salt = format!("$p5k2${rounds}${salt}").into_bytes();
    let rounds = if rounds.is_empty() { 400 } else { hex_number(rounds).ok_or(OTHER)? };
    Pbkdf2::read(Digest::Sha1, rounds, salt, (output, 24), bounds)
}

fn read_grub(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let ["grub", "pbkdf2", "sha512", rounds, salt, output] =
        text::fields(encoded, '.').ok_or(OTHER)?
    else {
        return Err(OTHER);
    };
    let rounds = text::number(rounds).ok_or(OTHER)?;
    let salt = text::hex(salt).ok_or(OTHER)?;
    let output = text::hex(output).ok_or(OTHER)?;
    Pbkdf2::read(Digest::Sha512, rounds, salt, (output, 64), bounds)
}

fn read_werkzeug(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let [method, salt, output] = text::fields(encoded, '$').ok_or(OTHER)?;
    let ["pbkdf2", digest, rounds] = text::fields(method, ':').ok_or(OTHER)? else {
        return Err(OTHER);
    };
    let digest = Digest::named(digest).ok_or(OTHER)?;
    let rounds = text::number(rounds).ok_or(OTHER)?;
    let output = text::hex(output).ok_or(OTHER)?;
    Pbkdf2::read(digest, rounds, salt.as_bytes().to_vec(), (output, digest.bytes()), bounds)
}
