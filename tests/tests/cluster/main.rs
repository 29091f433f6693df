//! The whole product on a real Kubernetes, as its users meet it: one file a story.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panic; clippy's own exception covers test functions, not their helpers"
)]

mod failures;
mod first_day;
mod peppers;
mod refusals;
mod removal;
mod restarts;
mod rollouts;
mod scaling;

/// Says a figure that nothing is asserted of; `--nocapture` shows it.
#[expect(clippy::print_stdout, reason = "figures for whoever runs these tests")]
fn say(what: &str, figures: impl std::fmt::Debug) {
    println!("{what}: {figures:?}");
}
