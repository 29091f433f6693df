//! A table of old hashes is wrapped: by the program, which is killed again and again, and over the API. What
//! comes out verifies, and the next login takes the wrapping away.
//!
//! `AUTHCLUSTER_WRAP_ROWS=100000` makes the table that large; the policy is the cheapest that there is.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, and waits with real bounds"
)]

#[path = "shared/pod.rs"]
mod pod;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use authcluster_contract::wrapped;
use authcluster_hasher::clock;
use authcluster_hasher::start::Running;
use rustix::pty::{self, OpenptFlags};
use serde_json::{Value, json};

use crate::pod::{call, client, config, start};

/// Rows of the table that is wrapped while the program is killed.
const ROWS: u64 = 2_000;

/// How often it is killed.
const KILLS: u64 = 3;

/// Of "a", from the test suite of `crypt_blowfish`.
const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";

/// MD5 of "password".
const MD5: &str = "5f4dcc3b5aa765d61d8327deb882cf99";

const ARGON2ID: &str = "$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWFhYWFhYWFhYQ$\
                        YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE";

/// A table in which every tenth row is of another kind, or none.
fn table(rows: u64) -> String {
    let row = |id: u64| match id % 10 {
        0 => json!({ "id": id, "encoded": BCRYPT }).to_string(),
        1 => json!({ "id": id, "encoded": "$nothing$", "email": "\u{e9}" }).to_string(),
        2 => json!({ "encoded": ARGON2ID, "id": id }).to_string(),
        3 => format!("{{\"id\": {id}, \"encoded\": null}}"),
        4 => format!("no JSON {id}"),
        5 => String::new(),
        _ => format!("{{\"id\":{id},\"encoded\":\"{MD5}\",\"balance\":1.50}}"),
    };
    (0..rows).map(|id| row(id) + "\n").collect()
}

