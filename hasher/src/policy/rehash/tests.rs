//! What is weaker than 19 MiB and two passes.

use super::*;
use crate::formats::Bounds;

fn check(encoded: &str, expect: &[RehashReason]) {
    let policy = Policy { cost: COST, pepper: None };
    let stored = Stored::parse(encoded, &Bounds::default()).unwrap();
    assert_eq!(rehash_reasons(&stored, &policy), expect, "{encoded}");
}

const COST: Cost = Cost { memory_kib: 19_456, iterations: 2, parallelism: 1 };

#[test]
fn every_hash_gets_the_current_pepper() {
    let pepper =
        |id: &str| Pepper::new(id.parse().unwrap(), b"cGVwcGVyIHBlcHBlciBwZXBwZXI=").unwrap();
    let bounds = Bounds {
        peppers: [pepper("2025"), pepper("2026")].into_iter().collect(),
        ..Bounds::default()
    };
    let policy = Policy { cost: COST, pepper: Some(pepper("2026")) };
    let salt = "YWFhYWFhYWFhYWFhYWFhYQ";
    let output = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE";
    for (key, expect) in [
        (",keyid=MjAyNg", [].as_slice()),
        (",keyid=MjAyNQ", &[RehashReason::Pepper]),
        ("", &[RehashReason::Pepper]),
    ] {
        let encoded = format!("$argon2id$v=19$m=19456,t=2,p=1{key}${salt}${output}");
        let stored = Stored::parse(&encoded, &bounds).unwrap();
        assert_eq!(rehash_reasons(&stored, &policy), expect, "{encoded}");
        // Without a current one each keeps what it has, and that is no reason.
        let none = Policy { cost: COST, pepper: None };
        assert_eq!(rehash_reasons(&stored, &none), [], "{encoded}");
        let id = |policy: Policy| policy.pepper.map(|it| it.id().to_string());
        let kept = match key {
            "" => None,
            ",keyid=MjAyNg" => Some("2026".to_owned()),
            _ => Some("2025".to_owned()),
        };
        assert_eq!(id(none.in_place_of(&stored)), kept, "{encoded}");
        assert_eq!(id(policy.in_place_of(&stored)).as_deref(), Some("2026"), "{encoded}");
    }
}

#[test]
fn every_other_function_is_weaker_and_that_is_all_there_is_to_say() {
    check("$2b$14$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK", &[RehashReason::Scheme]);
    check("5f4dcc3b5aa765d61d8327deb882cf99", &[RehashReason::Scheme]);
    let salt = "YWFhYWFhYWFhYWFhYWFhYQ";
    let output = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE";
    check(&format!("argon2$argon2id$v=19$m=19456,t=2,p=1${salt}${output}"), &[]);
}

#[test]
fn each_weakness_is_named_and_strength_is_not() {
    let salt = "YWFhYWFhYWFhYWFhYWFhYQ";
    let output = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE";
    check(&format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${output}"), &[]);
    check(&format!("$argon2id$v=19$m=65536,t=3,p=4${salt}${output}"), &[]);
    check(&format!("$argon2id$v=19$m=19455,t=2,p=1${salt}${output}"), &[RehashReason::Memory]);
    check(&format!("$argon2id$v=19$m=65536,t=1,p=1${salt}${output}"), &[RehashReason::Iterations]);
    check(&format!("$argon2i$v=19$m=19456,t=2,p=1${salt}${output}"), &[RehashReason::Scheme]);
    check(&format!("$argon2id$m=19456,t=2,p=1${salt}${output}"), &[RehashReason::Version]);
    check(
        &format!("$argon2d$v=16$m=8,t=1,p=1$YWFhYWFhYWE${salt}"),
        &[
            RehashReason::Scheme,
            RehashReason::Version,
            RehashReason::Memory,
            RehashReason::Iterations,
            RehashReason::SaltLength,
            RehashReason::OutputLength,
        ],
    );
}
