//! What is weaker than 19 MiB and two passes.

use super::*;
use crate::formats::Bounds;

fn check(encoded: &str, expect: &[RehashReason]) {
    let policy = Cost { memory_kib: 19_456, iterations: 2, parallelism: 1 };
    let stored = Stored::parse(encoded, &Bounds::default()).unwrap();
    assert_eq!(rehash_reasons(&stored, policy), expect, "{encoded}");
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
