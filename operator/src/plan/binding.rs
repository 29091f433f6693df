//! What a caller needs to call the API, in one Secret each, in the shape of the Service Binding
//! Specification for Kubernetes 1.1.0 (<https://servicebinding.io/spec/core/1.1.0/>): a pod mounts it as a
//! folder and has everything.
//!
//! It repeats the caller's token and the authority's certificate, so it follows them. Only digests of
//! them are known here; `apply` copies the values.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::names::{self, KEY_CA, KEY_HOST, KEY_PORT, KEY_PROVIDER, KEY_TOKEN, KEY_TYPE, KEY_URI};
use super::seen::SecretSeen;
use super::validate::{Caller, Validated};
use crate::api::names::{APP_NAME, PORT_API};

/// Type of the Secret: `servicebinding.io/` and the value of its key `type`.
pub const SECRET_TYPE: &str = "servicebinding.io/authcluster";

/// The keys of one binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Values that are no secrets, by key.
    pub said: BTreeMap<String, String>,
    /// Values of other Secrets, by key.
    pub repeated: BTreeMap<String, Repeated>,
}

/// A value of another Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// The Secret.
    pub secret: String,
    /// The key in it.
    pub key: String,
    /// Digest of the value as it was seen.
    pub(super) sha256: String,
}

impl Binding {
    /// The digests of all values, as [`SecretSeen::sha256`] has them.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<String, String> {
        let said = self.said.iter().map(|(key, text)| (key.clone(), digest(text)));
        let repeated = self.repeated.iter().map(|(key, from)| (key.clone(), from.sha256.clone()));
        said.chain(repeated).collect()
    }
}

/// The binding of one caller, once its token and the API's certificate are there.
#[must_use]
pub fn plan_binding(
    wanted: &Validated,
    caller: &Caller,
    seen: &BTreeMap<String, SecretSeen>,
) -> Option<Binding> {
    let repeat = |secret: String, key: &str| {
        let sha256 = seen.get(&secret)?.sha256.get(key)?.clone();
        Some(Repeated { secret, key: key.to_owned(), sha256 })
    };
    let host = names::api_host(&wanted.name, &wanted.namespace);
    let said = [
        (KEY_TYPE, APP_NAME.to_owned()),
        (KEY_PROVIDER, APP_NAME.to_owned()),
        (KEY_URI, format!("https://{host}:{PORT_API}")),
        (KEY_PORT, PORT_API.to_string()),
        (KEY_HOST, host),
    ];
    let repeated = [
        (KEY_TOKEN, repeat(caller.secret.clone(), &caller.key)?),
        // Of the certificate that is served, not of the one that will sign the next.
        (KEY_CA, repeat(names::hasher_tls(&wanted.name), KEY_CA)?),
    ];
    Some(Binding {
        said: said.map(|(key, text)| (key.to_owned(), text)).into(),
        repeated: repeated.map(|(key, from)| (key.to_owned(), from)).into(),
    })
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
