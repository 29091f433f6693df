//! Every task has a name, is counted, and is awaited at shutdown.
//!
//! Shutdown has two steps. *Draining*: the pod withdraws itself and takes nothing new, while what
//! was admitted goes on. *Stopping*: everything ends.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The tasks of this process.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    draining: CancellationToken,
    stopping: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// Starts a task, which must end soon after [`Tasks::stopping`].
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // The tracker is what makes the task counted and awaited.
        self.tracker.spawn(task.instrument(tracing::debug_span!("task", name)));
    }

    /// Ends when the pod is to take nothing new and to withdraw itself.
    #[must_use]
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Ends when admitted work is done and everything is to end.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Tells every task that the pod is to take nothing new.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Tells every task to end.
    pub fn stop(&self) {
        self.draining.cancel();
        self.stopping.cancel();
    }

    /// Ends once [`Tasks::stopping`] has been cancelled and every task has come back.
    pub async fn all_done(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
