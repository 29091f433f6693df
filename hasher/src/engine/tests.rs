//! Known answers, other people's hashes, and composed letters.

use std::sync::Arc;

use authcluster_contract::secret::{Password, SecretString};

use super::*;
use crate::formats::{Bounds, Pepper, Stored};
use crate::policy::rehash::Policy;

fn password(text: &str) -> Password {
    Password::from_forms(Some(SecretString::new(text.to_owned())), None).unwrap()
}

fn verify(encoded: &str, clear: &str) -> (bool, u32) {
    let stored = Arc::new(Stored::parse(encoded, &Bounds::default()).unwrap());
    let job = Job::Verify { password: password(clear), stored };
    let mut arena = Arena::new(64).unwrap();
    let (outcome, tries) = compute(&job, &mut arena).unwrap();
    (outcome == Outcome::Verified(true), tries)
}

fn new_hash(clear: &str) -> String {
    let cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
    let mut arena = Arena::new(64).unwrap();
    let policy = Policy { cost, pepper: None };
    match compute(&Job::Hash { password: password(clear), policy }, &mut arena).unwrap() {
        (Outcome::Hashed(encoded), 1) => encoded,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hashes_of_libargon2_verify_with_and_without_a_version() {
    // phc-winner-argon2, src/test.c: the password "password" and the salt "somesalt".
    for encoded in [
        "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    ] {
        assert_eq!(verify(encoded, "password"), (true, 1), "{encoded}");
        assert_eq!(verify(encoded, "passwort"), (false, 1), "{encoded}");
    }
    // The same hash with another version's name is another function.
    let relabelled =
        "$argon2i$v=16$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    assert_eq!(verify(relabelled, "password"), (false, 1));
}

#[test]
fn a_new_hash_has_a_salt_of_its_own_and_verifies() {
    let (first, second) = (new_hash("hunter2"), new_hash("hunter2"));
    assert_ne!(first, second);
    assert!(first.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{first}");
    assert_eq!(verify(&first, "hunter2"), (true, 1));
    assert_eq!(verify(&first, "hunter3"), (false, 1));
}

#[test]
fn composed_and_decomposed_letters_are_one_password() {
    let hash = new_hash("cafe\u{301}");
    assert_eq!(verify(&hash, "caf\u{e9}"), (true, 1));
    assert_eq!(verify(&hash, "cafe\u{301}"), (true, 1));
}

#[test]
fn a_hash_of_decomposed_bytes_by_another_system_still_verifies() {
    let cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
    let mut hash = Argon2Hash {
        variant: argon2::Variant::Id,
        version: Version::V0x13,
        cost,
        pepper: None,
        salt: vec![7; 16],
        output: vec![0; 32],
    };
    hash.output =
        fill(&hash, "cafe\u{301}".as_bytes(), &mut Arena::new(64).unwrap()).unwrap().to_vec();
    assert_eq!(verify(&hash.encode(), "cafe\u{301}"), (true, 2));
    assert_eq!(verify(&hash.encode(), "caf\u{e9}"), (false, 1));
    assert_eq!(verify(&hash.encode(), "e\u{301}"), (false, 2));
}

#[test]
fn bytes_that_are_no_utf8_are_hashed_as_they_are() {
    let bytes = Password::from_bytes(vec![0xff, 0x00, 0x65, 0xcc, 0x81]).unwrap();
    let cost = Cost { memory_kib: 8, iterations: 1, parallelism: 1 };
    let mut arena = Arena::new(8).unwrap();
    let policy = Policy { cost, pepper: None };
    let job = Job::Hash { password: bytes.clone(), policy };
    let (Outcome::Hashed(encoded), _) = compute(&job, &mut arena).unwrap() else { panic!() };
    let stored = Arc::new(Stored::parse(&encoded, &Bounds::default()).unwrap());
    let (outcome, tries) = compute(&Job::Verify { password: bytes, stored }, &mut arena).unwrap();
    assert_eq!((outcome, tries), (Outcome::Verified(true), 1));
}

#[test]
fn an_arena_gives_the_same_answer_whatever_was_in_it_and_large_hashes_get_their_own() {
    let mut arena = Arena::new(256).unwrap();
    let encoded =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let stored = Arc::new(Stored::parse(encoded, &Bounds::default()).unwrap());
    let job = Job::Verify { password: password("password"), stored };
    for _ in 0..3 {
        assert_eq!(compute(&job, &mut arena).unwrap(), (Outcome::Verified(true), 1));
    }
    assert_eq!(compute(&job, &mut Arena::new(8).unwrap()).unwrap(), (Outcome::Verified(true), 1));
}

#[test]
fn a_hash_with_a_pepper_is_of_both() {
    let pepper = |content: &[u8]| Pepper::new("2026".parse().unwrap(), content).unwrap();
    let right = pepper(b"cGVwcGVyIHBlcHBlciBwZXBwZXI=");
    let cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
    let policy = Policy { cost, pepper: Some(right.clone()) };
    let mut arena = Arena::new(64).unwrap();
    let made = compute(&Job::Hash { password: password("hunter2"), policy }, &mut arena).unwrap();
    let (Outcome::Hashed(encoded), 1) = made else { panic!("{made:?}") };
    assert!(encoded.starts_with("$argon2id$v=19$m=64,t=1,p=1,keyid=MjAyNg$"), "{encoded}");
    let mut verify = |encoded: &str, clear: &str, peppers: Vec<Pepper>| {
        let bounds = Bounds { peppers: peppers.into_iter().collect(), ..Bounds::default() };
        let stored = Arc::new(Stored::parse(encoded, &bounds).unwrap());
        let job = Job::Verify { password: password(clear), stored };
        compute(&job, &mut arena).unwrap().0 == Outcome::Verified(true)
    };
    assert!(verify(&encoded, "hunter2", vec![right.clone()]));
    assert!(!verify(&encoded, "hunter3", vec![right]));
    assert!(!verify(&encoded, "hunter2", vec![pepper(b"bm90IHRoaXMgcGVwcGVyIGF0IGFsbA==")]));
    // Whoever takes the key id away has another hash, which no password opens.
    assert!(!verify(&encoded.replace(",keyid=MjAyNg", ""), "hunter2", Vec::new()));
}

/// RFC 9106's own answer with a secret is in `argon2id/tests/known_answers.rs`; it has associated data, which
/// no string here has. So another implementation says whether the string is right.
#[test]
fn a_peppered_string_is_understood_by_the_argon2_crate() {
    use ::argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordVerifier as _, Version};

    let id = "2026".parse().unwrap();
    let pepper = Pepper::new(id, b"cGVwcGVyIHBlcHBlciBwZXBwZXI=").unwrap();
    let cost = Cost { memory_kib: 64, iterations: 2, parallelism: 2 };
    let policy = Policy { cost, pepper: Some(pepper) };
    let job = Job::Hash { password: password("hunter2"), policy };
    let (Outcome::Hashed(encoded), _) = compute(&job, &mut Arena::new(64).unwrap()).unwrap() else {
        panic!("a hash came out as something else")
    };
    let verifies = |secret: &[u8]| {
        let params = Params::default();
        let argon2 = Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params);
        let hash = PasswordHash::new(&encoded).unwrap();
        argon2.unwrap().verify_password(b"hunter2", &hash).is_ok()
    };
    assert!(verifies(b"pepper pepper pepper"));
    assert!(!verifies(b""));
}
