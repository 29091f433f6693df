//! Which version of control groups a machine has.

use super::*;

#[test]
fn versions_are_told_apart() {
    let v1 = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
              cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
              cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n\
              cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
    let roots = ["cpu", "pids", "unified"].map(|name| Path::new(ROOT).join(name));
    assert_eq!(parse_mounts(v1), Some(Hierarchies::V1(roots.to_vec())));
    assert_eq!(
        parse_mounts("cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"),
        Some(Hierarchies::V2)
    );
    assert_eq!(parse_mounts("proc /proc proc rw 0 0\n"), None);
}
