//! The chart and the samples. What Helm makes of them needs Helm, which the lab brings; the rest needs
//! nothing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that finds no file or no field stops there"
)]

mod files;
#[cfg(feature = "needs-helm")]
mod rendered;

use std::path::{Path, PathBuf};

/// A path of the checkout.
fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(below)
}
