//! The port on loopback, with hostile clients.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connections::CONNECTIONS_MAX;
use super::{Pages, Probes, TEXT_LIFETIME, bind, serve};
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// A silent connection is closed within this time, by a promise of docs/SECURITY.md.
const CLOSE_BOUND: Duration = Duration::from_secs(10);

/// Answers of the port on a machine that does other things too.
const ANSWER_BOUND: Duration = Duration::from_secs(2);

struct Fine;

impl Probes for Fine {
    fn alive(&self) -> Result<(), String> {
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        Err("not yet".to_owned())
    }
}

async fn start() -> (SocketAddr, Metrics, CancellationToken) {
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (metrics, stop) = (Metrics::new(), CancellationToken::new());
    drop(serve(listener, Arc::new(Fine), metrics.clone(), stop.clone()).unwrap());
    (address, metrics, stop)
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: operator\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    // The port closes the connection after its answer.
    timeout(ANSWER_BOUND, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

/// Reads until the port closes the connection.
async fn wait_for_end(mut stream: TcpStream) {
    let mut text = [0; 64];
    while stream.read(&mut text).await.is_ok_and(|read| 0 < read) {}
}

#[tokio::test]
async fn three_paths_are_answered() {
    let (address, metrics, stop) = start().await;
    metrics.reconciles.inc();
    for (path, status, body) in [
        ("/livez", "200 OK", "ok\n"),
        ("/readyz", "503 Service Unavailable", "not yet\n"),
        ("/metrics", "200 OK", "authcluster_operator_reconciles_total 1"),
        ("/", "404 Not Found", ""),
    ] {
        let answer = get(address, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path}: {answer}");
        assert!(answer.contains(body), "{path}: {answer}");
    }
    stop.cancel();
}

#[tokio::test]
async fn silent_connections_are_closed_and_keep_no_probe_out() {
    let (address, _, stop) = start().await;
    let mut silent = JoinSet::new();
    for number in 0..CONNECTIONS_MAX + 100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Half of them begin a head and never finish it.
        if number % 2 == 0 {
            stream.write_all(b"GET /livez HTTP/1.1\r\nhost:").await.unwrap();
        }
        silent.spawn(wait_for_end(stream));
    }
    let answer = get(address, "/livez").await;
    assert!(answer.ends_with("ok\n"), "{answer}");
    timeout(CLOSE_BOUND, silent.join_all()).await.expect("the port closes silent connections");
    stop.cancel();
}

#[tokio::test]
async fn the_oldest_connection_makes_room_for_a_new_one() {
    let (address, _, stop) = start().await;
    let oldest = TcpStream::connect(address).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        others.push(TcpStream::connect(address).await.unwrap());
    }
    // Long before a silent connection is closed for its age.
    timeout(ANSWER_BOUND, wait_for_end(oldest)).await.expect("the oldest connection is closed");
    stop.cancel();
}

#[tokio::test]
async fn the_port_ends_at_once_whatever_is_open() {
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let ended = serve(listener, Arc::new(Fine), Metrics::new(), stop.clone()).unwrap();
    let silent = TcpStream::connect(address).await.unwrap();
    stop.cancel();
    timeout(ANSWER_BOUND, ended).await.expect("the port ends").unwrap().unwrap();
    timeout(ANSWER_BOUND, wait_for_end(silent)).await.expect("its connections end with it");
}

#[test]
fn metrics_are_encoded_at_most_twenty_times_a_second() {
    let metrics = Metrics::new();
    let pages =
        Pages { probes: Arc::new(Fine), metrics: metrics.clone(), text: Default::default() };
    let text = |at| {
        let request = Request::builder().uri("/metrics").body(()).unwrap();
        assert!(pages.answer(&request, at).status().is_success());
        String::from_utf8(pages.metrics_text(at).to_vec()).unwrap()
    };
    let now = Clock.instant();
    let counted = |text: &str| text.contains("authcluster_operator_reconciles_total 1");
    assert!(!counted(&text(now)));
    metrics.reconciles.inc();
    assert!(!counted(&text(now + TEXT_LIFETIME / 2)));
    assert!(counted(&text(now + TEXT_LIFETIME)));
}
