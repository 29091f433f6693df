//! The clock, and what machine this is.

use std::time::Instant;

/// How long `work` takes, in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "a benchmark's own clock")]
pub(crate) fn time_ns(work: impl FnOnce() -> Result<(), String>) -> Result<f64, String> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e9)
}

/// Processor, caches, kernel and huge pages, as far as the system tells.
pub(crate) fn describe() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let cache = |index: u32| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}");
        let field = |name: &str| read(&format!("{path}/{name}")).trim().to_owned();
        format!("L{} {}", field("level"), field("size"))
    };
    let huge = read("/sys/kernel/mm/transparent_hugepage/enabled");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{model}, {cores} cores, {}, {}, {}, Linux {}, transparent huge pages {}",
        cache(0),
        cache(2),
        cache(3),
        kernel.trim(),
        huge.trim(),
    )
}
