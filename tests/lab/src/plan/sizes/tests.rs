//! Sizes as people write them, and what is reserved for them.

use super::*;

const GIB_KIB: u64 = 1024 * 1024;
const MACHINE: Machine = Machine { cpu_milli: 2000, memory_kib: 24 * GIB_KIB };

#[test]
fn sizes_parse() {
    let size = |cpu_milli, memory_kib| Some(NodeSize { cpu_milli, memory_kib });
    for (text, expected) in [
        ("cpu=1,memory=1Gi", size(Some(1000), Some(GIB_KIB))),
        ("cpu=1500m", size(Some(1500), None)),
        ("cpu=1.5", size(Some(1500), None)),
        ("memory=512Mi", size(None, Some(512 * 1024))),
        ("memory=64Ki,cpu=0.25", size(Some(250), Some(64))),
        ("", size(None, None)),
        ("cpu=", None),
        ("cpu=0", None),
        ("cpu=-1", None),
        ("cpu=1.", None),
        ("cpu=1.2345", None),
        ("cpu=1,cpu=2", None),
        ("memory=1G", None),
        ("memory=99999999999999999Gi", None),
        ("disk=1Gi", None),
        ("2", None),
    ] {
        assert_eq!(text.parse::<NodeSize>().ok(), expected, "{text:?}");
    }
}

#[test]
fn the_rest_is_reserved() {
    for (text, expected) in [
        ("cpu=500m,memory=1Gi", Some((1500, 23 * GIB_KIB - EVICTION_KIB))),
        ("cpu=2,memory=4Gi", Some((0, 20 * GIB_KIB - EVICTION_KIB))),
        ("", Some((0, 20 * GIB_KIB - EVICTION_KIB))),
        ("cpu=2001m", None),
        ("memory=24Gi", None),
    ] {
        let reserved = text.parse::<NodeSize>().unwrap().reserved(MACHINE).ok();
        assert_eq!(reserved.map(|r| (r.cpu_milli, r.memory_kib)), expected, "{text:?}");
    }
}

#[test]
fn a_small_machine_gives_what_it_has_by_default() {
    let small = Machine { cpu_milli: 1000, memory_kib: GIB_KIB };
    let reserved = NodeSize::DEFAULT.reserved(small).unwrap();
    assert_eq!(reserved, Reserved { cpu_milli: 0, memory_kib: 0 });
}

#[test]
fn too_much_cpu_is_said_clearly() {
    let error = NodeSize::new(4000, GIB_KIB).reserved(MACHINE).unwrap_err();
    assert!(error.to_string().contains("this machine has 2000m"), "{error}");
}
