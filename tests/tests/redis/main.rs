//! What only a real Redis Cluster can show. Every test starts its own servers on loopback.

mod harness;
mod peers;
mod pods;
mod shared;
mod store;
mod store_faults;
