//! How a container's memory is divided.

use super::*;

#[test]
fn arenas_come_first_and_the_rest_is_divided() {
    let mib = |mib: u64| mib * 1024;
    let check = |limit: Option<u64>, expect: Result<(u64, u64), &str>| {
        let left = memory_budget(limit.map(mib), 2, 19 * 1024);
        let left = left.map(|it| (it.large_kib / 1024, it.connections_kib / 1024));
        let left = left.map_err(|error| error.to_string());
        assert_eq!(left, expect.map_err(str::to_owned), "{limit:?}");
    };
    check(None, Ok((1024, 512)));
    check(Some(102), Ok((0, 48)));
    check(Some(256), Ok((154, 48)));
    check(Some(102 + 256 + 80), Ok((256 + 70, 48 + 10)));
    check(Some(64 * 1024), Ok((1024, 512)));
    check(
        Some(101),
        Err("2 lanes of 19 MiB and 64 MiB for the program need 102 MiB, and the memory limit is \
             101 MiB: raise the limit, or lower lanes or password.argon2id.memory_mib"),
    );
}

#[test]
fn a_pod_with_64_mib_for_old_hashes_has_room_for_those_of_64_mib() {
    let left = |limit_kib| memory_budget(Some(limit_kib), 1, 19 * 1024).unwrap().large_kib;
    let pod_kib = 19 * 1024 + OVERHEAD_KIB + 64 * 1024;
    // Vaultwarden's preset; passlib's default takes a KiB less.
    assert!((65_540..=64 * 1024 + 1023).contains(&left(pod_kib)));
    // The program lends nothing to a pod that has nothing for old hashes.
    assert_eq!(left(pod_kib - 64 * 1024), 0);
    assert_eq!(left(pod_kib - 64 * 1024 + 512), 512);
}
