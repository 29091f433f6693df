//! Marks of accounts that no password opens.

use authcluster_contract::formats::Scheme;

use super::digest::Derived;
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read};
use crate::policy::pricing::steps::{Primitive, Steps};

pub(super) const FORMATS: &[Format] = &[Format {
    name: "unusable",
    families: &[],
    shape: "!, !<40 random>, *",
    about: "Django's unusable passwords, and locked accounts: no password matches",
    read,
}];

/// Characters that Django puts after its mark.
const DJANGO_SUFFIX: usize = 40;

struct Unusable;

fn read(encoded: &str, _: &Bounds) -> Result<Read, FormatError> {
    let suffix = encoded.strip_prefix('!').unwrap_or_default();
    let random = suffix.len() == DJANGO_SUFFIX && suffix.bytes().all(|b| b.is_ascii_alphanumeric());
    match encoded {
        "!" | "*" => Ok(Read::legacy(Scheme::Unusable, Unusable)),
        _ if random => Ok(Read::legacy(Scheme::Unusable, Unusable)),
        _ => Err(OTHER),
    }
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
