//! Where a user is: the caller's word, or that of proxies that the caller trusts. Pure.
//!
//! `X-Forwarded-For` grows on its right: each proxy adds the address that it was called from. So with N
//! trusted proxies the Nth entry from the right is the last that one of them wrote, and whatever stands
//! before it the user may have written.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// An address that is none. Quotes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// In the body.
    #[error("`address` is no IPv4 or IPv6 address: send it alone, without port, brackets or zone")]
    Said,
    /// In the header.
    #[error(
        "entry {0} of X-Forwarded-For, from the right, is no address: limits.trusted_hops must be the \
         number of proxies that add to it"
    )]
    Forwarded(usize),
}

/// The body's address, or else the header's. `None` = not known.
pub(super) fn of_user(
    said: Option<&str>,
    headers: &HeaderMap,
    trusted_hops: usize,
) -> Result<Option<IpAddr>, AddressError> {
    if let Some(said) = said {
        return said.parse().map(Some).map_err(|_| AddressError::Said);
    }
    let Some(from_right) = trusted_hops.checked_sub(1) else { return Ok(None) };
    // Several fields are one, in their order (RFC 9110, section 5.3).
    let fields: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let entries =
        fields.iter().rev().flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
    match entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty()).nth(from_right) {
        None => Ok(None),
        Some(entry) => parsed(entry).map(Some).ok_or(AddressError::Forwarded(trusted_hops)),
    }
}

/// Some proxies add the port that they were called from.
fn parsed(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?;
    let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
    entry.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    //! Which entry counts.

    use super::*;

    #[track_caller]
    fn check(said: Option<&str>, forwarded: &[&str], hops: usize, expect: &str) {
        let mut headers = HeaderMap::new();
        for field in forwarded {
            headers.append(FORWARDED_FOR, field.parse().unwrap());
        }
        let found = match of_user(said, &headers, hops) {
            Ok(address) => address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(found, expect, "{said:?} {forwarded:?} {hops}");
    }

    #[test]
    fn the_body_is_read_strictly() {
        check(Some("192.0.2.1"), &[], 0, "192.0.2.1");
        check(Some("2001:db8::1"), &["10.0.0.1"], 1, "2001:db8::1");
        for wrong in
            ["", "192.0.2", "192.0.2.01", " 192.0.2.1", "192.0.2.1:80", "[::1]", "fe80::1%eth0"]
        {
            check(Some(wrong), &[], 0, "Said");
        }
    }

    #[test]
    fn trusted_hops_are_counted_from_the_right() {
        check(None, &["1.1.1.1"], 0, "-");
        check(None, &["6.6.6.6, 1.1.1.1, 10.0.0.1"], 1, "10.0.0.1");
        check(None, &["6.6.6.6, 1.1.1.1, 10.0.0.1"], 2, "1.1.1.1");
        check(None, &["6.6.6.6, 1.1.1.1", "10.0.0.1"], 2, "1.1.1.1");
        check(None, &["1.1.1.1"], 2, "-");
        check(None, &[], 1, "-");
        check(None, &["6.6.6.6,,2001:db8::1 , "], 1, "2001:db8::1");
        check(None, &["1.1.1.1:4711"], 1, "1.1.1.1");
        check(None, &["[2001:db8::1]:4711"], 1, "2001:db8::1");
        check(None, &["6.6.6.6, unknown"], 1, "Forwarded(1)");
        // What lies beyond the trusted ones may be anything.
        check(None, &["nonsense, 1.1.1.1"], 1, "1.1.1.1");
    }

    #[test]
    fn errors_quote_nothing() {
        let error = of_user(Some("hunter2"), &HeaderMap::new(), 0).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
