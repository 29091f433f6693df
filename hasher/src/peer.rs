//! Jobs handed from pod to pod, over HTTP/2 and mutual TLS.
//!
//! The only HTTP client of the hasher. Both sides show a certificate that the cluster's authority
//! has signed for the peers' name; being listed in Redis makes nobody a peer. A job that comes from
//! a peer is put to this pod's lanes and never handed on, so no request can go round in circles.

mod client;
mod server;
mod tls;
mod wire;

pub use self::client::{Client, ConnectError, PeerError};
pub use self::server::server;
pub use self::tls::{PeerTls, PeerTlsError};
pub use self::wire::{Answer, BODY_BYTES_MAX, Reply};
