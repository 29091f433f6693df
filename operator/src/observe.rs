//! Placeholder.

pub mod kubernetes;
pub mod redis;
