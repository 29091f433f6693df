//! Connections that the other side closes while they lie idle.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::cluster::{Authority, now, pods, table, user_of};

/// Everything through, until all its connections are closed at once.
async fn closing(to: SocketAddr, close: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (mut far, close) = (TcpStream::connect(to).await.unwrap(), Arc::clone(&close));
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = close.notified() => {}
                }
            });
        }
    });
    address
}

/// hyper#2136, hyper#3553: a request on a connection that was closed a moment ago is done by another pod, or
/// by the same one on a new connection, and its caller sees nothing of it. Where it was not sent, nothing
/// counts against the peer; where nobody knows, one failure does, and the next answer takes it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_closed_a_moment_ago_costs_its_caller_nothing_hyper_2136() {
    let authority = Authority::new();
    let behind = pods(1, &authority, &[]).await;
    let close = Arc::new(Notify::new());
    let address = closing(behind[0].address, Arc::clone(&close)).await;
    let pods = pods(1, &authority, &[("other", address, 100)]).await;
    let rows = [("pod-0".to_owned(), pods[0].address, 100), ("other".to_owned(), address, 100)];
    let user = user_of(&table(rows), &["other"]);
    for _ in 0..30 {
        pods[0].hash_for(Some(&user)).await.unwrap();
        close.notify_waiters();
        let began = now();
        pods[0].hash_for(Some(&user)).await.unwrap();
        assert!(began.elapsed() < crate::cluster::PATIENCE / 2);
    }
    assert!(behind[0].count("peer_jobs", "done") >= 30);
    assert!(pods[0].count("forwarded", "failed") <= 30);
    let metrics = pods[0].metrics.encode(&pods[0].local).unwrap();
    assert!(metrics.contains("authcluster_hasher_breaker_opened_total 0\n"), "{metrics}");
}
