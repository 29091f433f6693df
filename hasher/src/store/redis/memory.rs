//! How full each primary is, as the primary itself says (`INFO memory`), read every few seconds.
//!
//! Failed logins of invented names leave a counter each. When a primary is nearly full, counters of
//! few failures live a minute instead of an hour, so that such counters do not displace sessions
//! (`policy::backoff`). A figure that cannot be read, because the primary does not answer or its ACL
//! file is older than this hasher and lacks `info`, is unknown, and means "not nearly full".

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cmd;

use crate::telemetry::chain;

/// Time between two readings. At the most failed logins that one primary can count, some 20,000 a
/// second of 200 bytes each, it fills by 20 MB in this time.
pub(super) const READ_EVERY: Duration = Duration::from_secs(5);

/// The wait while no primary is known yet.
pub(super) const READ_AGAIN: Duration = Duration::from_millis(250);

/// Memory of one primary, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryUse {
    /// What Redis compares with its limit.
    pub(super) used_bytes: u64,
    /// `maxmemory`; never zero.
    pub(super) max_bytes: u64,
}

impl MemoryUse {
    /// Asks over this connection; `None` without one, without an answer, and without a limit.
    pub(super) async fn read(
        connection: Option<MultiplexedConnection>,
        bound: Duration,
    ) -> Option<Self> {
        let mut connection = connection?;
        let mut info = cmd("INFO");
        let answer = info.arg("memory").query_async::<String>(&mut connection);
        match tokio::time::timeout(bound, answer).await.ok()? {
            Ok(text) => Self::parse(&text),
            Err(error) => {
                tracing::debug!(error = chain(&error), "a primary does not say how full it is");
                None
            }
        }
    }

    /// Reads an answer of `INFO memory`; `None` if it lacks a figure, or there is no limit.
    pub(super) fn parse(info: &str) -> Option<Self> {
        let figure = |name: &str| -> Option<u64> {
            let of = |line: &str| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok();
            info.lines().find_map(of)
        };
        let max_bytes = figure("maxmemory").filter(|max_bytes| *max_bytes > 0)?;
        // Buffers of replicas and of the log of writes, which do not count against the limit.
        let not_counted = figure("mem_not_counted_for_evict").unwrap_or(0);
        let used_bytes = figure("used_memory")?.saturating_sub(not_counted);
        Some(Self { used_bytes, max_bytes })
    }

    /// Above 80 % of the limit.
    pub(super) fn is_nearly_full(self) -> bool {
        u128::from(self.used_bytes) * 10 > u128::from(self.max_bytes) * 8
    }

    /// The one of which less is free, as a share of its limit.
    pub(super) fn fuller(self, other: Self) -> Self {
        let share = |of: Self, by: Self| u128::from(of.used_bytes) * u128::from(by.max_bytes);
        if share(self, other) < share(other, self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    //! What is read of `INFO memory`, and what counts as nearly full.

    use super::*;

    #[track_caller]
    fn check(info: &str, expect: Option<(u64, u64)>) {
        let read = MemoryUse::parse(info).map(|it| (it.used_bytes, it.max_bytes));
        assert_eq!(read, expect, "{info}");
    }

    #[test]
    fn figures_are_read_by_their_whole_name() {
        check(
            "# Memory\r\nused_memory:900\r\nused_memory_rss:5000\r\nmaxmemory:1000\r\n\
             maxmemory_human:1000B\r\nmem_not_counted_for_evict:20\r\n",
            Some((880, 1_000)),
        );
        check("used_memory:900\nmaxmemory:1000\n", Some((900, 1_000)));
        // No limit, no figure, another answer.
        check("used_memory:900\r\nmaxmemory:0\r\n", None);
        check("used_memory_human:900\r\nmaxmemory:1000\r\n", None);
        check("", None);
    }

    #[test]
    fn above_80_percent_is_nearly_full() {
        let of = |used_bytes| MemoryUse { used_bytes, max_bytes: 1_000 };
        assert!(!of(800).is_nearly_full());
        assert!(of(801).is_nearly_full());
        let huge = MemoryUse { used_bytes: u64::MAX, max_bytes: u64::MAX };
        assert!(huge.is_nearly_full());
        assert_eq!(of(10).fuller(of(20)), of(20));
        let small = MemoryUse { used_bytes: 9, max_bytes: 10 };
        assert_eq!((small.fuller(of(800)), of(800).fuller(small)), (small, small));
    }
}
