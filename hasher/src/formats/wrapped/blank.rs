//! Where each format has its digest, and the string with that place filled with one character: `0` of
//! hexadecimal, `A` of base64, `.` of crypt's. Padding stays, so that the string keeps its shape, and its own
//! reader reads it. Filled twice, a string stays the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::registry::Format;
use super::super::{Bounds, aspnet, ldap, registry, text};

/// Where a digest is.
#[derive(Clone, Copy)]
enum Place {
    /// After the last of these.
    After(char),
    /// From so many bytes on.
    From(usize),
    /// So many bytes at the end.
    Last(usize),
    /// Such a field between dollars, counted from zero.
    Field(usize),
}
use Place::{After, Field, From, Last};

/// The formats whose digest is a piece of the text, with what its place is filled with.
const PIECES: [(&str, Place, char); 50] = [
    ("bcrypt", Last(31), '.'),
    ("passlib-bcrypt-sha256", After('$'), '.'),
    ("django-bcrypt", Last(31), '.'),
    ("django-bcrypt-sha256", Last(31), '.'),
    ("wordpress-bcrypt", Last(31), '.'),
    ("passlib-pbkdf2", After('$'), 'A'),
    ("kratos-pbkdf2", After('$'), 'A'),
    ("django-pbkdf2", After('$'), 'A'),
    ("ldap-pbkdf2", After('$'), 'A'),
    ("dovecot-pbkdf2", After('$'), '0'),
    ("cta-pbkdf2", After('$'), 'A'),
    ("dlitz-pbkdf2", After('$'), 'A'),
    ("grub-pbkdf2", After('.'), '0'),
    ("werkzeug-pbkdf2", After('$'), '0'),
    ("scrypt", After('$'), 'A'),
    ("kratos-scrypt", After('$'), 'A'),
    ("crypt-scrypt", After('$'), '.'),
    ("django-scrypt", After('$'), 'A'),
    ("werkzeug-scrypt", After('$'), '0'),
    ("kratos-firebase", Field(4), 'A'),
    ("passwap-firebase", Field(4), 'A'),
    ("supabase-firebase", After('$'), 'A'),
    ("yescrypt", After('$'), '.'),
    ("gost-yescrypt", After('$'), '.'),
    ("sha-crypt", After('$'), '.'),
    ("kratos-sha-crypt", After('$'), '.'),
    ("sha1-crypt", After('$'), '.'),
    ("md5-crypt", After('$'), '.'),
    ("apr1-md5-crypt", After('$'), '.'),
    ("kratos-md5-crypt", After('$'), '.'),
    ("sun-md5-crypt", After('$'), '.'),
    ("phpass", Last(22), '.'),
    ("drupal", Last(43), '.'),
    ("des-crypt", Last(11), '.'),
    ("bigcrypt", From(2), '.'),
    ("bsdi-crypt", Last(11), '.'),
    ("django-des-crypt", Last(11), '.'),
    ("dovecot-cram-md5", After('}'), '0'),
    ("hex-md5-or-nt", From(0), '0'),
    ("hex-digest", From(0), '0'),
    ("mysql41", From(1), '0'),
    ("kratos-md5", After('$'), 'A'),
    ("kratos-digest", After('$'), 'A'),
    ("passwap-md5-salted", After('$'), 'A'),
    ("django-digest", After('$'), '0'),
    ("crypt-nt", After('$'), '0'),
    ("freeipa-nt", After(' '), 'A'),
    ("samba-nt", After(' '), '0'),
    ("ldap-nt", After('}'), '0'),
    // Two keys, with a colon between them, which stays.
    ("postgresql-scram", After('$'), 'A'),
];

/// A string without its digest.
type Blank = fn(&str, &Bounds) -> Option<String>;

/// The others.
const OTHERS: [(&str, Blank); 10] = [
    ("atlassian-pbkdf2", |encoded, _| of_bytes(encoded, "{PKCS5S2}".len(), |_| Some(16..48))),
    ("keycloak", |encoded, _| keycloak(encoded)),
    // One of them is hexadecimal, where `A` is as good.
    ("ldap-digest", |encoded, _| filled(encoded, after(encoded, '}')?..encoded.len(), 'A')),
    ("ldap-salted-digest", |encoded, _| {
        of_bytes(encoded, after(encoded, '}')?, |_| Some(0..ldap::salted_digest_bytes(encoded)?))
    }),
    ("kratos-hmac", |encoded, _| kratos_hmac(encoded)),
    ("aspnet-identity-v3", |encoded, _| {
        of_bytes(encoded, 0, |bytes| Some(aspnet::key_start_v3(bytes)?..bytes.len()))
    }),
    ("aspnet-identity-v2", |encoded, _| of_bytes(encoded, 0, |bytes| Some(17..bytes.len()))),
    ("passlib-scram", |encoded, _| passlib_scram(encoded)),
    ("dovecot-scram", |encoded, _| {
        let (second, _) = encoded.match_indices(',').nth(1)?;
        filled(encoded, second + 1..encoded.len(), 'A')
    }),
    ("ldap-crypt", ldap_crypt),
];

