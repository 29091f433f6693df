//! Image names and library lists.

use super::*;

#[test]
fn short_names_are_made_full() {
    for (text, expected) in [
        ("redis:7.0", Some("docker.io/library/redis:7.0")),
        ("valkey/valkey:9.1", Some("docker.io/valkey/valkey:9.1")),
        ("example.org/a/b:1", Some("example.org/a/b:1")),
        ("localhost:5000/a:B", Some("localhost:5000/a:B")),
        ("redis", None),
        ("redis:", None),
        (":1", None),
        ("Redis:1", None),
        ("a//b:1", None),
        ("a b:1", None),
        ("../x:1", Some("../x:1")),
    ] {
        let name = text.parse::<ImageName>().ok();
        assert_eq!(name.as_ref().map(ImageName::as_str), expected, "{text:?}");
    }
}

#[test]
fn an_archive_stays_in_its_folder() {
    let name: ImageName = "../../x:1".parse().unwrap();
    assert!(!name.file_stem().contains('/'));
}

#[test]
fn libraries_are_read_from_ldd() {
    let listing = "\tlinux-vdso.so.1 (0x00007ffc)\n\
                   \tlibssl.so.3 => /lib/x86_64-linux-gnu/libssl.so.3 (0x00007f)\n\
                   \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
    let expected = ["/lib/x86_64-linux-gnu/libssl.so.3", "/lib64/ld-linux-x86-64.so.2"];
    assert_eq!(parse_libraries(listing), Ok(expected.map(PathBuf::from).to_vec()));
    assert_eq!(parse_libraries("\tstatically linked\n"), Ok(vec![]));
    assert_eq!(parse_libraries("\tliblzf.so.1 => not found\n"), Err("liblzf.so.1".to_owned()));
}
