//! Peppers: secrets that go into hashes and are kept apart from them, each under its key id, and how both
//! are written down.
//!
//! A hash says which pepper it was made with: `keyid=` of the PHC string format, base64 of the id. So any
//! number of them can be in use, and one that is missing is an error and never a wrong password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Longest key id in bytes: that of `keyid` in the PHC string format.
pub const KEY_ID_BYTES_MAX: usize = 8;

/// Shortest pepper in bytes. NIST SP 800-63B-4 asks for 112 bits of a secret key; this is the next round
/// number, and `openssl rand -base64 32` makes twice as many.
pub const PEPPER_BYTES_MIN: usize = 16;

/// Longest pepper in bytes. More than the 64 of the function's own digest adds nothing.
pub const PEPPER_BYTES_MAX: usize = 1024;

/// The name of a pepper: the key in its Secret, and its file's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; KEY_ID_BYTES_MAX]);

/// A key id that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pepper's key id is 1 to {KEY_ID_BYTES_MAX} of A-Z, a-z, 0-9, '.', '_' and '-', and does not begin \
     with a '.'"
)]
pub struct KeyIdError;

impl KeyId {
    /// The id that is spelled by these bytes.
    ///
    /// # Errors
    /// [`KeyIdError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyIdError> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if bytes.is_empty() || bytes.starts_with(b".") || !bytes.iter().all(plain) {
            return Err(KeyIdError);
        }
        let mut id = [0; KEY_ID_BYTES_MAX];
        id.get_mut(..bytes.len()).ok_or(KeyIdError)?.copy_from_slice(bytes);
        Ok(Self(id))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(KEY_ID_BYTES_MAX);
        // Only ASCII gets in.
        self.0.get(..length).and_then(|id| std::str::from_utf8(id).ok()).unwrap_or_default()
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyIdError;

    fn try_from(text: String) -> Result<Self, KeyIdError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Content that is no pepper. Says nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no pepper: it must be {PEPPER_BYTES_MIN} to {PEPPER_BYTES_MAX} random bytes in standard base64 \
     (openssl rand -base64 32)"
)]
pub struct PepperError;

/// The pepper that a file or a value of a Secret holds. White space around it is no part of it.
///
/// # Errors
/// [`PepperError`].
pub fn decode(content: &[u8]) -> Result<Zeroizing<Vec<u8>>, PepperError> {
    let bytes = STANDARD.decode(content.trim_ascii()).map_err(|_| PepperError)?;
    let bytes = Zeroizing::new(bytes);
    if (PEPPER_BYTES_MIN..=PEPPER_BYTES_MAX).contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(PepperError)
    }
}

/// The peppers of a hasher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PepperFolder {
    /// Folder with one file a pepper, named for its key id. Each of them verifies what was made with it.
    pub folder: PathBuf,
    /// The pepper of new hashes. Without it they have none, and hashes that have one keep it: the first step
    /// towards peppers, in which every hasher gets to know them before any makes a hash with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<KeyId>,
}

#[cfg(test)]
mod tests;
