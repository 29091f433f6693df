//! What a client can cost a pod before it has shown a valid token: raw connections to a whole pod in this
//! process.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, and waits with real bounds"
)]

#[path = "shared/pod.rs"]
mod pod;

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use authcluster_contract::config::HasherConfig;
use authcluster_hasher::start::Running;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::pod::{call, client, config, start};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Unproven connections are closed after 5 s; the promise is tested with double slack.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// A pod with one caller. The file must outlive it.
async fn pod_with_caller() -> (Running, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let digest: String =
        Sha256::digest(TOKEN.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(
        file,
        "[[clients]]\nname = \"shop\"\nrealm = \"shop\"\nscopes = [\"Hash\"]\ntoken_sha256 = [\"{digest}\"]"
    )
    .unwrap();
    let config = HasherConfig { clients_file: Some(file.path().into()), ..config() };
    (start(&config).await, file)
}

async fn connect(address: SocketAddr, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

/// All that the server sends until it closes the connection, within `bound`.
async fn until_closed(mut stream: TcpStream, bound: Duration) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let read = async {
        // A reset ends a connection as well.
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            bytes.extend_from_slice(chunk.get(..count).unwrap());
        }
    };
    timeout(bound, read).await.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the server sends first.
async fn first_answer(stream: &mut TcpStream, bound: Duration) -> String {
    let mut chunk = vec![0; 4096];
    let count = timeout(bound, stream.read(&mut chunk)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(chunk.get(..count).unwrap()).into_owned()
}

fn head(authorization: &str, length: usize) -> String {
    format!(
        "POST /v1/hash HTTP/1.1\r\nhost: pod\r\n{authorization}content-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

async fn metric(pod: &Running, name: &str) -> i64 {
    let text = client().get(format!("http://{}/metrics", pod.admin)).send().await.unwrap();
    let text = text.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_token_are_closed_whatever_they_send() {
    let (pod, _file) = pod_with_caller().await;
    let withheld = head("", 60_000);
    let firsts: [&[u8]; 6] = [
        b"",
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/hash HTTP/1.1\r\nhost: pod\r\n",
        withheld.as_bytes(),
        b"GET /v1/nodes HTTP/1.1\r\nhost: pod\r\n\r\n",
    ];
    let closed = firsts.map(async |first| {
        let stream = connect(pod.api, first).await;
        let began = Instant::now();
        until_closed(stream, CLOSED_WITHIN).await;
        began.elapsed()
    });
    for (first, time) in firsts.iter().zip(futures::future::join_all(closed).await) {
        // Not at once either: a client on a slow link needs a moment.
        assert!(Duration::from_secs(2) < time, "{first:?} closed after {time:?}");
    }
    let reason = "authcluster_hasher_closed_connections_total{reason=\"unproven\"}";
    assert_eq!(metric(&pod, reason).await, 6);
    assert!(pod.shut_down().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_token_is_answered_from_its_head() {
    let (pod, _file) = pod_with_caller().await;
    for authorization in ["", "authorization: Bearer wrong-wrong-wrong-wrong-wrong-wrong\r\n"] {
        let mut stream = connect(pod.api, head(authorization, 60_000).as_bytes()).await;
        let answer = first_answer(&mut stream, Duration::from_secs(4)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_withheld_by_a_known_caller_ends_its_request() {
    let (pod, _file) = pod_with_caller().await;
    let head = head(&format!("authorization: Bearer {TOKEN}\r\n"), 60_000);
    let stream = connect(pod.api, format!("{head}{{\"password\":").as_bytes()).await;
    let answer = until_closed(stream, CLOSED_WITHIN).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("did not arrive within"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_silent_connections_keeps_no_caller_out() {
    let (pod, _file) = pod_with_caller().await;
    let mut silent = Vec::new();
    // More than there are places, from the very address of the caller.
    let places = 4_000;
    for _ in 0..places {
        match TcpStream::connect(pod.api).await {
            Ok(stream) => silent.push(stream),
            // The test's own file descriptors are used up: enough.
            Err(_) => break,
        }
    }
    drop(silent.split_off(silent.len() - 8));
    let reason = "authcluster_hasher_closed_connections_total{reason=\"made-room\"}";
    assert!(0 < metric(&pod, reason).await, "{} connections fitted", silent.len());
    let body = json!({ "password": "p" }).to_string();
    let answer = call(&client(), &pod, "/v1/hash", body).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(pod.shut_down().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_in_its_grace_period_whatever_clients_hold_open() {
    let (pod, _file) = pod_with_caller().await;
    let with_token = head(&format!("authorization: Bearer {TOKEN}\r\n"), 60_000);
    let without = head("", 60_000);
    let mut held = Vec::new();
    for first in
        [&b""[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", with_token.as_bytes(), without.as_bytes()]
    {
        held.push(connect(pod.api, first).await);
        held.push(connect(pod.admin, first).await);
    }
    assert!(pod.shut_down().await);
    for stream in held {
        until_closed(stream, Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_writes_everything_before_it_reads_gets_its_answer() {
    let (pod, _file) = pod_with_caller().await;
    let body = vec![b'x'; 20 * 1024 * 1024];
    for (authorization, expect) in [
        (format!("authorization: Bearer {TOKEN}\r\n"), "HTTP/1.1 413"),
        (String::new(), "HTTP/1.1 401"),
    ] {
        for _ in 0..4 {
            let mut stream = connect(pod.api, head(&authorization, body.len()).as_bytes()).await;
            timeout(Duration::from_secs(30), stream.write_all(&body)).await.unwrap().unwrap();
            let answer = first_answer(&mut stream, Duration::from_secs(4)).await;
            assert!(answer.starts_with(expect), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_in_another_coding_are_refused_and_a_byte_order_mark_is_skipped() {
    let pod = start(&config()).await;
    let post = async |headers: &[(&str, &str)], body: Vec<u8>| {
        let request = client().post(format!("http://{}/v1/hash", pod.api));
        let request = request.header("content-type", "application/json");
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.body(body).send().await.unwrap();
        (
            answer.status().as_u16(),
            serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap(),
        )
    };
    let json = json!({ "password": "p" }).to_string();
    let (status, answer) = post(&[("content-encoding", "gzip")], json.clone().into_bytes()).await;
    assert_eq!((status, answer["code"].as_str()), (415, Some("unsupported-media-type")));
    let (status, _) = post(&[("content-encoding", "identity")], json.clone().into_bytes()).await;
    assert_eq!(status, 200);
    let (status, _) = post(&[], format!("\u{feff}{json}").into_bytes()).await;
    assert_eq!(status, 200);
    let utf16 = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (status, answer) = post(&[], utf16).await;
    assert_eq!(status, 400);
    assert!(answer["detail"].as_str().unwrap().contains("UTF-8"), "{answer}");
    let (status, answer) = post(&[("host", "rebind.example")], json.into_bytes()).await;
    assert_eq!((status, answer["code"].as_str()), (403, Some("forbidden")));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_of_the_moment_when_they_are_read() {
    let pod = start(&config()).await;
    let body = || json!({ "password": "p" }).to_string();
    let line = "authcluster_hasher_requests_total{route=\"/v1/hash\",code=\"ok\"}";
    for expect in 1..4 {
        let answer = call(&client(), &pod, "/v1/hash", body()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(metric(&pod, line).await, expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_do_not_tell_a_row_that_cannot_be_verified_from_an_unknown_user() {
    let pod = start(&config()).await;
    let lines = async || {
        let text = client().get(format!("http://{}/metrics", pod.admin)).send().await.unwrap();
        let text = text.text().await.unwrap();
        let is_of_login = |line: &&str| line.contains("_total") && line.contains("/v1/login");
        text.lines().filter(is_of_login).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let mut seen = Vec::new();
    for encoded in [
        Value::Null,
        json!("no such format"),
        json!("$argon2id$v=19$m=64,t=99999999,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlA"),
    ] {
        let body = json!({ "username": "alice", "password": "p", "encoded": encoded }).to_string();
        call(&client(), &pod, "/v1/login", body).send().await.unwrap();
        seen.push(lines().await);
    }
    let expect = |count| {
        vec![format!(
            "authcluster_hasher_requests_total{{route=\"/v1/login\",code=\"ok\"}} {count}"
        )]
    };
    assert_eq!(seen, [expect(1), expect(2), expect(3)]);
}
