//! Username, user id and data of a session, sealed at rest: a reader of Redis, of a copy of its disk or of its
//! traffic learns none of the three.
//!
//! XChaCha20-Poly1305 with a random nonce of 192 bits, so that any number of sessions may share a key.
//! Digest and realm go into the seal: what is moved to another session or realm does not open. It keeps
//! secrets from readers; whoever may *write* to Redis may still write sessions that are not sealed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use authcluster_contract::config::SessionEncryption;
use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::Realm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::clock::{self, RandomError};
use crate::policy::sessions::copy::Content;

/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of the length before the username and before the user id.
const LENGTH_BYTES: usize = 4;
/// Says what is sealed, and how, so that a later form cannot be taken for this one.
const PURPOSE: &[u8] = b"authcluster session v2";

/// What a session was created with, in the clear. Empty is the same as absent.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub struct Clear {
    /// The name as spelled at login.
    pub username: String,
    /// The caller's own id of the user.
    pub user_id: String,
    /// What the caller stored with it.
    pub data: String,
}

/// Keys that cannot be used, or a seal that does not open. Names keys, never their content.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {}, which sessions.encryption.keys_folder names", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A file holds no key.
    #[error(
        "{} holds no key: put 32 random bytes in standard base64 there (openssl rand -base64 32)",
        .0.display()
    )]
    NoKey(PathBuf),
    /// The current key is not among them.
    #[error(
        "sessions.encryption.current_key is {current}, and {} has no such file: add it, or name one \
         that is there",
        folder.display()
    )]
    NoCurrent {
        /// The key that is asked for.
        current: String,
        /// Where it is not.
        folder: PathBuf,
    },
    /// A session is sealed with a key that is not here.
    #[error(
        "a session is sealed with key {0:.63?}, which is not in the folder of keys: put it back until all \
         sessions of that time are over"
    )]
    UnknownKey(String),
    /// A session is sealed, and there are no keys.
    #[error("a session is sealed, and sessions.encryption is not set")]
    NotConfigured,
    /// A seal does not open: another key under the same name, or a changed session.
    #[error(
        "a session does not open with key {0:.63?}: the key under this name was replaced, or the session \
         was changed"
    )]
    Broken(String),
    /// A session could not be sealed.
    #[error("a session cannot be sealed")]
    Failed,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Seals and opens with the keys of a folder, which may get more while the pod runs.
pub struct Sealer {
    folder: PathBuf,
    current: String,
    keys: ArcSwap<BTreeMap<String, XChaCha20Poly1305>>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Reads the keys.
    ///
    /// # Errors
    /// The first that cannot be used, with what to do.
    pub fn read(config: &SessionEncryption) -> Result<Self, SealError> {
        let SessionEncryption { keys_folder: folder, current_key: current } = config.clone();
        let keys = ArcSwap::from_pointee(keys(&folder, &current)?);
        Ok(Self { folder, current, keys })
    }

    /// Reads them again; on an error everything stays as it was.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn reload(&self) -> Result<(), SealError> {
        self.keys.store(Arc::new(keys(&self.folder, &self.current)?));
        Ok(())
    }

    fn seal(
        &self,
        digest: &SessionDigest,
        realm: &Realm,
        clear: &Clear,
    ) -> Result<Content, SealError> {
        let keys = self.keys.load();
        let key = keys.get(&self.current).ok_or(SealError::Failed)?;
        let Clear { username, user_id, data } = clear;
        let mut clear = Zeroizing::new(Vec::new());
        for text in [username, user_id] {
            let length = u32::try_from(text.len()).map_err(|_| SealError::Failed)?;
            clear.extend_from_slice(&length.to_be_bytes());
            clear.extend_from_slice(text.as_bytes());
        }
        clear.extend_from_slice(data.as_bytes());
        let nonce = clock::random_bytes::<NONCE_BYTES>()?;
        let payload = Payload { msg: &clear, aad: &bound_to(digest, realm) };
        let sealed = key.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Failed)?;
        let data = STANDARD.encode([nonce.as_slice(), &sealed].concat());
        let (username, user_id) = (String::new(), String::new());
        Ok(Content { username, user_id, data, key: self.current.clone() })
    }

    fn open(
        &self,
        digest: &SessionDigest,
        realm: &Realm,
        content: &Content,
    ) -> Result<Clear, SealError> {
        let broken = || SealError::Broken(content.key.clone());
        let keys = self.keys.load();
        let key =
            keys.get(&content.key).ok_or_else(|| SealError::UnknownKey(content.key.clone()))?;
        let bytes = STANDARD.decode(&content.data).map_err(|_| broken())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(broken)?;
        let payload = Payload { msg: sealed, aad: &bound_to(digest, realm) };
        let clear = key.decrypt(&XNonce::from(*nonce), payload).map_err(|_| broken())?;
        let clear = Zeroizing::new(clear);
        let (username, rest) = first_text(&clear).ok_or_else(broken)?;
        let (user_id, data) = first_text(rest).ok_or_else(broken)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| broken());
        Ok(Clear { username: text(username)?, user_id: text(user_id)?, data: text(data)? })
    }
}

/// The bytes that a length stands before, and those that follow them.
fn first_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The content as it is kept: sealed where there are keys.
///
/// # Errors
/// No randomness.
pub fn sealed(
    sealer: Option<&Sealer>,
    digest: &SessionDigest,
    realm: &Realm,
    clear: Clear,
) -> Result<Content, SealError> {
    match sealer {
        Some(sealer) => sealer.seal(digest, realm, &clear),
        None => {
            let Clear { username, user_id, data } = clear;
            Ok(Content { username, user_id, data, key: String::new() })
        }
    }
}

/// The content in the clear. Sessions from before there were keys stay readable.
///
/// # Errors
/// A seal that does not open. Never another answer.
pub fn open(
    sealer: Option<&Sealer>,
    digest: &SessionDigest,
    realm: &Realm,
    content: &Content,
) -> Result<Clear, SealError> {
    match sealer {
        _ if content.key.is_empty() => {
            let Content { username, user_id, data, .. } = content.clone();
            Ok(Clear { username, user_id, data })
        }
        None => Err(SealError::NotConfigured),
        Some(sealer) => sealer.open(digest, realm, content),
    }
}

/// A realm has no slash, so no two pairs are the same bytes.
fn bound_to(digest: &SessionDigest, realm: &Realm) -> Vec<u8> {
    [PURPOSE, b"/", realm.as_str().as_bytes(), b"/", digest.as_str().as_bytes()].concat()
}

/// Every file of the folder is a key under its name. A mounted Secret has folders and links of its own
/// there, whose names start with a dot.
fn keys(folder: &Path, current: &str) -> Result<BTreeMap<String, XChaCha20Poly1305>, SealError> {
    let unreadable = |path: &Path, cause| SealError::Read { path: path.to_owned(), cause };
    let mut keys = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name.filter(|name| !name.starts_with('.') && path.is_file()) else {
            continue;
        };
        let text = std::fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let text = Zeroizing::new(text);
        let key = STANDARD.decode(text.trim_ascii()).map(Zeroizing::new).ok();
        let key: Option<&[u8; KEY_BYTES]> =
            key.as_ref().and_then(|key| key.as_slice().try_into().ok());
        let key = key.ok_or_else(|| SealError::NoKey(path.clone()))?;
        keys.insert(name, XChaCha20Poly1305::new(key.into()));
    }
    if keys.contains_key(current) {
        Ok(keys)
    } else {
        Err(SealError::NoCurrent { current: current.to_owned(), folder: folder.to_owned() })
    }
}

#[cfg(test)]
mod tests;
