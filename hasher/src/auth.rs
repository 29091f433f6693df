//! Who calls: a bearer token, known by its SHA-256 alone.
//!
//! Tokens have at least 128 random bits, so a plain digest is enough, and a dump of the file gives
//! nobody a token. Every digest is compared, in constant time. The realm comes from the token, so
//! two callers' "admin" never meet.

use std::sync::Arc;

use arc_swap::ArcSwap;
use authcluster_contract::config::{Clients, Scope};
use authcluster_contract::http::Code;
use authcluster_contract::token::check_token;
use authcluster_contract::user::Realm;
use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::ApiError;

/// A caller that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its name, for logs.
    pub name: Arc<str>,
    /// The users it may speak of.
    pub realm: Realm,
    /// Work that it may ask of all pods together; `None` = as much as they can do.
    pub units_per_second: Option<u64>,
    scopes: Vec<Scope>,
}

/// A file of callers that cannot be used. Names no digest.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// Not TOML, or not of this shape. The parser's own message quotes lines, which hold digests.
    #[error("the file of callers is not of the documented shape (line {line})")]
    Syntax {
        /// Where it goes wrong; 0 is unknown.
        line: usize,
    },
    /// A digest is none.
    #[error("caller {0}: each of token_sha256 must be 64 hexadecimal digits")]
    Digest(String),
    /// A caller could never call.
    #[error("caller {0} has no token_sha256")]
    NoToken(String),
    /// Made from an empty token, as by `printf %s "$TOKEN" | sha256sum` without `TOKEN`.
    #[error("caller {0}: one of token_sha256 is the digest of an empty token")]
    EmptyToken(String),
    /// A token must identify one caller; two digests of one caller that are equal are a mistake as well.
    #[error(
        "callers {first} and {second} have the same token: each of token_sha256 must be unique"
    )]
    SharedToken {
        /// The caller that has the digest first in the file.
        first: String,
        /// The caller that repeats it; may be the same caller.
        second: String,
    },
    /// A realm that no file can do without.
    #[error("the default realm has no valid name")]
    DefaultRealm,
}

/// All callers; they can be replaced while requests run.
#[derive(Debug)]
pub struct Auth(ArcSwap<Known>);

#[derive(Debug)]
enum Known {
    /// No file: whoever reaches loopback is this caller.
    Everyone(Caller),
    /// Digests and whose they are.
    Listed(Vec<([u8; 32], Caller)>),
}

impl Caller {
    /// Whoever reaches loopback; may do everything in this realm.
    ///
    /// # Errors
    /// A realm that is none.
    pub fn everyone(realm: &str) -> Result<Self, ClientsError> {
        let realm = Realm::new(realm).map_err(|_| ClientsError::DefaultRealm)?;
        let scopes = Scope::ALL.into();
        Ok(Self { name: "local".into(), realm, units_per_second: None, scopes })
    }

    /// Whether the caller may do this.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        self.require_any(&[scope])
    }

    /// Whether the caller may do one of these.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub fn require_any(&self, scopes: &[Scope]) -> Result<(), ApiError> {
        if scopes.iter().any(|scope| self.scopes.contains(scope)) {
            return Ok(());
        }
        let scopes: Vec<String> = scopes.iter().map(|scope| format!("{scope:?}")).collect();
        let detail = format!("caller {} lacks the scope {}", self.name, scopes.join(" or "));
        Err(ApiError::new(Code::Forbidden, detail))
    }
}

impl Auth {
    /// No file of callers: everyone who reaches the pod, which listens on loopback then, may do
    /// everything in the realm `default`.
    ///
    /// # Errors
    /// None; `default` is a name.
    pub fn everyone() -> Result<Self, ClientsError> {
        let caller = Caller::everyone("default")?;
        Ok(Self(ArcSwap::from_pointee(Known::Everyone(caller))))
    }

    /// The callers of a file.
    ///
    /// # Errors
    /// See [`ClientsError`].
    pub fn from_toml(text: &str) -> Result<Self, ClientsError> {
        Ok(Self(ArcSwap::from_pointee(listed(text)?)))
    }

    /// Replaces all callers; on an error everything stays as it was.
    ///
    /// # Errors
    /// See [`ClientsError`].
    pub fn replace(&self, text: &str) -> Result<(), ClientsError> {
        self.0.store(Arc::new(listed(text)?));
        Ok(())
    }

    /// Whether requests need no token, because there is no file of callers.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(&**self.0.load(), Known::Everyone(_))
    }

    /// The caller of a request, from its head alone.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`].
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let known = self.0.load();
        match &**known {
            Known::Everyone(caller) => Ok(caller.clone()),
            Known::Listed(callers) => {
                let token = bearer(headers)?;
                let digest: [u8; 32] = Sha256::digest(token).into();
                let mut found = None;
                for (listed, caller) in callers {
                    if bool::from(listed.ct_eq(&digest)) {
                        found = Some(caller);
                    }
                }
                found.cloned().ok_or_else(|| {
                    ApiError::new(Code::Unauthenticated, "this bearer token is not known")
                })
            }
        }
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1; the scheme's case does not
/// count). A token that breaks the rules for tokens is refused without comparing it to any caller's:
/// over HTTP/2 the space of an empty `Bearer ` arrives, and a file of callers may hold the digest of a
/// short token.
fn bearer(headers: &HeaderMap) -> Result<&[u8], ApiError> {
    const MISSING: &str = "send your token as `Authorization: Bearer TOKEN`";
    let refuse = |detail: String| ApiError::new(Code::Unauthenticated, detail);
    let value = headers.get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    match value.and_then(|value| value.split_at_checked(7)) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => {
            let token = token.trim_ascii();
            check_token(token).map_err(|error| refuse(format!("{error}; {MISSING}")))?;
            Ok(token)
        }
        Some(_) | None => Err(refuse(MISSING.to_owned())),
    }
}

fn listed(text: &str) -> Result<Known, ClientsError> {
    let clients: Clients = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        ClientsError::Syntax { line }
    })?;
    let empty: [u8; 32] = Sha256::digest(b"").into();
    let mut callers: Vec<([u8; 32], Caller)> = Vec::new();
    for client in clients.clients {
        if client.token_sha256.is_empty() {
            return Err(ClientsError::NoToken(client.name));
        }
        let caller = Caller {
            name: client.name.as_str().into(),
            realm: client.realm,
            units_per_second: client.units_per_second,
            scopes: client.scopes,
        };
        for digest in client.token_sha256 {
            let digest =
                digest_of_hex(&digest).ok_or_else(|| ClientsError::Digest(client.name.clone()))?;
            if digest == empty {
                return Err(ClientsError::EmptyToken(client.name));
            }
            if let Some((_, other)) = callers.iter().find(|(listed, _)| *listed == digest) {
                let (first, second) = (other.name.as_ref().to_owned(), client.name);
                return Err(ClientsError::SharedToken { first, second });
            }
            callers.push((digest, caller.clone()));
        }
    }
    Ok(Known::Listed(callers))
}

fn digest_of_hex(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests;
