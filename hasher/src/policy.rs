//! Every decision of the hasher, as pure functions: no async, no clock, no randomness, no I/O. Time
//! is an argument.

pub mod admission;
pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod connections;
pub mod gcra;
pub mod migration;
pub mod pricing;
pub mod rehash;
pub mod routing;
pub mod sessions;
pub mod slow_start;
pub mod user_cap;
pub mod work_budget;
