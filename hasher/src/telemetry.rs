//! Named tasks, logs and metrics.

mod tasks;

pub use self::tasks::Tasks;
