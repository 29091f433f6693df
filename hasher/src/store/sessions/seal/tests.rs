//! What is sealed opens with its key, under its digest and realm, and not otherwise.

use std::fs;

use super::*;

fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

fn folder(keys: &[(&str, u8)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, byte) in keys {
        fs::write(folder.path().join(name), format!("{}\n", STANDARD.encode([*byte; 32]))).unwrap();
    }
    // As a mounted Secret has them.
    fs::create_dir(folder.path().join("..data")).unwrap();
    fs::write(folder.path().join(".hidden"), "no key").unwrap();
    folder
}

fn sealer(folder: &tempfile::TempDir, current: &str) -> Result<Sealer, SealError> {
    let keys_folder = folder.path().to_owned();
    Sealer::read(&SessionEncryption { keys_folder, current_key: current.to_owned() })
}

fn clear(username: &str, user_id: &str, data: &str) -> Clear {
    Clear { username: username.to_owned(), user_id: user_id.to_owned(), data: data.to_owned() }
}

#[test]
fn a_seal_opens_where_it_belongs_alone() {
    let keys = folder(&[("k1", 1), ("k2", 2)]);
    let sealer = sealer(&keys, "k1").unwrap();
    let (digest, shop) = (SessionDigest::of("a"), realm("shop"));
    let alice = clear("Alice", "id-7", "editor \u{1f600}");
    let content = sealer.seal(&digest, &shop, &alice).unwrap();
    assert_eq!((&*content.username, &*content.user_id, &*content.key), ("", "", "k1"));
    for part in ["Alice", "id-7", "editor"] {
        assert!(!content.data.contains(part), "{part}");
    }
    let again = sealer.seal(&digest, &shop, &alice).unwrap();
    assert_ne!(content.data, again.data, "no nonce is used twice");
    let opened = open(Some(&sealer), &digest, &shop, &content).unwrap();
    assert!(opened == alice);
    for parts in [clear("", "id-7", ""), clear("Alice", "", "id-7"), clear("", "", "")] {
        let content = sealer.seal(&digest, &shop, &parts).unwrap();
        assert_eq!(open(Some(&sealer), &digest, &shop, &content).unwrap(), parts);
    }
    let broken = |digest: &SessionDigest, realm: &Realm, content: &Content| {
        let opened = open(Some(&sealer), digest, realm, content);
        assert!(matches!(opened, Err(SealError::Broken(_))), "{opened:?}");
    };
    broken(&SessionDigest::of("b"), &shop, &content);
    broken(&digest, &realm("other"), &content);
    broken(&digest, &shop, &Content { key: "k2".to_owned(), ..content.clone() });
    let mut bytes = STANDARD.decode(&content.data).unwrap();
    for at in [0, NONCE_BYTES, bytes.len() - 1] {
        bytes[at] ^= 1;
        broken(&digest, &shop, &Content { data: STANDARD.encode(&bytes), ..content.clone() });
        bytes[at] ^= 1;
    }
    for short in ["", "AAAA", "no base64!"] {
        broken(&digest, &shop, &Content { data: short.to_owned(), ..content.clone() });
    }
}

#[test]
fn keys_come_and_go_by_name() {
    let keys = folder(&[("old", 1)]);
    let before = sealer(&keys, "old").unwrap();
    let (digest, shop) = (SessionDigest::of("a"), realm("shop"));
    let content = before.seal(&digest, &shop, &clear("Alice", "", "")).unwrap();
    fs::write(keys.path().join("new"), STANDARD.encode([2; 32])).unwrap();
    let after = sealer(&keys, "new").unwrap();
    assert_eq!(open(Some(&after), &digest, &shop, &content).unwrap().username, "Alice");
    let by_new = after.seal(&digest, &shop, &clear("Alice", "", "")).unwrap();
    let unknown = open(Some(&before), &digest, &shop, &by_new);
    assert!(matches!(unknown, Err(SealError::UnknownKey(_))), "{unknown:?}");
    before.reload().unwrap();
    assert_eq!(open(Some(&before), &digest, &shop, &by_new).unwrap().username, "Alice");
    fs::remove_file(keys.path().join("old")).unwrap();
    before.reload().unwrap_err();
    assert_eq!(
        open(Some(&before), &digest, &shop, &content).unwrap().username,
        "Alice",
        "it stays"
    );
    let without = open(None, &digest, &shop, &content);
    assert!(matches!(without, Err(SealError::NotConfigured)));
    let bob = clear("Bob", "id-8", "x");
    let content = sealed(None, &digest, &shop, bob.clone()).unwrap();
    assert_eq!(open(Some(&before), &digest, &shop, &content).unwrap(), bob);
    assert_eq!(open(None, &digest, &shop, &content).unwrap(), bob);
}

#[test]
fn what_cannot_be_used_is_said_with_what_to_do_and_without_the_key() {
    let check = |error: SealError, expect: &str| {
        let said = error.to_string();
        assert!(said.contains(expect), "{said}");
        assert!(!said.contains("AQEB"), "{said}");
    };
    let keys = folder(&[("k1", 1)]);
    check(sealer(&keys, "k2").unwrap_err(), "has no such file: add it");
    fs::write(keys.path().join("k2"), STANDARD.encode([1; 31])).unwrap();
    check(sealer(&keys, "k1").unwrap_err(), "openssl rand -base64 32");
    fs::write(keys.path().join("k2"), "not base64").unwrap();
    check(sealer(&keys, "k1").unwrap_err(), "k2 holds no key");
    let gone = keys.path().join("gone");
    let gone = SessionEncryption { keys_folder: gone, current_key: "k1".to_owned() };
    check(Sealer::read(&gone).unwrap_err(), "sessions.encryption.keys_folder");
}
