//! Named tasks, logs and metrics.

mod limits;
mod logs;
mod metrics;
mod tasks;

pub use self::limits::LimitScope;
pub use self::logs::{LogFormat, LogsError, chain, start_logs};
pub use self::metrics::{LoginResult, Metrics, PeerOutcome, SessionEvent};
pub use self::tasks::Tasks;
