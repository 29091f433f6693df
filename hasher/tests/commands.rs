//! The program at a terminal: what it prints and how it ends.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Standard output and exit code.
fn run(arguments: &[&str], input: &str) -> (String, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hasher"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A program that refuses its arguments ends before it reads.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// From the test suite of `crypt_blowfish`; the password is "a".
const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";

#[test]
fn a_verify_ends_with_its_answer() {
    assert_eq!(run(&["verify", BCRYPT], "a\n"), ("match\n".to_owned(), Some(0)));
    assert_eq!(run(&["verify", BCRYPT], "b\n"), ("mismatch\n".to_owned(), Some(1)));
    assert_eq!(run(&["verify", "$nothing$"], "a\n"), (String::new(), Some(2)));
    assert_eq!(run(&["verify"], "a\n"), (String::new(), Some(2)));
}

#[test]
fn a_batch_that_was_answered_ends_well_whatever_the_answers() {
    let rows = format!(
        "{}\n{}\n",
        json!({ "encoded": BCRYPT, "password": "b", "id": 1 }),
        json!({ "encoded": "$nothing$", "password": "b", "id": 2 }),
    );
    let (answers, code) = run(&["verify", "--batch", "-"], &rows);
    let answers: Vec<Value> =
        answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expect = [
        json!({ "encoded": BCRYPT, "id": 1, "outcome": "mismatch" }),
        json!({ "encoded": "$nothing$", "id": 2, "outcome": "unsupported-format" }),
    ];
    assert_eq!((answers.as_slice(), code), (expect.as_slice(), Some(0)));
    assert_eq!(run(&["verify", "--batch", "/nowhere"], "").1, Some(2));
}

#[test]
fn an_inspection_shows_parameters_and_nothing_of_salt_or_digest() {
    let rows = format!("{BCRYPT}\n{}\n", json!({ "encoded": BCRYPT, "password": "a" }));
    for arguments in [&["inspect"] as &[&str], &["inspect", "--json"]] {
        let (said, code) = run(arguments, &rows);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("cost") && said.contains("scheme"), "{said}");
        assert!(!said.contains("abcdefg") && !said.contains("veTXND"), "{said}");
    }
    let (said, code) = run(&["inspect"], &format!("{rows}$nothing$ABCDEF\n"));
    assert_eq!(code, Some(1));
    assert!(said.contains("3: refused: ") && !said.contains("ABCDEF"), "{said}");
    assert!(said.contains("3 hashes, 2 of them to be made anew"), "{said}");
    assert_eq!(run(&["inspect"], "").1, Some(2));
}

#[test]
fn the_keys_of_an_id_are_not_those_of_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("user-key");
    std::fs::write(&file, [7; 32]).unwrap();
    let file = file.to_str().unwrap();
    let keys = |user: &[&str]| {
        let (text, code) =
            run(&[&["key", "--realm", "shop", "--key-file", file], user].concat(), "");
        assert_eq!(code, Some(0), "{user:?}");
        text
    };
    // As in the contract's tests.
    assert!(keys(&["alice"]).contains("84d3c8b781db37483bd48b196e1db300"));
    assert!(keys(&["--user-id", "7"]).contains("35df222a9e1a57187c4499797418c064"));
    assert_eq!(keys(&["--user-id", "alice"]).lines().count(), keys(&["alice"]).lines().count());
    assert_ne!(keys(&["--user-id", "alice"]), keys(&["alice"]));
    for neither_or_both in
        [&["key", "--key-file", file][..], &["key", "a", "--user-id", "7", "--key-file", file]]
    {
        assert_eq!(run(neither_or_both, "").1, Some(2), "{neither_or_both:?}");
    }
}

#[test]
fn formats_are_listed_for_people_and_for_programs() {
    let (table, code) = run(&["formats"], "");
    assert_eq!(code, Some(0));
    let (list, _) = run(&["formats", "--json"], "");
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    assert_eq!(table.lines().count(), list.len() + 1, "one line is the heading");
}

/// What is proposed depends on the machine; that it is no more than was asked for does not.
#[test]
fn a_calibration_proposes_what_the_pod_has_room_for_and_nothing_weak() {
    let arguments =
        ["calibrate", "--target-ms", "300", "--lanes", "1", "--memory-limit-mib", "128"];
    let (table, code) = run(&arguments, "");
    assert_eq!(code, Some(0), "{table}");
    for said in ["1 lanes", "a pod of 128 MiB (as asked)", "\n* ", "OWASP", "[password.argon2id]"] {
        assert!(table.contains(said), "{said} is not in {table}");
    }
    let (text, code) = run(&[&arguments[..], &["--json"]].concat(), "");
    assert_eq!(code, Some(0), "{text}");
    let said: Value = serde_json::from_str(&text).unwrap();
    let (proposal, sets) = (&said["proposal"], said["sets"].as_array().unwrap());
    let of = |set: &Value, name: &str| set[name].as_f64().unwrap();
    assert_eq!(sets.last(), Some(proposal));
    assert_eq!(said["machine"]["memory_limit_from"], "as asked");
    for set in sets {
        assert!(of(set, "hash_ms") <= 300.0, "{set}");
        assert!(of(set, "pod_memory_mib") <= 128.0, "{set}");
        assert!(of(set, "memory_mib") * of(set, "iterations") >= 35.0, "{set}");
        assert!(of(set, "memory_mib") <= of(proposal, "memory_mib"), "{set}");
    }
    assert!(of(&said, "proposal_measured_ms") > 0.0);
}

#[test]
fn a_calibration_that_makes_no_sense_says_why() {
    let check = |arguments: &[&str], why: &str| {
        let child =
            Command::new(env!("CARGO_BIN_EXE_hasher")).arg("calibrate").args(arguments).output();
        let child = child.unwrap();
        let said = String::from_utf8(child.stderr).unwrap();
        assert!(said.contains(why) && child.stdout.is_empty(), "{arguments:?}: {said}");
        assert_eq!(child.status.code(), Some(2), "{arguments:?}");
    };
    check(&["--target-ms", "0"], "0 is not in 1..=10000");
    check(&["--target-ms", "soon"], "invalid value 'soon'");
    check(&["--lanes", "0"], "0 is not in 1..=256");
    check(
        &["--target-ms", "1", "--lanes", "1", "--memory-limit-mib", "128"],
        "1 ms is too short on this machine: the quickest set that OWASP calls safe",
    );
    check(
        &["--lanes", "4", "--memory-limit-mib", "64"],
        "4 lanes of 7 MiB, the least there is, do not fit into 64 MiB beside 64 MiB for the program",
    );
}
