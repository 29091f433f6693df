//! The password that `hasher hash` and `hasher verify` read: the first line of standard input, or a line typed
//! at the terminal. A password is never cut: a line that is too long is refused.

use std::io::{BufRead, IsTerminal as _, Write as _};

use anyhow::Context as _;
use authcluster_contract::limits::PASSWORD_BYTES_MAX;
use authcluster_contract::secret::{Password, PasswordError};
use zeroize::Zeroizing;

/// U+FEFF in UTF-8. Windows PowerShell 5.1 puts it before everything that it pipes into a program. No keyboard
/// types it, so it never belongs to the password.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// U+FEFF in UTF-16, with either byte first.
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// Longest line that may still hold a password: a byte order mark, the password, CR and LF.
const LINE_BYTES_MAX: usize = BYTE_ORDER_MARK.len() + PASSWORD_BYTES_MAX + 2;

/// Why no password could be read. The message never quotes the input.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadPasswordError {
    #[error("there is no password on standard input")]
    Missing,
    #[error(transparent)]
    Refused(#[from] PasswordError),
    #[error("standard input cannot be read")]
    Input(#[from] std::io::Error),
}

/// What is said of a password that [`is_utf16`].
pub(super) const UTF16_HINT: &str = "standard input is UTF-16, and a password is read as UTF-8 (in PowerShell, set \
                                     $OutputEncoding to [Text.UTF8Encoding]::new())";

/// Whether the password is text in UTF-16. It is verified byte by byte like any other, because it may have been
/// hashed so; a hash that is made of it would match nothing that is typed elsewhere.
pub(super) fn is_utf16(password: &Password) -> bool {
    UTF16_MARKS.iter().any(|mark| password.expose().starts_with(mark))
}

/// Reads a password, which may be empty. At a terminal, the password is not shown.
pub(super) fn read_password() -> anyhow::Result<Password> {
    let stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        write!(std::io::stderr().lock(), "Password: ")?;
        let line = Zeroizing::new(rpassword::read_password().context("the terminal")?);
        return Ok(Password::from_bytes(line.as_bytes().to_vec())?);
    }
    Ok(password_line(stdin)?)
}

/// The first line, without its end (LF or CRLF) and without a byte order mark.
fn password_line(input: impl BufRead) -> Result<Password, ReadPasswordError> {
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX));
    let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    input.take(limit).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(ReadPasswordError::Missing);
    }
    let is_cut = line.len() == LINE_BYTES_MAX && !line.ends_with(b"\n");
    if is_cut {
        return Err(PasswordError::TooLong.into());
    }
    let text = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line);
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    Ok(Password::from_bytes(text.to_vec())?)
}

#[cfg(test)]
mod tests;
