//! What only a real Redis Cluster can show. Every test starts its own servers on loopback.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, and waits with real bounds"
)]

mod dice;
mod full;
mod harness;
mod limit_traces;
mod limits;
mod migration_traces;
mod migrations;
mod moving;
mod peers;
mod pods;
mod session_traces;
mod sessions;
mod shared;
mod store;
mod store_faults;
mod tls;
#[cfg(feature = "needs-cluster")]
mod versions;
