//! The program at a terminal: what it prints and how it ends.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// What the program says of this input.
fn output(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hasher"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments ends before it reads.
    drop(child.stdin.take().unwrap().write_all(input));
    child.wait_with_output().unwrap()
}

/// Standard output and exit code.
fn run(arguments: &[&str], input: &str) -> (String, Option<i32>) {
    let output = output(arguments, input.as_bytes());
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// Standard error of a command that fails.
#[track_caller]
fn error(arguments: &[&str], input: &[u8]) -> String {
    let output = output(arguments, input);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// From the test suite of `crypt_blowfish`; the password is "a".
const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";

#[test]
fn a_verify_ends_with_its_answer() {
    assert_eq!(run(&["verify", BCRYPT], "a\n"), ("match\n".to_owned(), Some(0)));
    assert_eq!(run(&["verify", BCRYPT], "b\n"), ("mismatch\n".to_owned(), Some(1)));
    assert_eq!(run(&["verify", "$nothing$"], "a\n"), (String::new(), Some(2)));
    assert_eq!(run(&["verify"], "a\n"), (String::new(), Some(2)));
    assert!(error(&["verify", ""], b"a\n").contains("the stored hash is empty"));
}

#[test]
fn a_password_is_never_cut() {
    let longest = "a".repeat(1024);
    let (encoded, code) = run(&["hash", "--memory-mib", "7"], &format!("{longest}\r\n"));
    assert_eq!(code, Some(0));
    let encoded = encoded.trim_end();
    assert_eq!(run(&["verify", encoded], &longest), ("match\n".to_owned(), Some(0)));
    for tail in ["\rbcdef\n", "\rother\n", "b\n", "\r\r\n"] {
        let line = format!("{longest}{tail}");
        for command in [&["hash", "--memory-mib", "7"] as &[&str], &["verify", encoded]] {
            let error = error(command, line.as_bytes());
            assert!(error.contains("longer than 1024 bytes; it is never cut"), "{tail:?}: {error}");
        }
    }
}

#[test]
fn a_password_from_windows_is_the_one_that_is_typed() {
    let typed = b"a\n" as &[u8];
    for piped in [b"\xef\xbb\xbfa\r\n" as &[u8], b"a\r\n", b"a", typed] {
        assert_eq!(output(&["verify", BCRYPT], piped).stdout, b"match\n", "{piped:?}");
    }
    let utf16 = error(&["hash", "--memory-mib", "7"], b"\xff\xfea\0\r\0\n\0");
    assert!(utf16.contains("standard input is UTF-16"), "{utf16}");
    let verified = output(&["verify", BCRYPT], b"\xff\xfea\0\r\0\n\0");
    assert_eq!((verified.stdout, verified.status.code()), (b"mismatch\n".to_vec(), Some(1)));
    assert!(String::from_utf8_lossy(&verified.stderr).contains("standard input is UTF-16"));
}

#[test]
fn an_empty_password_is_verified_and_never_hashed() {
    assert_eq!(run(&["verify", BCRYPT], "\n"), ("mismatch\n".to_owned(), Some(1)));
    let empty = error(&["hash", "--memory-mib", "7"], b"\n");
    assert!(empty.contains("the password is empty"), "{empty}");
    for command in [&["hash", "--memory-mib", "7"] as &[&str], &["verify", BCRYPT]] {
        let missing = error(command, b"");
        assert!(missing.contains("no password on standard input"), "{missing}");
    }
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

/// A row with one more field, which is Latin-1.
fn latin(row: &str) -> Vec<u8> {
    let row = row.strip_suffix('}').unwrap();
    [row.as_bytes(), b",\"name\":\"Jos\xe9\"}"].concat()
}

#[test]
fn one_bad_row_does_not_end_an_inspection_or_a_batch() {
    let row = json!({ "encoded": BCRYPT, "password": "a" }).to_string();
    let latin = latin(&row);
    let rows = [b"\xef\xbb\xbf", row.as_bytes(), b"\r\n\n", &latin, b"\n", row.as_bytes()].concat();
    let batch = output(&["verify", "--batch", "-"], &rows);
    assert_eq!(batch.status.code(), Some(0), "{batch:?}");
    let answers = String::from_utf8(batch.stdout).unwrap();
    let answers: Vec<Value> =
        answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let good = json!({ "encoded": BCRYPT, "outcome": "match" });
    let bad = json!({ "line": 3, "outcome": "malformed-request" });
    assert_eq!(answers, [good.clone(), bad, good]);
    // A row that is refused is a row still: the lines are answered one by one.
    let mixed = [&latin[..], b"\nno JSON\n"].concat();
    assert_eq!(output(&["verify", "--batch", "-"], &mixed).status.code(), Some(0));

    for arguments in [&["inspect"] as &[&str], &["inspect", "-"]] {
        let inspected = output(arguments, &rows);
        assert_eq!(inspected.status.code(), Some(1), "{inspected:?}");
        let said = String::from_utf8(inspected.stdout).unwrap();
        for line in ["1: bcrypt ", "3: refused: the line is not UTF-8", "4: bcrypt "] {
            assert!(said.lines().any(|said| said.starts_with(line)), "{line}: {said}");
        }
    }
    let said = String::from_utf8(output(&["inspect", "--json"], &rows).stdout).unwrap();
    let refused: Value = serde_json::from_str(said.lines().nth(1).unwrap()).unwrap();
    let expect =
        json!({ "line": 3, "code": "malformed-request", "detail": "the line is not UTF-8" });
    assert_eq!(refused, expect);
}

#[test]
fn input_without_rows_is_an_error_that_says_what_it_looks_like() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in"), folder.path().join("out"));
    let (input_name, out_name) = (input.to_str().unwrap(), out.to_str().unwrap());
    let row = json!({ "encoded": BCRYPT, "password": "a" }).to_string();
    let utf16: Vec<u8> =
        format!("\u{feff}{row}\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let csv = format!("id,encoded,password\n1,{BCRYPT},a\n");
    let array = format!("[\n{row},\n{row}\n]\n");
    let check = |rows: &[u8], expect: &str, inspect: i32| {
        fs::write(&input, rows).unwrap();
        for command in [
            &["verify", "--batch", input_name] as &[&str],
            &["wrap", "--dry-run", "--in", input_name],
            &["wrap", "--in", input_name, "--out", out_name],
        ] {
            let error = error(command, b"");
            assert!(error.contains("no row could be read"), "{error}");
            assert!(error.contains(expect) && error.contains(input_name), "{error}");
        }
        assert!(!out.exists(), "{expect}: an output was written");
        let inspected = output(&["inspect", input_name], b"");
        assert_eq!(inspected.status.code(), Some(inspect), "{expect}: {inspected:?}");
    };
    check(b"", "the input is empty", 2);
    check(&latin(&row), "is not UTF-8", 2);
    check(&utf16, "UTF-16", 2);
    check(b"\x1f\x8b\x08\0\0\0", "gzip", 2);
    check(array.as_bytes(), "a JSON array", 2);
    // A line of text may be a hash; each line is refused by itself.
    check(csv.as_bytes(), "the input is no JSON", 1);
}

#[test]
fn a_reader_that_leaves_is_no_error_and_a_full_disk_is() {
    let row = json!({ "encoded": "0".repeat(32), "password": "a" }).to_string() + "\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, row.repeat(5_000)).unwrap();
    let name = file.path().to_str().unwrap();
    for arguments in [&["verify", "--batch", name] as &[&str], &["inspect", name]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hasher"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Closes the pipe before anything is read from it.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(141), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");

        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_hasher"))
            .args(arguments)
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"), "{output:?}");
    }
}

#[test]
fn the_keys_of_an_id_are_not_those_of_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("user-key");
    fs::write(&file, [7; 32]).unwrap();
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