fn wrap(input: &Path, output: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_hasher"))
        .args(["wrap", "--memory-mib", "7", "--iterations", "1", "--in"])
        .arg(input)
        .arg("--out")
        .arg(output)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn lines(path: &Path) -> u64 {
    let text = fs::read(path).unwrap_or_default();
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Waits for the output to have so many lines, and kills the program; whether it was still running.
fn kill_at(line: u64, child: &mut Child, output: &Path) -> bool {
    let (began, mut read, mut seen) = (Instant::now(), 0, 0);
    while seen < line && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(600), "not at line {line} in time");
        // Only what is new, or a large table is read more often than it is written.
        if let Ok(mut file) = fs::File::open(output) {
            let mut new = Vec::new();
            file.seek(SeekFrom::Start(read)).unwrap();
            read += file.read_to_end(&mut new).unwrap() as u64;
            seen += new.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        std::thread::yield_now();
    }
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

#[test]
fn a_run_that_is_killed_gives_the_file_of_one_that_is_not() {
    let rows = std::env::var("AUTHCLUSTER_WRAP_ROWS");
    let rows = rows.map_or(ROWS, |rows| rows.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in"), table(rows)).unwrap();
    let (killed, whole) = (path("killed"), path("whole"));
    let mut kills = 0;
    for part in 1..=KILLS {
        // Somewhere in this part of the table, which leaves the last part for the run that is not killed.
        let random = u64::from_be_bytes(clock::random_bytes().unwrap());
        let line = (part - 1) * rows / (KILLS + 1) + random % (rows / (KILLS + 1)) + 1;
        let was_running = kill_at(line, &mut wrap(&path("in"), &killed), &killed);
        let torn = !fs::read(&killed).unwrap().ends_with(b"\n");
        println!("killed at line {line}: {} lines, torn: {torn}", lines(&killed));
        assert!(was_running, "it was done before it could be killed");
        kills += u64::from(was_running);
        if part == 1 {
            // The same run, whose salts are the same, from its beginning.
            fs::copy(path("killed.state"), path("whole.state")).unwrap();
        }
    }
    assert_eq!(kills, KILLS);
    // Whatever a kill leaves of a line is not taken for one.
    let mut torn = fs::read(&killed).unwrap();
    torn.extend(b"{\"id\":12,\"encoded\":\"$authcl");
    fs::write(&killed, torn).unwrap();
    for output in [&killed, &whole] {
        assert!(wrap(&path("in"), output).wait().unwrap().success());
    }
    let text = fs::read_to_string(&killed).unwrap();
    assert!(text == fs::read_to_string(&whole).unwrap(), "the files differ");
    assert!(!path("killed.state").exists() && !path("whole.state").exists());

    let given: Vec<String> = table(rows).lines().map(str::to_owned).collect();
    let given: Vec<&String> = given.iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(text.lines().count(), given.len());
    let mut salts = BTreeSet::new();
    for (line, given) in text.lines().zip(given) {
        let row: Value = serde_json::from_str(line).unwrap();
        let old: Value = serde_json::from_str(given).unwrap_or_default();
        assert_eq!(row["id"], old["id"], "{line}");
        if row["outcome"] == "wrapped" {
            assert_eq!(row["replaces"], old["encoded"], "{line}");
            let (argon2id, setting) = wrapped::split(row["encoded"].as_str().unwrap()).unwrap();
            assert!(setting.ends_with("....") || setting.ends_with("0000"), "{line}");
            assert!(salts.insert(argon2id.split('$').nth(4).unwrap().to_owned()), "{line}");
        } else {
            assert_eq!((&row["encoded"], row.get("replaces")), (&old["encoded"], None), "{line}");
        }
    }
    assert!(text.contains("\"balance\":1.50,"), "fields are kept as they are written");
    let of = |outcome: &str| text.matches(&format!("\"outcome\":\"{outcome}\"")).count() as u64;
    assert_eq!(of("wrapped"), rows / 2);
    assert_eq!(of("unsupported-format"), rows / 10);
    assert_eq!(of("not-wrappable"), rows / 10);
    assert_eq!(of("malformed-request"), rows / 5);

    // Done is done, and what is not of this input is not gone on with.
    assert_eq!(wrap(&path("in"), &killed).wait().unwrap().code(), Some(2));
    fs::write(path("whole.state"), "").unwrap();
    assert_eq!(wrap(&path("in"), &whole).wait().unwrap().code(), Some(2));
    assert_eq!(fs::read_to_string(&whole).unwrap(), text);
}

#[test]
fn a_run_goes_on_only_with_its_own_files_and_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in"), table(400)).unwrap();
    assert!(kill_at(20, &mut wrap(&path("in"), &path("out")), &path("out")));
    let fails = |input: &Path, more: &[&str]| {
        let child = Command::new(env!("CARGO_BIN_EXE_hasher"))
            .args(["wrap", "--memory-mib", "7", "--in"])
            .arg(input)
            .arg("--out")
            .arg(path("out"))
            .args(more)
            .output()
            .unwrap();
        assert_eq!(child.status.code(), Some(2));
        String::from_utf8(child.stderr).unwrap()
    };
    let error = fails(&path("in"), &["--iterations", "2"]);
    assert!(error.contains("begun with another policy"), "{error}");
    fs::write(path("other"), table(400).replace(MD5, &"0".repeat(32))).unwrap();
    let error = fails(&path("other"), &["--iterations", "1"]);
    assert!(error.contains("is not made of line 7 of the input"), "{error}");
    fs::write(path("short"), table(4)).unwrap();
    let error = fails(&path("short"), &["--iterations", "1"]);
    assert!(error.contains("more rows than the input"), "{error}");
    // None of it has harmed the run.
    assert!(wrap(&path("in"), &path("out")).wait().unwrap().success());
    assert_eq!(lines(&path("out")), 360);
}

#[test]
fn a_dry_run_says_what_there_is_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in"), table(100)).unwrap();
    let dry = Command::new(env!("CARGO_BIN_EXE_hasher"))
        .args(["wrap", "--dry-run", "--memory-mib", "7", "--iterations", "1", "--in"])
        .arg(folder.path().join("in"))
        .output()
        .unwrap();
    assert!(dry.status.success());
    let said = String::from_utf8(dry.stdout).unwrap();
    for line in [
        "90 rows, 50 of them to be wrapped",
        "        10  bcrypt",
        "        40  hex-md5-or-nt",
        "        10  not wrapped: not-wrappable: the stored hash is of Argon2, and needs no wrapping",
        "        20  not wrapped: malformed-request: it is no JSON object with one text `encoded`",
        " of one CPU, about ",
    ] {
        assert!(said.contains(line), "{line} of {said}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn progress_is_shown_at_a_terminal_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in"), table(100)).unwrap();
    let wrap = |output: &str, stderr: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hasher"));
        command.args(["wrap", "--memory-mib", "7", "--iterations", "1", "--in"]).arg(path("in"));
        command.arg("--out").arg(path(output)).env("TERM", "xterm").stderr(stderr);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let piped = wrap("piped", Stdio::piped()).wait_with_output().unwrap();
    assert!(piped.status.success() && piped.stderr.is_empty(), "{piped:?}");

    let terminal = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    pty::grantpt(&terminal).unwrap();
    pty::unlockpt(&terminal).unwrap();
    let name = pty::ptsname(&terminal, Vec::new()).unwrap();
    let screen = fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut child = wrap("shown", screen.into());
    let mut shown = Vec::new();
    // Ends with EIO when the program has ended.
    drop(fs::File::from(terminal).read_to_end(&mut shown));
    assert!(child.wait().unwrap().success());
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("[##############################] 100 %, "), "{shown:?}");
}

