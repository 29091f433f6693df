//! Clear text that must not leave this process: no content in `Debug`, no `Serialize`, wiped on
//! drop.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, Zeroizing};

use crate::limits::PASSWORD_BYTES_MAX;

/// A secret string as it came in a request: a session id, a token.
#[derive(Clone)]
pub struct SecretString(Zeroizing<String>);

impl SecretString {
    /// Takes the clear text.
    #[must_use]
    pub fn new(clear: String) -> Self {
        Self(Zeroizing::new(clear))
    }

    /// The clear text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretString(..)")
    }
}

impl<'de> Deserialize<'de> for SecretString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A password in the bytes that are hashed.
#[derive(Clone)]
pub struct Password(Zeroizing<Vec<u8>>);

/// Why what was sent is no password. Never says what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Neither form, or both.
    #[error("send exactly one of `password` and `password_b64`")]
    NotExactlyOne,
    /// The second form does not decode.
    #[error("`password_b64` is not standard base64 with padding (RFC 4648, section 4)")]
    NotBase64,
    /// Longer than [`PASSWORD_BYTES_MAX`].
    #[error("the password is longer than {PASSWORD_BYTES_MAX} bytes; it is never cut")]
    TooLong,
}

impl Password {
    /// The password from the two forms a request may use: text, or base64 of bytes that are no
    /// UTF-8.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub fn from_forms(
        text: Option<SecretString>,
        b64: Option<&SecretString>,
    ) -> Result<Self, PasswordError> {
        let mut bytes = match (text, b64) {
            (Some(text), None) => Zeroizing::new(text.expose().as_bytes().to_vec()),
            (None, Some(b64)) => {
                Zeroizing::new(STANDARD.decode(b64.expose()).map_err(|_| PasswordError::NotBase64)?)
            }
            (None, None) | (Some(_), Some(_)) => return Err(PasswordError::NotExactlyOne),
        };
        if bytes.len() > PASSWORD_BYTES_MAX {
            bytes.zeroize();
            return Err(PasswordError::TooLong);
        }
        Ok(Self(bytes))
    }

    /// Takes bytes that have been checked already, such as those of a forwarded request.
    ///
    /// # Errors
    /// [`PasswordError::TooLong`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PasswordError> {
        let bytes = Zeroizing::new(bytes);
        if bytes.len() > PASSWORD_BYTES_MAX { Err(PasswordError::TooLong) } else { Ok(Self(bytes)) }
    }

    /// The bytes, for the hash function.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests;
