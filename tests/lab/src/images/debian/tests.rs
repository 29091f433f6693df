//! What apt prints, as it was seen on Debian 12.

use super::*;

#[test]
fn the_mirror_of_the_main_archive_is_found() {
    let targets = "http://mirror.example/debian-security/ main\n\
                   http://mirror.example/debian/ contrib\n\
                   http://mirror.example/debian/ main\n";
    assert_eq!(parse_mirror(targets).as_deref(), Some("http://mirror.example/debian/"));
    assert_eq!(parse_mirror("http://mirror.example/ubuntu/ main\n"), None);
}

#[test]
fn only_libraries_are_fetched_beside_what_was_asked_for() {
    let listing = "redis-server\n  Depends: redis-tools\n    libc6\nredis-tools\nadduser\nlibc6\nzlib1g\n\
                   <awk>\nlibc6\n |Depends: debconf\n";
    assert_eq!(
        parse_depends(listing, &["redis-server", "redis-tools"]),
        ["libc6", "redis-server", "redis-tools", "zlib1g"]
    );
}

#[test]
fn parents_in_a_path_are_resolved() {
    let path = Path::new("/r/usr/lib64/../lib/x/ld.so");
    assert_eq!(without_parents(path), Path::new("/r/usr/lib/x/ld.so"));
}
