//! What the operator and the hasher promise one another, byte for byte.
//!
//! Pure by its `Cargo.toml`: no async runtime, no Kubernetes client, no Redis client, no clock and
//! no randomness. Two programs of different ages run side by side during every upgrade, so a
//! change here is a change of a wire format and must be readable by the version before it.

#![warn(clippy::wildcard_enum_match_arm, clippy::arithmetic_side_effects)]

pub mod config;
pub mod cost;
pub mod formats;
pub mod http;
pub mod keys;
pub mod limits;
pub mod node;
pub mod pepper;
pub mod secret;
pub mod slots;
pub mod token;
pub mod user;
pub mod weights;
pub mod wrapped;
