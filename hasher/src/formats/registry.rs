//! The list of formats: each with its name, its shape, who writes it, and the function that reads
//! it. `hasher formats`, FORMATS.md and the reader are all made from it.

use authcluster_contract::formats::Family;

use super::bounds::{Accept, Bounds};
use super::{
    FormatError, Read, argon2, aspnet, bcrypt, crypt, des_crypt, digests, firebase, keycloak, ldap,
    md5_crypt, nt, pbkdf2, phpass, scram, scrypt, sha_crypt, sha1_crypt, sun_md5, unusable,
    wrapped, yescrypt,
};

/// One spelling of stored hashes.
#[derive(Debug)]
pub struct Format {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// The families that switch it on; none = it is always on.
    pub families: &'static [Family],
    /// How a string of it looks.
    pub shape: &'static str,
    /// Who writes it, and what to know of it.
    pub about: &'static str,
    /// Reads exactly this format.
    pub(super) read: Reader,
}

/// Reads one format, within bounds.
pub(super) type Reader = fn(&str, &Bounds) -> Result<Read, FormatError>;

impl Format {
    /// Whether a policy accepts it.
    #[must_use]
    pub fn is_accepted(&self, accept: Accept) -> bool {
        self.families.is_empty() || self.families.iter().any(|family| accept.has(*family))
    }
}

/// Every module's formats, in the order of the documentation. The order decides nothing: no string is
/// read by two of them.
const MODULES: [&[Format]; 21] = [
    argon2::FORMATS,
    wrapped::FORMATS,
    bcrypt::FORMATS,
    pbkdf2::FORMATS,
    keycloak::FORMATS,
    scrypt::FORMATS,
    firebase::FORMATS,
    yescrypt::FORMATS,
    sha_crypt::FORMATS,
    sha1_crypt::FORMATS,
    md5_crypt::FORMATS,
    sun_md5::FORMATS,
    phpass::FORMATS,
    des_crypt::FORMATS,
    ldap::FORMATS,
    digests::FORMATS,
    nt::FORMATS,
    aspnet::FORMATS,
    scram::FORMATS,
    crypt::FORMATS,
    unusable::FORMATS,
];

/// Every format.
pub fn all() -> impl Iterator<Item = &'static Format> {
    MODULES.iter().copied().flatten()
}
