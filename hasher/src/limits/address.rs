//! The address of a user, from the caller or from proxies that the caller trusts. Pure.
//!
//! `X-Forwarded-For` grows on its right: each proxy adds the address that it was called from. So with N
//! trusted proxies, the Nth entry from the right is the last entry written by a trusted proxy. The user may have
//! written the entries before.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The text is not an address. The message never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// In the body.
    #[error(
        "`address` is neither an IPv4 or IPv6 address nor an address with a port: send one address without a \
         zone, or `null` if the address is not known"
    )]
    Said,
    /// In the header.
    #[error(
        "entry {0} of X-Forwarded-For, from the right, is no address: limits.trusted_hops must be the \
         number of proxies that add to it"
    )]
    Forwarded(usize),
}

/// The body's address, or else the header's. `None` = not known. An empty address, which a framework sends that does not
/// know the peer of a connection, and `unknown` (RFC 7239, section 6.2) count as no address.
pub(super) fn of_user(
    said: Option<&str>,
    headers: &HeaderMap,
    trusted_hops: usize,
) -> Result<Option<IpAddr>, AddressError> {
    if let Some(said) = said.filter(|said| !is_unknown(said)) {
        return address(said).map(Some).ok_or(AddressError::Said);
    }
    let Some(from_right) = trusted_hops.checked_sub(1) else { return Ok(None) };
    // Several fields are one, in their order (RFC 9110, section 5.3).
    let fields: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let entries =
        fields.iter().rev().flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
    match entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty()).nth(from_right) {
        None => Ok(None),
        Some(entry) => {
            let wrong = AddressError::Forwarded(trusted_hops);
            let entry = std::str::from_utf8(entry).map_err(|_| wrong)?;
            if is_unknown(entry) { Ok(None) } else { address(entry).map(Some).ok_or(wrong) }
        }
    }
}

fn is_unknown(text: &str) -> bool {
    text.is_empty() || text.eq_ignore_ascii_case("unknown")
}

/// An address, alone or as proxies write it: with the port of the connection, or an IPv6 address in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip()).ok();
    let in_brackets = || {
        let inside = text.strip_prefix('[')?.strip_suffix(']')?;
        inside.parse::<Ipv6Addr>().map(IpAddr::from).ok()
    };
    // `SocketAddr` reads the zone of a link-local address, which names an interface of another machine.
    let address = text.parse().ok().or_else(with_port).or_else(in_brackets);
    address.filter(|_| !text.contains('%'))
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
    fn the_body_holds_one_address_as_proxies_write_it() {
        check(Some("192.0.2.1"), &[], 0, "192.0.2.1");
        check(Some("2001:db8::1"), &["10.0.0.1"], 1, "2001:db8::1");
        check(Some("192.0.2.1:4711"), &[], 0, "192.0.2.1");
        check(Some("[2001:db8::1]:443"), &[], 0, "2001:db8::1");
        check(Some("[2001:db8::1]"), &[], 0, "2001:db8::1");
        for wrong in [
            "192.0.2",
            "192.0.2.01",
            " 192.0.2.1",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1, 10.0.0.1",
            "[192.0.2.1]",
            "[::1",
            "fe80::1%eth0",
            "[fe80::1%2]:443",
            "_hidden",
        ] {
            check(Some(wrong), &["10.0.0.1"], 1, "Said");
        }
    }

    #[test]
    fn an_empty_or_unknown_address_counts_as_none() {
        for none in ["", "unknown", "Unknown"] {
            check(Some(none), &["10.0.0.1"], 0, "-");
            check(Some(none), &["10.0.0.1"], 1, "10.0.0.1");
        }
        check(None, &["6.6.6.6, unknown"], 1, "-");
        check(None, &["unknown, 10.0.0.1"], 1, "10.0.0.1");
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
        check(None, &["6.6.6.6, [::1"], 1, "Forwarded(1)");
        // What lies beyond the trusted ones may be anything.
        check(None, &["nonsense, 1.1.1.1"], 1, "1.1.1.1");
    }

    #[test]
    fn errors_quote_nothing() {
        let error = of_user(Some("hunter2"), &HeaderMap::new(), 0).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
