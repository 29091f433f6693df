//! Takes one step on Redis.

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
#[error("not there yet")]
pub struct Error;
