//! Only what is mounted below the lab's own folder is touched.

use super::*;

#[test]
fn mounts_of_a_neighbour_are_not_taken() {
    let mountinfo = "1 0 0:1 / / rw - ext4 /dev/a rw\n\
                     2 1 0:2 / /c/lab/state/a/node1/state/x rw - tmpfs t rw\n\
                     3 2 0:3 / /c/lab/state/a/node1/state/x/y\\040z rw - tmpfs t rw\n\
                     4 1 0:4 / /c/lab/state/ab/node1 rw - tmpfs t rw\n";
    let found = parse_mounts(mountinfo, Path::new("/c/lab/state/a"));
    let expected = ["/c/lab/state/a/node1/state/x", "/c/lab/state/a/node1/state/x/y z"];
    assert_eq!(found, expected.map(PathBuf::from));
}