async fn post(pod: &Running, path: &str, body: Value) -> (u16, Value) {
    let response = call(&client(), pod, path, body.to_string()).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_hash_logs_in_once_more_and_is_made_anew() {
    let pod = start(&config()).await;
    let encoded = [BCRYPT, "$nothing$", MD5, ARGON2ID, "!"];
    let rows: Vec<Value> = encoded.iter().map(|encoded| json!({ "encoded": encoded })).collect();
    let (status, answer) = post(&pod, "/v1/migrations/wrap", json!({ "rows": rows })).await;
    assert_eq!(status, 200, "{answer}");
    let rows = answer["rows"].as_array().unwrap();
    let outcome = |row: usize| (rows[row]["outcome"].clone(), rows[row]["code"].clone());
    assert_eq!(outcome(1), (json!("refused"), json!("unsupported-format")));
    assert_eq!(outcome(3), (json!("refused"), json!("not-wrappable")));
    assert_eq!(outcome(4), (json!("refused"), json!("not-wrappable")));
    for (row, password) in [(0, "a"), (2, "password")] {
        assert_eq!(rows[row]["outcome"], "wrapped");
        assert_eq!(rows[row]["replaces"], encoded[row]);
        let wrapped = &rows[row]["encoded"];
        let login = |password: &str| {
            let username = format!("user-{row}");
            json!({ "username": username, "password": password, "encoded": wrapped, "migrate": true })
        };
        let right = post(&pod, "/v1/login", login(password)).await.1;
        assert_eq!((&right["match"], &right["reasons"]), (&json!(true), &json!(["wrapped"])));
        let (new, replaces) = (&right["rehash"]["encoded"], &right["rehash"]["replaces"]);
        assert_eq!(replaces, wrapped);
        assert!(new.as_str().unwrap().starts_with("$argon2id$v=19$m=7168,t=1,p=1$"), "{new}");
        let verify = json!({ "password": password, "encoded": new });
        let again = post(&pod, "/v1/verify", verify).await.1;
        assert_eq!((&again["match"], &again["needs_rehash"]), (&json!(true), &json!(false)));
        let wrong = post(&pod, "/v1/login", login("wrong")).await.1;
        assert_eq!(wrong["match"], false);
        let inspected = post(&pod, "/v1/inspect", json!({ "encoded": wrapped })).await.1;
        assert_eq!(
            (&inspected["format"], &inspected["scheme"]),
            (&json!("wrapped"), &json!("wrapped"))
        );
        let again = json!({ "rows": [{ "encoded": wrapped }] });
        let again = post(&pod, "/v1/migrations/wrap", again).await.1;
        assert_eq!(again["rows"][0]["code"], "not-wrappable");
    }
    let many = vec![json!({ "encoded": MD5 }); 101];
    let (status, problem) = post(&pod, "/v1/migrations/wrap", json!({ "rows": many })).await;
    assert_eq!((status, &problem["code"]), (400, &json!("malformed-request")));
    assert!(pod.shut_down().await);
}
