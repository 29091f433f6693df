//! The rules of FORMATS.md on passwords, each with its example.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::sync::Arc;

use authcluster_contract::limits::PASSWORD_BYTES_MAX;
use authcluster_contract::secret::Password;
use authcluster_hasher::engine::{Arena, compute};
use authcluster_hasher::formats::{Bounds, Stored};
use authcluster_hasher::work::{Job, Outcome};

/// bcrypt by libxcrypt, all with this salt.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu";

fn bcrypt(digest: &str) -> String {
    format!("{BCRYPT}{digest}")
}

fn check(encoded: &str, password: impl AsRef<[u8]>, expect: bool) {
    let stored = Arc::new(Stored::parse(encoded, &Bounds::default()).unwrap());
    let password = Password::from_bytes(password.as_ref().to_vec()).unwrap();
    let job = Job::Verify { password, stored };
    let (outcome, _) = compute(&job, &mut Arena::new(8).unwrap()).unwrap();
    assert_eq!(outcome, Outcome::Verified(expect), "{encoded} {job:?}");
}

#[test]
fn unicode_is_tried_in_nfc_and_then_as_it_was_sent() {
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
    let of_composed = bcrypt("usvfeYzFuQdqd.KjimlRKkZ2QcoHWhO");
    check(&of_composed, composed, true);
    check(&of_composed, decomposed, true);
    let of_decomposed = bcrypt("OPx4tXEYeRQ0j5wdqjQ2bd8EqDyvq5e");
    check(&of_decomposed, decomposed, true);
    check(&of_decomposed, composed, false);
}

#[test]
fn bcrypt_sees_72_bytes_and_des_crypt_eight_characters_of_seven_bits() {
    let of_72 = bcrypt("BzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe");
    for (length, expect) in [(71, false), (72, true), (73, true), (PASSWORD_BYTES_MAX, true)] {
        check(&of_72, "a".repeat(length), expect);
    }
    let of_password = "abJnggxhB/yWI";
    for (password, expect) in
        [("password", true), ("passwordignored", true), ("passwor", false), ("Password", false)]
    {
        check(of_password, password, expect);
    }
    let eighth_bits: Vec<u8> = b"password".iter().map(|byte| byte | 0x80).collect();
    check(of_password, eighth_bits, true);
    // Prehashed, all of it counts.
    let prehashed =
        "$bcrypt-sha256$v=2,t=2b,r=5$5Hg1DKFqPE8C2aflZ5vVoe$wOK1VFFtS8IGTrGa7.h5fs0u84qyPbS";
    check(prehashed, "password", true);
    check(prehashed, format!("password{}", "\u{1}".repeat(100)), false);
}

#[test]
fn a_nul_matches_nothing_where_it_ends_a_key_and_counts_elsewhere() {
    let of_a = bcrypt("MFdJu9yVgmagVAIC24fOZkaFqd3s9JC");
    check(&of_a, "a", true);
    // The key repeats after its NUL, so that this one is the same key.
    check(&of_a, "a\0a", false);
    check(&of_a, "a\0", false);
    check(&bcrypt("byCG3zY1GIXMyxfivm.ClDiInHzxjiq"), "", true);
    check(&bcrypt("byCG3zY1GIXMyxfivm.ClDiInHzxjiq"), "\0", false);
    check("abxxB7HlIeckU", "a", true);
    check("abxxB7HlIeckU", "a\0", false);
    // SHA-1 of "a\0b".
    check("4a3dec2d1f8245280855c42db0ee4239f917fdb8", "a\0b", true);
    check("4a3dec2d1f8245280855c42db0ee4239f917fdb8", "a", false);
}

#[test]
fn bytes_that_are_no_utf8_match_an_nt_hash_only_where_crypt_widens_them() {
    // libxcrypt's test suite: each byte is a letter.
    let digest = "7d17e6e477db7a72b5b88d7cc9c5c6e7";
    let bytes = [0xd0, 0xc1, 0xd2, 0xcf, 0xcc, 0xd8];
    check(&format!("$3$${digest}"), bytes, true);
    check(&format!("sambaNTPassword: {digest}"), bytes, false);
}

#[test]
fn two_readings_are_both_tried_and_no_more() {
    // MD5 and NT hash of "password".
    for encoded in ["5f4dcc3b5aa765d61d8327deb882cf99", "8846f7eaee8fb117ad06bdd830b7586c"] {
        check(encoded, "password", true);
        check(encoded, "Password", false);
    }
}
