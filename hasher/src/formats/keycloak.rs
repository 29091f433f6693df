//! Keycloak's credentials, as its realms are exported: JSON with `secretData` and `credentialData`,
//! each an object or the text of one. JSON knows no order of fields, so any will do.

use authcluster_contract::formats::Family;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::argon2::{self, Argon2Hash, OUTPUT_BYTES_MIN, SALT_BYTES_MIN, Variant, Version};
use super::digest::Digest;
use super::pbkdf2::Pbkdf2;
use super::registry::Format;
use super::{Bounds, FormatError, OTHER, Parsed, Read, text};

pub(super) const FORMATS: &[Format] = &[Format {
    name: "keycloak",
    families: &[Family::Pbkdf2, Family::Argon2],
    shape: "{\"secretData\":{\"value\":...,\"salt\":...},\"credentialData\":{\"hashIterations\":...,\"algorithm\":...}}",
    about: "Keycloak: pbkdf2, pbkdf2-sha256, pbkdf2-sha512 and argon2; other fields of a credential \
            are ignored",
    read,
}];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    #[serde(rename = "type")]
    kind: Option<String>,
    secret_data: Inner<Secret>,
    credential_data: Inner<Data>,
}

/// An object, or text that holds it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Inner<T> {
    Text(String),
    Object(T),
}

impl<T: DeserializeOwned> Inner<T> {
    fn object(self) -> Option<T> {
        match self {
            Self::Text(text) => serde_json::from_str(&text).ok(),
            Self::Object(object) => Some(object),
        }
    }
}

#[derive(Deserialize)]
struct Secret {
    value: String,
    salt: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    hash_iterations: u64,
    algorithm: String,
    #[serde(default)]
    additional_parameters: Additional,
}

/// Keycloak keeps each parameter as a list of texts.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Additional {
    memory: Vec<String>,
    parallelism: Vec<String>,
    version: Vec<String>,
    #[serde(rename = "type")]
    kind: Vec<String>,
}

fn read(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    if !encoded.starts_with('{') {
        return Err(OTHER);
    }
    let credential: Credential = serde_json::from_str(encoded).map_err(|_| OTHER)?;
    if credential.kind.is_some_and(|kind| kind != "password") {
        return Err(FormatError::Unsupported("the Keycloak credential is no password"));
    }
    let secret = credential.secret_data.object().ok_or(OTHER)?;
    let data = credential.credential_data.object().ok_or(OTHER)?;
    let output = text::base64(&secret.value).ok_or(OTHER)?;
    let salt = text::base64(&secret.salt).ok_or(OTHER)?;
    let (family, digest) = match data.algorithm.as_str() {
        "pbkdf2" => (Family::Pbkdf2, Digest::Sha1),
        "pbkdf2-sha256" => (Family::Pbkdf2, Digest::Sha256),
        "pbkdf2-sha512" => (Family::Pbkdf2, Digest::Sha512),
        "argon2" => (Family::Argon2, Digest::Sha512),
        _ => return Err(FormatError::Unsupported("the Keycloak credential's algorithm")),
    };
    if !bounds.accept.has(family) {
        return Err(FormatError::Unsupported("its family is not accepted here"));
    }
    if family == Family::Argon2 {
        return read_argon2(&data, salt, output, bounds);
    }
    // Old versions wrote 64 bytes of every function, new ones what the digest has.
    let bytes = if output.len() == 64 { 64 } else { digest.bytes() };
    Pbkdf2::read(digest, data.hash_iterations, salt, (output, bytes), bounds)
}

fn read_argon2(
    data: &Data,
    salt: Vec<u8>,
    output: Vec<u8>,
    bounds: &Bounds,
) -> Result<Read, FormatError> {
    let only = |list: &[String]| match list {
        [one] => Ok(one.clone()),
        _ => Err(OTHER),
    };
    let more = &data.additional_parameters;
    let number = |list: &[String]| text::number(&only(list)?).ok_or(OTHER);
    let variant = match only(&more.kind)?.as_str() {
        "id" => Variant::Id,
        "i" => Variant::I,
        "d" => Variant::D,
        _ => return Err(OTHER),
    };
    let version = match only(&more.version)?.as_str() {
        "1.3" => Version::V0x13,
        "1.0" => Version::V0x10,
        _ => return Err(OTHER),
    };
    if salt.len() < SALT_BYTES_MIN || output.len() < OUTPUT_BYTES_MIN {
        return Err(OTHER);
    }
    let (memory, parallelism) = (number(&more.memory)?, number(&more.parallelism)?);
    let cost = argon2::bounded(memory, data.hash_iterations, parallelism, bounds)?;
    let hash = Argon2Hash { variant, version, cost, pepper: None, salt, output };
    let parsed = Parsed::Argon2(hash);
    Ok(Read { scheme: variant.scheme(), parsed })
}
