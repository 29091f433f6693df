//! Reading the pieces that formats are made of: exactly, or not at all.
//!
//! Every decoder here has one spelling for one value: no leading zeros, no stray bits, no mixed
//! alphabets. What is not canonical is not read, because two strings for one hash are a way around
//! whoever compares strings.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{
    GeneralPurpose, NO_PAD, STANDARD, STANDARD_NO_PAD, URL_SAFE,
};

/// bcrypt's alphabet.
pub(super) const BCRYPT: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD);

/// Traditional crypt's alphabet, most significant bits first.
pub(super) const CRYPT: GeneralPurpose = GeneralPurpose::new(&alphabet::CRYPT, NO_PAD);

const ITOA64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Digits without leading zeros. Too many of them for the type are more than every bound.
pub(super) fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = plain && (digits == "0" || !digits.starts_with('0'));
    canonical.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// `a=1,b=2` with exactly these names in this order.
pub(super) fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Option<[u64; N]> {
    let mut fields = text.split(',');
    let mut values = [0; N];
    for (value, name) in values.iter_mut().zip(names) {
        let digits = fields.next()?.strip_prefix(name)?.strip_prefix('=')?;
        *value = number(digits)?;
    }
    fields.next().is_none().then_some(values)
}

/// Exactly `N` fields between these separators.
pub(super) fn fields<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    let mut fields = text.split(separator);
    let mut found = [""; N];
    for place in &mut found {
        *place = fields.next()?;
    }
    fields.next().is_none().then_some(found)
}

/// What follows `{SCHEME}`, in whatever case that is written (RFC 2307, section 5.3).
pub(super) fn after_scheme<'a>(text: &'a str, schemes: &[&str]) -> Option<&'a str> {
    let (scheme, rest) = text.strip_prefix('{')?.split_once('}')?;
    schemes.iter().any(|wanted| wanted.eq_ignore_ascii_case(scheme)).then_some(rest)
}

/// Base64 with padding (RFC 4648, section 4).
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Base64 without padding.
pub(super) fn base64_bare(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}

/// Base64 of either kind, in the standard alphabet or the one of URLs, but never both.
pub(super) fn base64_any(text: &str) -> Option<Vec<u8>> {
    let standard = text.replace('-', "+").replace('_', "/");
    if standard != text && text.contains(['+', '/']) {
        return None;
    }
    if standard.ends_with('=') { base64(&standard) } else { base64_bare(&standard) }
}

/// Base64 of URLs with padding (RFC 4648, section 5).
pub(super) fn base64_url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE.decode(text).ok()
}

/// passlib's adapted base64: `.` for `+`, and no padding.
pub(super) fn ab64(text: &str) -> Option<Vec<u8>> {
    if text.contains('+') { None } else { base64_bare(&text.replace('.', "+")) }
}

/// Hexadecimal in one case.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
    let lower = text.bytes().any(|byte| byte.is_ascii_lowercase());
    if (upper && lower) || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.last()?)?)).collect()
}

/// Hexadecimal in lower case.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Whether all characters are of crypt's alphabet.
pub(super) fn is_crypt(text: &str) -> bool {
    text.bytes().all(|byte| crypt_value(byte).is_some())
}

/// The value of a character of crypt's alphabet.
pub(super) fn crypt_value(byte: u8) -> Option<u8> {
    ITOA64.iter().position(|other| *other == byte).and_then(|value| u8::try_from(value).ok())
}

/// crypt's base64, least significant bits first: three bytes are a number of four characters.
pub(super) fn to_crypt(bytes: &[u8]) -> String {
    let groups = bytes.chunks(3).flat_map(|group| {
        let number = group.iter().rev().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        let characters = (group.len() * 8).div_ceil(6);
        (0..characters).map(move |place| {
            let value = (number >> (6 * place)) & 63;
            let byte = usize::try_from(value).ok().and_then(|value| ITOA64.get(value));
            char::from(byte.copied().unwrap_or(b'.'))
        })
    });
    groups.collect()
}

/// The bytes of crypt's base64, least significant bits first.
pub(super) fn from_crypt(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.as_bytes().chunks(4) {
        let mut number = 0u32;
        for byte in group.iter().rev() {
            number = number << 6 | u32::from(crypt_value(*byte)?);
        }
        let whole = group.len() * 6 / 8;
        let used = number.to_le_bytes();
        // A single character is no byte, and bits that no byte uses must not be set.
        if whole == 0 || number.checked_shr(u32::try_from(whole * 8).ok()?).unwrap_or(0) != 0 {
            return None;
        }
        bytes.extend(used.iter().take(whole));
    }
    Some(bytes)
}
