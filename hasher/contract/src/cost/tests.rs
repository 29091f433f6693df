//! What a hash costs, and which policies are refused.

use super::*;

#[test]
fn a_hash_of_19_mib_and_two_passes_is_38_units() {
    let cost = Argon2idPolicy::default().checked().unwrap();
    assert_eq!(cost.units(), Units(38));
}

#[test]
fn work_is_rounded_up_and_never_zero() {
    let cost = |memory_kib, iterations| Cost { memory_kib, iterations, parallelism: 1 };
    assert_eq!(cost(8, 1).units(), Units(1));
    assert_eq!(cost(1025, 1).units(), Units(2));
    assert_eq!(
        cost(u32::MAX, u32::MAX).units(),
        Units((u64::from(u32::MAX).pow(2)).div_ceil(1024))
    );
}

#[test]
fn an_unreasonable_policy_names_its_field_and_the_bounds() {
    let check = |policy: Argon2idPolicy, expect: &str| {
        assert_eq!(policy.checked().unwrap_err().to_string(), expect);
    };
    let good = Argon2idPolicy::default();
    check(
        Argon2idPolicy { memory_mib: 6, ..good },
        "password.argon2id.memory_mib is 6, and must be between 7 and 2048",
    );
    check(
        Argon2idPolicy { iterations: 0, ..good },
        "password.argon2id.iterations is 0, and must be between 1 and 64",
    );
    // More of both would make hashes that ask for too much work to be verified.
    check(
        Argon2idPolicy { memory_mib: 513, iterations: 64, ..good },
        "password.argon2id.iterations is 64, and must be between 1 and 63",
    );
    check(
        Argon2idPolicy { parallelism: u32::MAX, ..good },
        "password.argon2id.parallelism is 4294967295, and must be between 1 and 16",
    );
}
