//! Named tasks, logs and metrics.

mod closed;
mod lanes;
mod limits;
mod logs;
mod metrics;
mod migrations;
#[cfg(test)]
mod reference;
mod store;
mod tasks;
mod values;

pub use self::limits::LimitScope;
pub use self::logs::{LogFormat, LogsError, chain, start_logs};
pub use self::metrics::Metrics;
pub use self::migrations::MigrationEvent;
pub use self::tasks::Tasks;
pub use self::values::{ConnectionEnd, LoginResult, PeerOutcome, SessionEvent, StoreFailure};
