//! Marks of accounts that no password opens: a blank hash, and the marks of shadow(5) and of Django.
//!
//! A mark is a known answer (no password matches), not a hash that cannot be read. Logins to such accounts do the
//! work of the dummy user (`flows::login`), so that their time does not tell which accounts have no password.

use authcluster_contract::formats::Scheme;

use super::digest::Derived;
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::{Primitive, Steps};

pub(super) const FORMATS: &[Format] = &[Format {
    name: "unusable",
    families: &[],
    shape: "<empty>, !..., *, *LK*..., *LOCKED*..., *NP*, NP, {CRYPT}!...",
    about: "no password matches: blank hashes, Django's unusable passwords, locked accounts of Linux, \
            Solaris, FreeBSD and LDAP",
    read,
}];

/// Marks that stand alone: shadow(5) of Linux, and Solaris' accounts without a password of their own.
const WHOLE: [&str; 3] = ["*", "*NP*", "NP"];

/// Marks that may be followed by the hash from before the lock. `!`: shadow(5) ("a password field which starts
/// with an exclamation mark means that the password is locked") and Django's `is_password_usable`. `*LK*`:
/// Solaris' `passwd -l`. `*LOCKED*`: FreeBSD's `pw lock`.
const BEFORE_A_HASH: [&str; 3] = ["!", "*LK*", "*LOCKED*"];

struct Unusable;

fn read(encoded: &str, _: &Bounds) -> Result<Read, FormatError> {
    // LDAP servers keep the marks of crypt(3) behind its scheme.
    let in_crypt = text::after_scheme(encoded, &["CRYPT"]);
    let mark = in_crypt.unwrap_or(encoded);
    if mark == "x" {
        let why = "`x` says that the hash is in the shadow file: export the hash from there";
        return Err(FormatError::Unsupported(why));
    }
    let is_blank = encoded.is_empty();
    if is_blank || WHOLE.contains(&mark) || is_locked(mark) {
        return Ok(Read::legacy(Scheme::Unusable, Unusable));
    }
    Err(OTHER)
}

/// A hash has neither white space nor control characters, so a mark followed by some is a damaged row.
fn is_locked(mark: &str) -> bool {
    let after_lock = BEFORE_A_HASH.iter().find_map(|lock| mark.strip_prefix(lock));
    after_lock.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_graphic()))
}

impl Legacy for Unusable {
    fn steps(&self, _: usize) -> Steps {
        Steps { of: Primitive::Md5, count: 0 }
    }

    fn digests(&self, _: &[u8]) -> Vec<Derived> {
        Vec::new()
    }

    fn stored(&self) -> &[u8] {
        &[]
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
