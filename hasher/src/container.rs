//! What this process may use, as its control groups and the kernel say. What cannot be read counts as no limit.

mod groups;

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::groups::{Group, Version, groups};

/// Larger numbers are how version 1 says that there is no limit.
const NO_LIMIT_KIB: u64 = 1 << 40;

/// The smallest memory limit that holds for this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    /// The limit, in KiB.
    pub kib: u64,
    /// The file that says so.
    pub file: PathBuf,
}

/// The smallest memory limit of the control groups that this process is in.
#[must_use]
pub fn memory_limit() -> Option<MemoryLimit> {
    smallest_limit(&own_groups("memory"), &read)
}

/// As [`memory_limit`], in KiB.
#[must_use]
pub fn memory_limit_kib() -> Option<u64> {
    memory_limit().map(|limit| limit.kib)
}

/// Free memory, in KiB: the smallest unused part of a limit, and no more than the machine has free.
#[must_use]
pub fn memory_free_kib() -> Option<u64> {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| parse_available_kib(&text));
    let own = own_groups("memory").iter().filter_map(|group| free_kib(group, &read)).min();
    own.into_iter().chain(machine).min()
}

/// The smallest CPU quota of the control groups that this process is in, in thousandths of a CPU.
#[must_use]
pub fn cpu_quota_milli() -> Option<u64> {
    own_groups("cpu").iter().filter_map(|group| quota_milli(group, &read)).min()
}

fn read(file: &Path) -> Option<String> {
    read_to_string(file).ok()
}

fn own_groups(controller: &str) -> Vec<Group> {
    let of = |file| read(Path::new(file)).unwrap_or_default();
    groups(&of("/proc/self/cgroup"), &of("/proc/self/mountinfo"), controller)
}

/// How the text of a file is had: from the kernel, or in tests from a table.
type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// The files with a group's memory limits, in bytes. Above `memory.high` the kernel slows a process down and takes
/// its memory away, so that its hashes miss their deadlines: for arenas, which stay, this is a limit like the other.
fn limit_files(version: Version) -> &'static [&'static str] {
    match version {
        Version::V1 => &["memory.limit_in_bytes"],
        Version::V2 => &["memory.max", "memory.high"],
    }
}

fn smallest_limit(groups: &[Group], read: Read<'_>) -> Option<MemoryLimit> {
    let files = groups
        .iter()
        .flat_map(|group| limit_files(group.version).iter().map(|name| group.folder.join(name)));
    let limits =
        files.filter_map(|file| Some(MemoryLimit { kib: parse_kib(&read(&file)?)?, file }));
    let seen = limits.min_by_key(|limit| limit.kib);
    let unseen = groups.iter().find_map(|group| hierarchical_limit(group, read));
    // A group that is seen names the limit better.
    seen.into_iter().chain(unseen).min_by_key(|limit| limit.kib)
}

/// Version 1 tells the smallest limit of a group and of those above it, also of those that a container cannot see.
fn hierarchical_limit(group: &Group, read: Read<'_>) -> Option<MemoryLimit> {
    let file = group.folder.join("memory.stat");
    let kib = parse_kib(statistic(&read(&file)?, "hierarchical_memory_limit")?)?;
    Some(MemoryLimit { kib, file })
}

/// The unused part of a group's limit. The kernel frees files in the page cache that were not read lately when a
/// process asks for memory.
fn free_kib(group: &Group, read: Read<'_>) -> Option<u64> {
    let limit = smallest_limit(std::slice::from_ref(group), read)?;
    let (used, cache) = match group.version {
        Version::V1 => ("memory.usage_in_bytes", "total_inactive_file"),
        Version::V2 => ("memory.current", "inactive_file"),
    };
    let used_kib = read(&group.folder.join(used)).and_then(|text| parse_kib(&text)).unwrap_or(0);
    let statistics = read(&group.folder.join("memory.stat")).unwrap_or_default();
    let cache_kib = statistic(&statistics, cache).and_then(parse_kib).unwrap_or(0);
    Some(limit.kib.saturating_sub(used_kib.saturating_sub(cache_kib)))
}

fn quota_milli(group: &Group, read: Read<'_>) -> Option<u64> {
    let of = |name| read(&group.folder.join(name));
    let both = match group.version {
        Version::V1 => format!("{} {}", of("cpu.cfs_quota_us")?, of("cpu.cfs_period_us")?),
        Version::V2 => of("cpu.max")?,
    };
    parse_quota(&both)
}

fn statistic<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

/// Raises the limit of open file descriptors and returns it. The soft limit, which many systems set to 1,024 for the sake
/// of programs that use `select`, becomes the hard one.
#[must_use]
pub fn raise_open_files_limit() -> u64 {
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

/// Reads quota and period; `max` or -1 means that there is no quota.
fn parse_quota(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    let (quota, period) = (words.next()?.parse::<u64>().ok()?, words.next()?.parse::<u64>().ok()?);
    quota.saturating_mul(1_000).checked_div(period)
}

#[cfg(test)]
mod tests;
