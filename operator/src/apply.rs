//! Placeholder.

pub mod events;
pub mod kubernetes;
pub mod redis;
pub mod secrets;
pub mod status;
pub mod weights;
