//! Every decision of the hasher, as pure functions: no async, no clock, no randomness, no I/O. Time
//! is an argument.

pub mod admission;
pub mod breaker;
pub mod budget;
pub mod pricing;
pub mod rehash;
pub mod routing;
pub mod sessions;
