//! What a replica says of the connection to its primary. Pure.

use crate::resp::field;

/// A primary writes to its replicas every second, if only `PING` (`repl-ping-replica-period`). After so
/// many seconds without a byte, something between them is broken: after a cut of the network TCP repeats
/// what got lost later and later, and a replica says for as long as a minute that it is connected, while
/// it lacks all that was written since.
const SILENT_SECONDS_MAX: i64 = 5;

/// Why a replica does not follow its primary, by its `INFO replication`.
#[must_use]
pub fn problem(info: &str) -> Option<&'static str> {
    let is = |name, value| field(info, name) == Some(value);
    if !is("master_link_status", "up") {
        return Some("the replica is not connected to its primary");
    }
    if !is("master_sync_in_progress", "0") {
        return Some("the replica is copying its primary's data");
    }
    let silent = field(info, "master_last_io_seconds_ago").and_then(|value| value.parse().ok());
    let hears = silent.is_some_and(|seconds: i64| (0..=SILENT_SECONDS_MAX).contains(&seconds));
    (!hears).then_some("the replica has heard nothing of its primary for seconds")
}

#[cfg(test)]
mod tests {
    //! Links that are as good as none.

    use super::problem;

    #[test]
    fn a_replica_follows_while_it_hears_of_its_primary() {
        let up = "master_link_status:up\r\nmaster_last_io_seconds_ago:5\r\nmaster_sync_in_progress:0\r\n";
        assert_eq!(problem(up), None);
        let broken = [
            ("status:up", "status:down"),
            ("progress:0", "progress:1"),
            ("ago:5", "ago:6"),
            ("ago:5", "ago:-1"),
            ("ago:5", "ago:"),
            ("master_last_io", "other"),
        ];
        for (good, bad) in broken {
            assert!(problem(&up.replace(good, bad)).is_some(), "{bad}");
        }
    }
}
