//! Where groups are found, for each way in which machines and containers mount them.

use super::*;

/// The folders of a controller, in order.
#[track_caller]
fn check(controller: &str, cgroup: &str, mountinfo: &str, expect: &[&str]) {
    let found: Vec<String> = groups(cgroup, mountinfo, controller)
        .iter()
        .map(|group| format!("{:?} {}", group.version, group.folder.display()))
        .collect();
    assert_eq!(found, expect, "{controller}");
}

const V2: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
";

const V1: &str = "\
33 28 0:30 / /sys/fs/cgroup rw - tmpfs tmpfs ro,mode=755
34 33 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:10 - cgroup cgroup rw,cpu,cpuacct
38 33 0:35 / /sys/fs/cgroup/memory rw,relatime shared:15 - cgroup cgroup rw,memory
";

#[test]
fn a_service_of_systemd_is_limited_by_its_slices_too() {
    check(
        "memory",
        "0::/system.slice/system-hasher.slice/hasher@1.service\n",
        V2,
        &[
            "V2 /sys/fs/cgroup/system.slice/system-hasher.slice/hasher@1.service",
            "V2 /sys/fs/cgroup/system.slice/system-hasher.slice",
            "V2 /sys/fs/cgroup/system.slice",
            "V2 /sys/fs/cgroup/",
        ],
    );
    check(
        "memory",
        "4:memory:/user.slice/hasher\n3:cpu,cpuacct:/user.slice\n1:name=systemd:/user.slice/x\n",
        V1,
        &[
            "V1 /sys/fs/cgroup/memory/user.slice/hasher",
            "V1 /sys/fs/cgroup/memory/user.slice",
            "V1 /sys/fs/cgroup/memory/",
        ],
    );
    check(
        "cpu",
        "4:memory:/user.slice/hasher\n3:cpu,cpuacct:/user.slice\n",
        V1,
        &["V1 /sys/fs/cgroup/cpu,cpuacct/user.slice", "V1 /sys/fs/cgroup/cpu,cpuacct/"],
    );
}

#[test]
fn a_container_sees_its_own_group_at_the_root_of_the_mount() {
    // Version 2 with a namespace.
    check("memory", "0::/\n", V2, &["V2 /sys/fs/cgroup/"]);
    // Docker and version 1, without one: the path is that of the host, and so is the root of the mount.
    let docker = "38 33 0:35 /docker/4f3a /sys/fs/cgroup/memory ro - cgroup memory rw,memory\n";
    check("memory", "4:memory:/docker/4f3a\n", docker, &["V1 /sys/fs/cgroup/memory/"]);
    check(
        "memory",
        "4:memory:/docker/4f3a/init\n",
        docker,
        &["V1 /sys/fs/cgroup/memory/init", "V1 /sys/fs/cgroup/memory/"],
    );
    // A path that only begins alike is another group.
    check("memory", "4:memory:/docker/4f3a5\n", docker, &["V1 /sys/fs/cgroup/memory/"]);
}

#[test]
fn a_group_that_no_mount_shows_counts_as_the_root_of_the_mount() {
    // Outside of the namespace; on another host path; a mount from outside of the namespace.
    check("memory", "0::/../../other\n", V2, &["V2 /sys/fs/cgroup/"]);
    let bound = "30 23 0:26 /docker/4f3a /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
    check("memory", "0::/system.slice/other\n", bound, &["V2 /sys/fs/cgroup/"]);
    let outside = "30 23 0:26 /../.. /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
    check("memory", "0::/\n", outside, &["V2 /sys/fs/cgroup/"]);
    // The mount that shows the group is taken before one that does not.
    let both = format!("{bound}31 23 0:26 / /host/cgroup ro - cgroup2 cgroup rw\n");
    check("memory", "0::/a\n", &both, &["V2 /host/cgroup/a", "V2 /host/cgroup/"]);
}

#[test]
fn a_mount_hides_an_earlier_one_at_its_place() {
    let hidden = format!("{V2}31 30 0:26 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    check("memory", "0::/a/b\n", &hidden, &["V2 /sys/fs/cgroup/b", "V2 /sys/fs/cgroup/"]);
    let namespace = "38 33 0:35 /../.. /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                     39 38 0:35 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    check("memory", "4:memory:/\n", namespace, &["V1 /sys/fs/cgroup/memory/"]);
}

#[test]
fn a_hybrid_has_both_versions() {
    let hybrid = format!(
        "{V1}39 33 0:36 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
         40 33 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    );
    check(
        "memory",
        "4:memory:/a\n1:name=systemd:/b\n0::/b\n",
        &hybrid,
        &[
            "V1 /sys/fs/cgroup/memory/a",
            "V1 /sys/fs/cgroup/memory/",
            "V2 /sys/fs/cgroup/unified/b",
            "V2 /sys/fs/cgroup/unified/",
        ],
    );
}

#[test]
fn without_control_groups_there_are_none() {
    check("memory", "", "", &[]);
    check("memory", "0::/a\n", "", &[]);
    check("memory", "", V2, &[]);
    check("memory", "4:memory:/a\n", V2, &[]);
    check("memory", "nonsense\n:::\n1:memory\n", "nonsense\n1 2 3 - cgroup2\n", &[]);
}

#[test]
fn blanks_in_paths_are_read() {
    let odd = "30 23 0:26 / /mnt/a\\040b\\134c rw - cgroup2 cgroup2 rw\n";
    check("memory", "0::/x:y z\n", odd, &["V2 /mnt/a b\\c/x:y z", "V2 /mnt/a b\\c/"]);
}
