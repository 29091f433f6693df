//! What this process may use, as its control group and the kernel say: version 2 of control groups, then
//! version 1. What cannot be read is `None`, as if there were no limit.

use std::fs::read_to_string;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files with the memory limit, in bytes.
const LIMITS: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Files with the memory in use, in bytes.
const USED: [&str; 2] =
    ["/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"];

/// Larger numbers are how version 1 says that there is no limit.
const NO_LIMIT_KIB: u64 = 1 << 40;

/// The memory limit, in KiB.
#[must_use]
pub fn memory_limit_kib() -> Option<u64> {
    LIMITS.iter().find_map(|file| parse_kib(&read_to_string(file).ok()?))
}

/// Memory that can be had now, in KiB: of the limit, what is not in use, and no more than the machine has.
#[must_use]
pub fn memory_free_kib() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo").ok().and_then(|text| parse_available_kib(&text));
    let used = || USED.iter().find_map(|file| parse_kib(&read_to_string(file).ok()?));
    let own = memory_limit_kib().map(|limit| limit.saturating_sub(used().unwrap_or(0)));
    own.into_iter().chain(machine).min()
}

/// The CPU quota, in thousandths of a CPU.
#[must_use]
pub fn cpu_quota_milli() -> Option<u64> {
    let both = read_to_string("/sys/fs/cgroup/cpu.max").or_else(|_| {
        let quota = read_to_string("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")?;
        let period = read_to_string("/sys/fs/cgroup/cpu/cpu.cfs_period_us")?;
        std::io::Result::Ok(format!("{quota} {period}"))
    });
    parse_quota(&both.ok()?)
}

/// File descriptors that this process may have open. The soft limit, which many systems set to 1,024 for the sake
/// of programs that use `select`, is raised to the hard one first.
#[must_use]
pub fn open_files_max() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let hard = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let raised = setrlimit(Resource::Nofile, hard).is_ok();
    // `None` is no limit.
    let current = if raised { limit.maximum } else { limit.current };
    current.unwrap_or(u64::MAX)
}

fn parse_kib(text: &str) -> Option<u64> {
    text.trim().parse::<u64>().ok().map(|bytes| bytes / 1024).filter(|kib| *kib < NO_LIMIT_KIB)
}

fn parse_available_kib(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Quota and period; `max` or -1 is none.
fn parse_quota(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    let (quota, period) = (words.next()?.parse::<u64>().ok()?, words.next()?.parse::<u64>().ok()?);
    quota.saturating_mul(1_000).checked_div(period)
}

#[cfg(test)]
mod tests {
    //! Both versions' ways of saying it.

    use super::*;

    #[test]
    fn both_versions_are_read() {
        assert_eq!(parse_kib("536870912\n"), Some(524_288));
        assert_eq!(parse_kib("max\n"), None);
        assert_eq!(parse_kib("9223372036854771712\n"), None);
        assert_eq!(parse_kib(""), None);
        assert_eq!(parse_quota("150000 100000\n"), Some(1_500));
        assert_eq!(parse_quota("max 100000\n"), None);
        assert_eq!(parse_quota("-1\n 100000\n"), None);
        assert_eq!(parse_quota("1 0"), None);
        let meminfo = "MemTotal:       24683708 kB\nMemAvailable:   23990000 kB\n";
        assert_eq!(parse_available_kib(meminfo), Some(23_990_000));
        assert_eq!(parse_available_kib("MemTotal: 1 kB\n"), None);
    }
}
