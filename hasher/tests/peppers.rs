//! A pod with peppers, as its callers meet it: hashes say which pepper they are of, and one that is missing
//! is neither a match nor a mismatch.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "shared/pod.rs"]
mod pod;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use authcluster_contract::config::HasherConfig;
use authcluster_contract::pepper::PepperFolder;
use authcluster_hasher::start::{self, Running};
use serde_json::{Value, json};

use crate::pod::{call, client, start};

const OLD: &str = "b2xkIG9sZCBvbGQgb2xkIG9sZCA=";
const NEW: &str = "bmV3IG5ldyBuZXcgbmV3IG5ldyA=\n";

fn config(pepper: Option<(&Path, &str)>) -> HasherConfig {
    let mut config = pod::config();
    config.password.pepper = pepper.map(|(folder, current)| PepperFolder {
        folder: folder.to_owned(),
        current: (!current.is_empty()).then(|| current.parse().unwrap()),
    });
    config
}

async fn pod(pepper: Option<(&Path, &str)>) -> Running {
    start(&config(pepper)).await
}

async fn post(pod: &Running, path: &str, body: Value) -> (u16, Value) {
    let response = call(&client(), pod, path, body.to_string()).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pepper_is_replaced_without_losing_a_password() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("2025"), OLD).unwrap();
    let password = json!({ "password": "correct horse" });
    let login = |encoded: &Value| {
        let password = "correct horse";
        json!({ "username": "alice", "password": password, "encoded": encoded, "migrate": true })
    };

    // Before there were peppers.
    let before = pod(None).await;
    let plain = post(&before, "/v1/hash", password.clone()).await.1["encoded"].clone();
    assert_eq!(post(&before, "/v1/login", login(&plain)).await.1["needs_rehash"], false);

    let first = pod(Some((folder.path(), "2025"))).await;
    let answer = post(&first, "/v1/login", login(&plain)).await.1;
    assert_eq!((&answer["match"], &answer["reasons"]), (&json!(true), &json!(["pepper"])));
    let old = post(&first, "/v1/hash", password.clone()).await.1["encoded"].clone();
    let text = old.as_str().unwrap();
    assert!(text.starts_with("$argon2id$v=19$m=7168,t=1,p=1,keyid=MjAyNQ$"), "{text}");
    let answer = post(&first, "/v1/login", login(&old)).await.1;
    assert_eq!((&answer["match"], &answer["reasons"]), (&json!(true), &json!([])));

    // With none named, what has a pepper keeps it, also when it is made anew for another reason.
    let mut dearer = config(Some((folder.path(), "")));
    dearer.password.argon2id.memory_mib = 8;
    let none = start(&dearer).await;
    let answer = post(&none, "/v1/login", login(&old)).await.1;
    assert_eq!((&answer["match"], &answer["reasons"]), (&json!(true), &json!(["memory"])));
    let rehash = answer["rehash"]["encoded"].as_str().unwrap();
    assert!(rehash.starts_with("$argon2id$v=19$m=8192,t=1,p=1,keyid=MjAyNQ$"), "{rehash}");
    let made = post(&none, "/v1/hash", password.clone()).await.1["encoded"].clone();
    assert!(!made.as_str().unwrap().contains("keyid"), "{made}");

    // The new one is added, and then named.
    fs::write(folder.path().join("2026"), NEW).unwrap();
    let second = pod(Some((folder.path(), "2026"))).await;
    let answer = post(&second, "/v1/login", login(&old)).await.1;
    assert_eq!((&answer["match"], &answer["reasons"]), (&json!(true), &json!(["pepper"])));
    let rehash = &answer["rehash"];
    assert!(rehash["encoded"].as_str().unwrap().contains(",keyid=MjAyNg$"), "{rehash}");
    let new = post(&second, "/v1/hash", password).await.1["encoded"].clone();
    let inspected = post(&second, "/v1/inspect", json!({ "encoded": new })).await.1;
    assert_eq!(inspected["parameters"]["keyid"], "2026");
    assert_eq!(inspected["needs_rehash"], false);
    let wrong = json!({ "username": "alice", "password": "wrong", "encoded": new });
    assert_eq!(post(&second, "/v1/login", wrong).await.1["match"], false);

    // Whoever lacks the pepper does not know.
    for (pod, encoded) in [(&first, &new), (&before, &new), (&before, &old)] {
        for path in ["/v1/login", "/v1/inspect"] {
            let body =
                if path == "/v1/login" { login(encoded) } else { json!({ "encoded": encoded }) };
            let (status, problem) = post(pod, path, body).await;
            assert_eq!(
                (status, &problem["code"]),
                (503, &json!("pepper-unavailable")),
                "{problem}"
            );
            let id = if encoded == &new { "pepper 2026" } else { "pepper 2025" };
            assert!(problem["detail"].as_str().unwrap().contains(id), "{problem}");
        }
    }
    for pod in [before, first, none, second] {
        assert!(pod.shut_down().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_lacks_the_current_pepper_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("2025"), OLD).unwrap();
    let config = config(Some((folder.path(), "2026")));
    let started = start::start(&config, "pod".parse().unwrap()).await;
    let error = format!("{:#}", started.map(|_| ()).unwrap_err());
    assert!(error.starts_with("password.pepper: the current pepper is 2026, and "), "{error}");
}

#[test]
fn the_terminal_knows_peppers_too() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("2026"), NEW).unwrap();
    let peppers = folder.path().to_str().unwrap();
    let hasher = |arguments: &[&str], input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hasher"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that refuses its arguments ends before it reads.
        drop(std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code())
    };
    let cheap = ["--memory-mib", "7", "--iterations", "1"];
    let with = ["--peppers", peppers, "--pepper", "2026"];
    let (encoded, _, code) = hasher(&[&["hash"], &cheap[..], &with].concat(), "secret\n");
    assert_eq!(code, Some(0));
    let encoded = encoded.trim();
    assert!(encoded.contains(",keyid=MjAyNg$"), "{encoded}");
    let (said, _, code) = hasher(&["verify", "--peppers", peppers, encoded], "secret\n");
    assert_eq!((said.as_str(), code), ("match\n", Some(0)));
    let (said, error, code) = hasher(&["verify", encoded], "secret\n");
    assert_eq!((said.as_str(), code), ("", Some(2)));
    assert!(error.contains("made with pepper 2026, which is not here"), "{error}");
    let inspect = [&["inspect"], &cheap[..], &with].concat();
    let (said, _, code) = hasher(&inspect, encoded);
    assert_eq!(code, Some(0));
    assert!(said.contains("keyid=2026") && said.contains("as good as new"), "{said}");
    let (said, _, code) = hasher(&["inspect"], encoded);
    assert_eq!(code, Some(1));
    assert!(said.contains("made with pepper 2026, which is not here"), "{said}");
    // Half of the two is none.
    assert_eq!(hasher(&["hash", "--peppers", peppers], "secret\n").2, Some(2));
}
