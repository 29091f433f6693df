//! Names: what is accepted, and that two labs share none.

use super::*;

#[test]
fn names_are_short_lower_case_words() {
    for (text, good) in [
        ("lab", true),
        ("test-1a2b3c", true),
        ("a", true),
        ("", false),
        ("1lab", false),
        ("-lab", false),
        ("Lab", false),
        ("lab/../x", false),
        ("abcdefghijklmnopqrst", true),
        ("abcdefghijklmnopqrstu", false),
    ] {
        assert_eq!(text.parse::<LabName>().is_ok(), good, "{text:?}");
    }
}

#[test]
fn the_same_name_in_two_caches_gives_two_ids() {
    let one = LabId::of_state(Path::new("/a/lab/state/lab")).unwrap();
    let two = LabId::of_state(Path::new("/b/lab/state/lab")).unwrap();
    assert_ne!(one, two);
    assert_ne!(one.netns(), two.netns());
    assert_ne!(one.cgroup(), two.cgroup());
    assert_eq!(one, LabId::of_state(Path::new("/a/lab/state/lab")).unwrap());
}

#[test]
fn a_shim_socket_fits() {
    let id = LabId::of_state(Path::new("/a")).unwrap();
    assert!(id.run_dir().join("node31").as_os_str().len() <= 41, "containerd refuses longer ones");
}

#[test]
fn a_deep_folder_is_refused_with_the_way_out() {
    let deep = PathBuf::from("/x".repeat(40));
    let error = LabId::of_state(&deep).unwrap_err();
    assert!(error.to_string().contains("AUTHCLUSTER_CACHE"), "{error}");
}

#[test]
fn two_checkouts_get_two_names() {
    let one = LabName::of_folder("test", Path::new("/one")).unwrap();
    let two = LabName::of_folder("test", Path::new("/two")).unwrap();
    assert_ne!(one, two);
    assert!(one.as_str().starts_with("test-"));
}
