//! What a failed pass means: who is to blame, and when to try again. Callers read [`Retry`] and
//! nothing else.

use std::time::Duration;

use crate::{apply, observe};

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// When the resource changes: the same input fails the same way.
    WhenSpecChanges,
    /// After this time.
    After(Duration),
    /// After a time that grows with each failure in a row.
    Backoff,
}

/// First pause after a failure. A conflict or a pod that just went is over by then.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);

/// Longest pause after failures in a row: a fault of the environment that was repaired is noticed
/// within a minute.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// The pause after `failures` failures in a row, 1 being the first.
#[must_use]
pub fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    BACKOFF_FIRST.saturating_mul(1 << doublings).min(BACKOFF_MAX)
}

/// Why one pass over an `AuthCluster` failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The resource itself could not be read.
    #[error("cannot read the AuthCluster")]
    Cluster(#[source] kube::Error),
    /// Kubernetes could not be read.
    #[error("cannot observe")]
    Observe(#[source] observe::Error),
    /// Something could not be written. The status says so.
    #[error("cannot apply")]
    Apply(#[source] apply::Error),
    /// The status could not be written.
    #[error("cannot end with a status")]
    Status(#[source] apply::Error),
    /// The pass took longer than it may. What it did stands; the next pass goes on from there.
    #[error("not done after {} s", limit.as_secs())]
    Overdue {
        /// How long it may take.
        limit: Duration,
    },
}

impl Error {
    /// When to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Cluster(_) | Self::Observe(_) | Self::Status(_) | Self::Overdue { .. } => {
                Retry::Backoff
            }
            Self::Apply(error) => error.retry(),
        }
    }

    /// The step that failed, as a metric label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "Cluster",
            Self::Observe(_) => "Observe",
            Self::Apply(_) => "Apply",
            Self::Status(_) => "Status",
            Self::Overdue { .. } => "Overdue",
        }
    }
}

/// An error and its causes in one line, outermost first.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // The library prints the whole answer with it; the API server's own words are enough.
        let refusal = match error.downcast_ref() {
            Some(kube::Error::Api(status)) => Some(format!("{} ({})", status.message, status.code)),
            _ => None,
        };
        let is_last = refusal.is_some();
        let text = refusal.unwrap_or_else(|| error.to_string());
        // Some libraries print their source with themselves; said once is enough.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source().filter(|_| !is_last);
    }
    line
}

#[cfg(test)]
mod tests;
