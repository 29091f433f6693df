//! Whose attempts an address stands for. Pure.
//!
//! IPv6 addresses that translate or tunnel IPv4 are counted as the IPv4 address inside. As networks of
//! IPv6 they would be wrong in both directions: all users behind a NAT64 share one /96, and whoever has
//! one IPv4 address has a whole /48 of 6to4.

use std::net::{IpAddr, Ipv4Addr};

/// The address under which attempts are counted.
///
/// * IPv4-mapped `::ffff:0:0/96` (RFC 4291, section 2.5.5.2): the IPv4 address in the last 32 bits.
/// * NAT64 `64:ff9b::/96` (RFC 6052): the same.
/// * 6to4 `2002::/16` (RFC 3056): the IPv4 address of the site's router, in bits 16 to 47.
/// * Teredo `2001::/32` (RFC 4380, section 4): the client's IPv4 address, in the last 32 bits, inverted.
///
/// `64:ff9b:1::/48` (RFC 8215) stays IPv6: each network chooses the length of its own prefix, so nobody
/// else knows where in the address the IPv4 address is.
pub(super) fn subject(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let [.., a, b, c, d] = v6.octets();
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Ipv4Addr::new(a, b, c, d).into(),
        [0x2002, ..] => {
            let [_, _, a, b, c, d, ..] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        [0x2001, 0, ..] => Ipv4Addr::new(!a, !b, !c, !d).into(),
        _ => v6.into(),
    }
}

#[cfg(test)]
mod tests {
    //! What each kind of address stands for.

    use super::*;

    #[track_caller]
    fn check(address: &str, expect: &str) {
        assert_eq!(subject(address.parse().unwrap()).to_string(), expect, "{address}");
    }

    #[test]
    fn addresses_that_carry_ipv4_are_the_ipv4_address() {
        check("192.0.2.33", "192.0.2.33");
        check("::ffff:192.0.2.33", "192.0.2.33");
        // RFC 6052, section 2.4.
        check("64:ff9b::192.0.2.33", "192.0.2.33");
        check("2002:c000:221:1::1", "192.0.2.33");
        // The example of RFC 4380, section 4, has 192.0.2.45 behind a NAT.
        check("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45");
    }

    #[test]
    fn other_addresses_stay_as_they_are() {
        for address in ["2001:db8::1", "2001:1::1", "64:ff9b:1::c000:221", "64:ff9c::1", "::1"] {
            check(address, address);
        }
    }
}
