//! Strings that are read, and strings that are refused.

#![expect(clippy::string_slice, reason = "the strings are ASCII")]

use authcluster_contract::secret::Password;

use super::*;

const SALT: &str = "YWFhYWFhYWFhYWFhYWFhYQ";
const OUTPUT: &str = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE";

fn parse(encoded: &str) -> Result<Stored, String> {
    Stored::parse(encoded, &Bounds::default()).map_err(|error| error.to_string())
}

fn refused(encoded: &str, expect: &str) {
    match parse(encoded) {
        Ok(_) => panic!("{encoded} was read"),
        Err(error) => assert!(error.contains(expect), "{encoded}: {error}"),
    }
}

#[test]
fn what_is_read_is_written_the_same() {
    for encoded in [
        format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}${OUTPUT}"),
        format!("$argon2i$v=16$m=8,t=1,p=1$YWFhYWFhYWE${SALT}"),
        format!("$argon2d$v=19$m=1048576,t=4,p=64${SALT}${OUTPUT}"),
    ] {
        let stored = parse(&encoded).unwrap();
        let Parsed::Argon2(hash) = stored.parsed();
        assert_eq!(hash.encode(), encoded);
        assert_eq!(stored.encoded(), encoded);
    }
}

#[test]
fn a_string_without_a_version_is_the_old_one() {
    let stored = parse(&format!("$argon2id$m=8,t=1,p=1${SALT}${OUTPUT}")).unwrap();
    let Parsed::Argon2(hash) = stored.parsed();
    assert_eq!(hash.version, argon2::Version::V0x10);
}

#[test]
fn every_truncation_within_the_structure_is_refused_and_none_of_them_panics() {
    let whole = format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}${OUTPUT}");
    let shortest = whole.len() - OUTPUT.len() + SALT.len();
    for end in 0..whole.len() {
        // An output that is cut at a whole byte is another, shorter output: read, and never equal.
        let cut_output = end >= shortest && parse(&whole[..end]).is_ok();
        assert!(cut_output || parse(&whole[..end]).is_err(), "{}", &whole[..end]);
    }
    refused(&whole[..whole.len() - 1], "its output is no base64");
}

#[test]
fn bombs_are_refused_by_name() {
    let bomb = |parameters: &str| format!("$argon2id$v=19${parameters}${SALT}${OUTPUT}");
    refused(&bomb("m=4294967295,t=1,p=1"), "has m 4294967295, and must be between 8 and 1048576");
    refused(&bomb("m=65536,t=1,p=4294967295"), "has p 4294967295, and must be between 1 and 64");
    refused(&bomb("m=65536,t=4294967295,p=1"), "has t 4294967295, and must be between 1 and 1024");
    refused(&bomb("m=65536,t=0,p=1"), "has t 0");
    refused(&bomb("m=65536,t=1,p=0"), "has p 0");
    refused(&bomb("m=31,t=1,p=4"), "has m 31, and must be between 32 and 1048576");
    refused(&bomb("m=99999999999999999999999,t=1,p=1"), "has m 18446744073709551615");
    refused(&bomb("m=1048576,t=5,p=1"), "has MiB-passes 5120, and must be between 1 and 4096");
}

#[test]
fn what_is_not_exactly_the_format_is_unsupported() {
    let with = |parameters: &str| format!("$argon2id$v=19${parameters}${SALT}${OUTPUT}");
    for encoded in ["", "$", "hunter2", "$2b$12$abcdefghijklmnopqrstuu", "{ARGON2}$argon2id$v=19"] {
        refused(encoded, "no supported format");
    }
    refused(&format!("$argon2id$v=18$m=8,t=1,p=1${SALT}${OUTPUT}"), "versions 16 and 19");
    refused(&format!("$argon2ID$v=19$m=8,t=1,p=1${SALT}${OUTPUT}"), "only Argon2 PHC strings");
    refused(&with("t=1,m=8,p=1"), "m=,t=,p=");
    refused(&with("m=8,t=1"), "m=,t=,p=");
    refused(&with("m=08,t=1,p=1"), "m=,t=,p=");
    refused(&with("m=+8,t=1,p=1"), "m=,t=,p=");
    refused(&with("m=,t=1,p=1"), "m=,t=,p=");
    refused(&with("m=8,t=1,p=1,keyid=abc"), "keyid, data");
    refused(&with("m=8,t=1,p=1,data=abc"), "keyid, data");
    refused(&format!("{}$", with("m=8,t=1,p=1")), "something follows");
    refused(&format!("{}=", with("m=8,t=1,p=1")), "its output is no base64");
    refused(&format!("$argon2id$v=19$m=8,t=1,p=1$${OUTPUT}"), "its salt is no base64");
    refused(&format!("$argon2id$v=19$m=8,t=1,p=1$YWFhYQ${OUTPUT}"), "its salt is no base64");
    // The last letter holds four bits that no byte uses; only zeros are right.
    refused(&format!("$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWFhYWFhYWFhYR${OUTPUT}"), "its salt");
    refused(&"$".repeat(ENCODED_BYTES_MAX + 1), "longer than any known format");
}

#[test]
fn errors_and_debug_show_no_content() {
    let stored = parse(&format!("$argon2id$v=19$m=8,t=1,p=1${SALT}${OUTPUT}")).unwrap();
    assert_eq!(format!("{stored:?}"), "Stored(Argon2id, ..)");
}

#[test]
fn only_text_that_nfc_changes_is_composed() {
    let composed = |bytes: &[u8]| nfc(&Password::from_bytes(bytes.to_vec()).unwrap());
    assert!(composed(b"plain").is_none());
    assert!(composed("caf\u{e9}".as_bytes()).is_none());
    assert_eq!(*composed("cafe\u{301}".as_bytes()).unwrap(), "caf\u{e9}".as_bytes());
    assert!(composed(&[0xff, 0x65, 0xcc, 0x81]).is_none());
    // Compatibility forms stay apart: NFC, not NFKC.
    assert!(composed("\u{fb01}".as_bytes()).is_none());
}
