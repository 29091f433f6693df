//! The same files make the same archive.

use super::*;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("lab-archive-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn packing_twice_gives_the_same_bytes() {
    let work = folder("twice");
    let program_path = work.join("hello");
    fs::write(&program_path, "hello").unwrap();
    let name: ImageName = "hello:1".parse().unwrap();
    let archive = |file: &str| {
        let mut layer = Layer::new();
        layer.add_file(&program_path, Path::new("/usr/bin/hello"), 0o755);
        layer.add_link(Path::new("/usr/bin/hi"), "hello");
        pack(&work.join(file), std::slice::from_ref(&name), &["hello"], &layer).unwrap()
    };
    let (one, two) = (archive("one.tar"), archive("two.tar"));
    assert_eq!(one.digest, two.digest);
    fs::write(&program_path, "other").unwrap();
    assert_ne!(archive("three.tar").digest, one.digest);
    fs::remove_dir_all(work).unwrap();
}

#[test]
fn folders_come_before_what_is_in_them() {
    let mut layer = Layer::new();
    layer.add_link(Path::new("/usr/bin/hi"), "hello");
    let paths: Vec<String> = layer.entries.keys().map(|p| p.display().to_string()).collect();
    assert_eq!(paths, ["data", "etc", "etc/passwd", "tmp", "usr", "usr/bin", "usr/bin/hi"]);
}
