//! The rules for bearer tokens. The operator applies them to the Secrets of the callers and the hasher to
//! each request, so that an empty or short token is refused even if one of the two programs missed it.

use crate::limits::TOKEN_BYTES_MIN;

/// Why a text is not a usable bearer token. Never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Zero bytes, as in a Secret that a secret manager has not filled yet.
    #[error("the token is empty")]
    Empty,
    /// Fewer than [`TOKEN_BYTES_MIN`] bytes.
    #[error("the token is shorter than {TOKEN_BYTES_MIN} characters")]
    TooShort,
    /// A space, a line feed or another byte that an HTTP header does not carry unchanged.
    #[error("the token contains white space or a character that is not printable ASCII")]
    NotPrintable,
}

/// Checks a token whose surrounding white space was removed.
///
/// # Errors
/// See [`TokenError`].
pub fn check_token(token: &[u8]) -> Result<(), TokenError> {
    if token.is_empty() {
        Err(TokenError::Empty)
    } else if token.len() < TOKEN_BYTES_MIN {
        Err(TokenError::TooShort)
    } else if token.iter().all(u8::is_ascii_graphic) {
        Ok(())
    } else {
        Err(TokenError::NotPrintable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_printable_tokens_are_usable() {
        let check = |token: &str, expect| assert_eq!(check_token(token.as_bytes()), expect);
        let shortest = "x".repeat(TOKEN_BYTES_MIN);
        check(&shortest, Ok(()));
        check("0123456789abcdef-._~+/0123456789ABCDEF==", Ok(()));
        check("", Err(TokenError::Empty));
        check("x", Err(TokenError::TooShort));
        check(&"x".repeat(TOKEN_BYTES_MIN - 1), Err(TokenError::TooShort));
        check(&format!("{shortest} {shortest}"), Err(TokenError::NotPrintable));
        check(&format!("{shortest}\n{shortest}"), Err(TokenError::NotPrintable));
        check(&"\u{e4}".repeat(TOKEN_BYTES_MIN), Err(TokenError::NotPrintable));
    }
}
