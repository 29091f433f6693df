//! Which limit holds, and how both versions write it.

use super::*;

/// Files of a machine, by their names.
type Files<'a> = &'a [(&'a str, &'a str)];

const CGROUP: &str = "/proc/self/cgroup";
const MOUNTINFO: &str = "/proc/self/mountinfo";
const V2: &str = "30 23 0:26 / /cg rw - cgroup2 cgroup2 rw\n";
const V1: &str = "38 33 0:35 / /cg rw - cgroup cgroup rw,memory\n";

fn read_of(files: Files<'_>, name: &Path) -> Option<String> {
    let found = files.iter().find(|(file, _)| Path::new(file) == name);
    found.map(|(_, text)| (*text).to_owned())
}

fn groups_of(files: Files<'_>) -> Vec<Group> {
    let of = |name: &str| read_of(files, Path::new(name)).unwrap_or_default();
    groups(&of(CGROUP), &of(MOUNTINFO), "memory")
}

/// The limit in MiB with its file.
#[track_caller]
fn check(files: Files<'_>, expect: &str) {
    let found = smallest_limit(&groups_of(files), &|name| read_of(files, name));
    let found = found.map_or("none".to_owned(), |MemoryLimit { kib, file }| {
        format!("{} MiB by {}", kib / 1024, file.display())
    });
    assert_eq!(found, expect, "{files:?}");
}

#[test]
fn the_smallest_limit_from_the_group_to_the_root_holds() {
    let v2 = |a, b| {
        [(CGROUP, "0::/a/b"), (MOUNTINFO, V2), ("/cg/a/memory.max", a), ("/cg/a/b/memory.max", b)]
    };
    check(&v2("104857600\n", "max\n"), "100 MiB by /cg/a/memory.max");
    check(&v2("104857600\n", "209715200\n"), "100 MiB by /cg/a/memory.max");
    check(&v2("209715200\n", "104857600\n"), "100 MiB by /cg/a/b/memory.max");
    check(&v2("max\n", "max\n"), "none");
    let v1 = |a, b| {
        let (a_file, b_file) = ("/cg/a/memory.limit_in_bytes", "/cg/a/b/memory.limit_in_bytes");
        [(CGROUP, "4:memory:/a/b"), (MOUNTINFO, V1), (a_file, a), (b_file, b)]
    };
    const NONE: &str = "9223372036854771712\n";
    check(&v1("104857600\n", NONE), "100 MiB by /cg/a/memory.limit_in_bytes");
    check(&v1("209715200\n", "104857600\n"), "100 MiB by /cg/a/b/memory.limit_in_bytes");
    check(&v1(NONE, NONE), "none");
    check(&[], "none");
}

#[test]
fn the_root_of_a_containers_mount_has_its_limit() {
    check(
        &[(CGROUP, "0::/"), (MOUNTINFO, V2), ("/cg/memory.max", "536870912\n")],
        "512 MiB by /cg/memory.max",
    );
    let docker = "38 33 0:35 /docker/4f3a /cg ro - cgroup memory rw,memory\n";
    check(
        &[
            (CGROUP, "4:memory:/docker/4f3a"),
            (MOUNTINFO, docker),
            ("/cg/memory.limit_in_bytes", "536870912\n"),
        ],
        "512 MiB by /cg/memory.limit_in_bytes",
    );
    // The pod's group, above that of the container, is not visible.
    check(
        &[
            (CGROUP, "4:memory:/docker/4f3a"),
            (MOUNTINFO, docker),
            ("/cg/memory.limit_in_bytes", "536870912\n"),
            ("/cg/memory.stat", "cache 0\nhierarchical_memory_limit 268435456\ntotal_cache 0\n"),
        ],
        "256 MiB by /cg/memory.stat",
    );
}

#[test]
fn what_slows_the_process_down_is_a_limit_too() {
    check(
        &[
            (CGROUP, "0::/a"),
            (MOUNTINFO, V2),
            ("/cg/a/memory.max", "209715200\n"),
            ("/cg/a/memory.high", "104857600\n"),
        ],
        "100 MiB by /cg/a/memory.high",
    );
}

#[test]
fn what_is_free_is_counted_in_each_group() {
    let files: Files<'_> = &[
        (CGROUP, "0::/a/b"),
        (MOUNTINFO, V2),
        ("/cg/a/memory.max", "104857600\n"),
        ("/cg/a/memory.current", "94371840\n"),
        // 20 MiB of files can be given back.
        ("/cg/a/memory.stat", "anon 1\ninactive_file 20971520\n"),
        ("/cg/a/b/memory.max", "52428800\n"),
        ("/cg/a/b/memory.current", "10485760\n"),
        ("/cg/memory.current", "94371840\n"),
    ];
    let read = |name: &Path| read_of(files, name);
    let free: Vec<Option<u64>> =
        groups_of(files).iter().map(|group| free_kib(group, &read)).collect();
    assert_eq!(free, [Some(40 * 1024), Some(30 * 1024), None]);
}

#[test]
fn quotas_of_both_versions_are_read() {
    assert_eq!(parse_quota("150000 100000\n"), Some(1_500));
    assert_eq!(parse_quota("max 100000\n"), None);
    assert_eq!(parse_quota("-1\n 100000\n"), None);
    assert_eq!(parse_quota("1 0"), None);
    assert_eq!(parse_kib(""), None);
    let meminfo = "MemTotal:       24683708 kB\nMemAvailable:   23990000 kB\n";
    assert_eq!(parse_available_kib(meminfo), Some(23_990_000));
    assert_eq!(parse_available_kib("MemTotal: 1 kB\n"), None);
}
