//! The whole product on a real Kubernetes, as its users meet it: one file a story.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panic; clippy's own exception covers test functions, not their helpers"
)]

mod failures;
mod first_day;
mod refusals;
mod removal;
mod restarts;
