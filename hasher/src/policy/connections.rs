//! How many connections a listener holds, for how long, and which one it closes when it is full.
//!
//! A connection belongs to the network that it comes from until it is *proven*: on the API by the first
//! request with a valid token, on the peers' port by a TLS handshake with a peer's certificate, on the
//! admin port by its first request. Then it belongs to whom that proved. A flood of unproven connections
//! can therefore displace other unproven connections only, and those of its own network first, also when a
//! login service shares the address of the flood (NAT, ingress, mesh).
//!
//! A new connection is never turned away in favour of an older unproven one: the oldest of the network with
//! the most is closed. A caller that completes handshake and first request within the time in which a flood
//! opens as many connections as there are places is served.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// Time from accept until the connection is proven. It bounds the TLS handshake, the head of the first
/// request, and all requests without a valid token together. A client on a slow link needs some four round
/// trips, which is 2 s at 500 ms each.
pub const PROOF_TIMEOUT: Duration = Duration::from_secs(5);

/// Time that a proven connection may be open without a request under way. Longer than the idle time of
/// common load balancers (60 s), so that they, not this side, close a connection that is not used.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// Time that an idle connection has to end by itself after it was asked to (HTTP/2 GOAWAY).
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Memory of one unproven connection, in KiB: TLS state and buffers before the first request is read.
const UNPROVEN_KIB: u64 = 48;

/// Memory of one proven connection beside the bodies of its requests, in KiB: TLS state, the head of a
/// request (at most 16 KiB), an answer, and HTTP/2 state.
const PROVEN_KIB: u64 = 48;

/// Memory of one request's body while it is read, in KiB: the body itself.
const BODY_KIB: u64 = 64;

/// Fewest connections of each kind: below this a listener would not serve its own probes.
const CONNECTIONS_MIN: u64 = 16;

/// Whom a connection counts against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectionOwner {
    /// The network that an unproven connection comes from: an IPv4 address or an IPv6 /64.
    Network(IpAddr),
    /// The caller whose token was valid, the peers, or the network of a client of the admin port.
    Proven(Arc<str>),
}

impl ConnectionOwner {
    /// The network of an address.
    #[must_use]
    pub fn network(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
            }
        })
    }

    /// Whether the connection has been proven.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Proven(_))
    }
}

/// Most connections of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionCaps {
    /// Unproven ones, TLS handshakes among them.
    pub unproven: usize,
    /// Proven ones.
    pub proven: usize,
}

impl ConnectionCaps {
    /// Caps of the API, from the memory for connections and the file descriptors that the process may open. A
    /// quarter of the memory is for unproven connections, a half for proven ones, and the last quarter for
    /// bodies, see [`bodies_kib`].
    #[must_use]
    pub fn of_api(connections_kib: u64, open_files_max: u64) -> Self {
        // Redis, peers, probes, certificates and logs need descriptors, too.
        let files = open_files_max / 2;
        Self {
            unproven: bounded(connections_kib / 4 / UNPROVEN_KIB, files / 3),
            proven: bounded(connections_kib / 2 / PROVEN_KIB, files * 2 / 3),
        }
    }

    /// Caps of the peers' port: each of up to 1,000 hashers (`contract::limits`) has one connection, and one
    /// more while it is replaced.
    #[must_use]
    pub const fn of_peers() -> Self {
        Self { unproven: 128, proven: 2_048 }
    }

    /// Caps of the admin port: the kubelet, and a few who gather metrics.
    #[must_use]
    pub const fn of_admin() -> Self {
        Self { unproven: 64, proven: 64 }
    }
}

fn bounded(by_memory: u64, by_files: u64) -> usize {
    let most = by_memory.min(by_files).max(CONNECTIONS_MIN);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Memory for bodies that are being read, in KiB; at least one whole body.
#[must_use]
pub fn bodies_kib(connections_kib: u64) -> u32 {
    u32::try_from((connections_kib / 4).max(BODY_KIB)).unwrap_or(u32::MAX)
}

/// One open connection, as far as this is decided by it. Times are counted from any common start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenConnection {
    /// Whom it counts against.
    pub owner: ConnectionOwner,
    /// When it was accepted.
    pub accepted: Duration,
    /// Since when no request has been under way; `None` = a request is.
    pub idle_since: Option<Duration>,
    /// When it was asked to end.
    pub asked_to_end: Option<Duration>,
}

/// What is due for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionVerdict {
    /// Nothing.
    Keep,
    /// It is asked to end: it takes no new request.
    AskToEnd,
    /// It is closed at once: no proof in time.
    CloseUnproven,
    /// It is closed at once: it was asked to end and has not.
    CloseIdle,
}

/// What is due for a connection at a time.
#[must_use]
pub fn verdict(connection: &OpenConnection, now: Duration) -> ConnectionVerdict {
    let since = |time: Duration| now.saturating_sub(time);
    if !connection.owner.is_proven() {
        return if since(connection.accepted) < PROOF_TIMEOUT {
            ConnectionVerdict::Keep
        } else {
            ConnectionVerdict::CloseUnproven
        };
    }
    let Some(idle_since) = connection.idle_since else { return ConnectionVerdict::Keep };
    match connection.asked_to_end {
        None if IDLE_TIMEOUT <= since(idle_since) => ConnectionVerdict::AskToEnd,
        Some(asked) if CLOSE_TIMEOUT <= since(asked.max(idle_since)) => {
            ConnectionVerdict::CloseIdle
        }
        None | Some(_) => ConnectionVerdict::Keep,
    }
}

/// The connection that makes room for a new one of `newcomer`: of the owner with the most connections (the
/// newcomer's included), the oldest unproven one, or the proven one that has been idle longest. `None`: every
/// proven connection of that owner has a request under way.
///
/// `open` holds the connections that share the newcomer's cap; a smaller key was accepted earlier.
#[must_use]
pub fn make_room(open: &BTreeMap<u64, OpenConnection>, newcomer: &ConnectionOwner) -> Option<u64> {
    let mut counts = BTreeMap::from([(newcomer, 1_usize)]);
    for connection in open.values() {
        *counts.entry(&connection.owner).or_default() += 1;
    }
    let count = |connection: &OpenConnection| counts.get(&connection.owner).copied();
    let most = open.values().filter_map(count).max()?;
    let of_largest = open.iter().filter(|(_, connection)| count(connection) == Some(most));
    if newcomer.is_proven() {
        let idle = of_largest.filter_map(|(id, connection)| Some((connection.idle_since?, *id)));
        idle.min().map(|(_, id)| id)
    } else {
        of_largest.map(|(id, _)| *id).next()
    }
}

#[cfg(test)]
mod tests;