/// Whether hashes of this format can be wrapped.
pub(super) fn knows(format: &Format) -> bool {
    PIECES.iter().any(|(name, ..)| *name == format.name)
        || OTHERS.iter().any(|(name, _)| *name == format.name)
}

/// A string of this format without its digest.
pub(super) fn blank(format: &Format, encoded: &str, bounds: &Bounds) -> Option<String> {
    if let Some((_, place, with)) = PIECES.iter().find(|(name, ..)| *name == format.name) {
        let start = match *place {
            After(mark) => after(encoded, mark)?,
            From(start) => start,
            Last(bytes) => encoded.len().checked_sub(bytes)?,
            Field(field) => {
                let mut ends = encoded.match_indices('$').map(|(place, _)| place);
                let start = ends.nth(field.checked_sub(1)?)? + 1;
                return filled(encoded, start..ends.next()?, *with);
            }
        };
        return filled(encoded, start..encoded.len(), *with);
    }
    let (_, blank) = OTHERS.iter().find(|(name, _)| *name == format.name)?;
    blank(encoded, bounds)
}

fn after(encoded: &str, mark: char) -> Option<usize> {
    encoded.rfind(mark).map(|place| place + mark.len_utf8())
}

/// The string with every letter of this range replaced, but not what pads and parts.
fn filled(encoded: &str, place: std::ops::Range<usize>, with: char) -> Option<String> {
    let (start, end) = (encoded.get(..place.start)?, encoded.get(place.end..)?);
    let digest = encoded.get(place)?;
    let letter = |letter: char| if matches!(letter, '=' | ',' | ':') { letter } else { with };
    Some(start.chars().chain(digest.chars().map(letter)).chain(end.chars()).collect())
}

/// Of a string that is base64 of salt and digest together, from `start` on.
fn of_bytes(
    encoded: &str,
    start: usize,
    place: impl FnOnce(&[u8]) -> Option<std::ops::Range<usize>>,
) -> Option<String> {
    let (head, tail) = encoded.split_at_checked(start)?;
    let mut bytes = text::base64(tail)?;
    let place = place(&bytes)?;
    bytes.get_mut(place)?.fill(0);
    Some(format!("{head}{}", STANDARD.encode(bytes)))
}

/// Base64 of hexadecimal.
fn kratos_hmac(encoded: &str) -> Option<String> {
    let ["", name, output, key] = text::fields(encoded, '$')? else { return None };
    let digits = text::base64(output)?.len();
    Some(format!("${name}${}${key}", STANDARD.encode("0".repeat(digits))))
}

/// `name=digest`, several of them.
fn passlib_scram(encoded: &str) -> Option<String> {
    let (head, list) = encoded.split_at_checked(after(encoded, '$')?)?;
    let entries = list.split(',').map(|entry| {
        let (name, digest) = entry.split_once('=')?;
        Some(format!("{name}={}", filled(digest, 0..digest.len(), 'A')?))
    });
    Some(format!("{head}{}", entries.collect::<Option<Vec<_>>>()?.join(",")))
}

/// What is read of a credential, in one way of writing it.
fn keycloak(encoded: &str) -> Option<String> {
    let credential: Value = serde_json::from_str(encoded).ok()?;
    let object = |name: &str| match credential.get(name)? {
        Value::String(text) => serde_json::from_str(text).ok(),
        object => Some(object.clone()),
    };
    let (secret, data): (Value, Value) = (object("secretData")?, object("credentialData")?);
    let digest = secret.get("value")?.as_str()?;
    let blank = json!({
        "secretData": { "value": filled(digest, 0..digest.len(), 'A')?, "salt": secret.get("salt")? },
        "credentialData": {
            "hashIterations": data.get("hashIterations")?,
            "algorithm": data.get("algorithm")?,
        },
    });
    Some(blank.to_string())
}

/// What follows the scheme is a hash of a format of its own.
fn ldap_crypt(encoded: &str, bounds: &Bounds) -> Option<String> {
    let end = encoded.find('}')? + 1;
    let (scheme, rest) = encoded.split_at_checked(end)?;
    let inner = registry::all()
        .filter(|format| format.name != "ldap-crypt" && knows(format))
        .find(|format| (format.read)(rest, bounds).is_ok())?;
    Some(format!("{scheme}{}", blank(inner, rest, bounds)?))
}
