//! The memory limit of this container, as its control group says.

/// Files that hold it, in bytes: version 2 of control groups, then version 1.
const FILES: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Larger numbers are how version 1 says that there is no limit.
const NO_LIMIT_KIB: u64 = 1 << 40;

/// The limit in KiB; `None` without one.
pub(super) fn limit_kib() -> Option<u64> {
    FILES.iter().find_map(|file| std::fs::read_to_string(file).ok().and_then(|text| parse(&text)))
}

fn parse(text: &str) -> Option<u64> {
    text.trim().parse::<u64>().ok().map(|bytes| bytes / 1024).filter(|kib| *kib < NO_LIMIT_KIB)
}

#[cfg(test)]
mod tests {
    //! Both versions' ways of saying it.

    use super::*;

    #[test]
    fn both_versions_are_read() {
        assert_eq!(parse("536870912\n"), Some(524_288));
        assert_eq!(parse("max\n"), None);
        assert_eq!(parse("9223372036854771712\n"), None);
        assert_eq!(parse(""), None);
    }
}
