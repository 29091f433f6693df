//! Pods that hand jobs to one another, over real sockets: who computes, who is trusted, and what
//! happens to a job whose pod or caller goes away.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, and waits with real bounds"
)]

#[path = "peers/breaker.rs"]
mod breaker;
#[path = "peers/choices.rs"]
mod choices;
#[path = "peers/cluster.rs"]
mod cluster;
#[path = "peers/peppers.rs"]
mod peppers;
#[path = "peers/stale.rs"]
mod stale;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authcluster_contract::config::Peers;
use authcluster_contract::cost::{Cost, Units};
use authcluster_contract::secret::Password;
use authcluster_hasher::formats::{Bounds, Stored};
use authcluster_hasher::peer::{self, Answer, BODY_BYTES_MAX, PeerError, PeerTls};
use authcluster_hasher::telemetry::{Tasks, chain};
use authcluster_hasher::work::{Job, Outcome, Terms, Who, Work as _, WorkError};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use cluster::{
    Authority, LARGE, Logs, NAME, PASSWORD, PATIENCE, Pod, SMALL, eventually, hash, now, pods,
    pods_bounded, table, user, user_of,
};

fn patient() -> Terms {
    Terms::until(now() + PATIENCE)
}

/// The table that [`pods`] made, without the ghosts.
fn order_of(pods: &[Pod], order: &[&str]) -> authcluster_contract::user::UserKey {
    let rows = pods.iter().map(|pod| (pod.local.node().to_string(), pod.address, 100));
    user_of(&table(rows), order)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pod_answers_for_every_user_and_the_home_pod_computes() {
    let logs = Logs::start();
    let pods = pods(3, &Authority::new(), &[]).await;
    for (index, home) in pods.iter().enumerate() {
        let user = order_of(&pods, &[home.local.node().as_str()]);
        for pod in &pods {
            let Outcome::Hashed(encoded) = pod.hash_for(Some(&user)).await.unwrap() else {
                panic!("a hash came out as a verify");
            };
            let stored = Arc::new(Stored::parse(&encoded, &Bounds::default()).unwrap());
            for (password, matches) in [(PASSWORD, true), ("wrong", false)] {
                let password = Password::from_bytes(password.as_bytes().to_vec()).unwrap();
                let job = Job::Verify { password, stored: Arc::clone(&stored) };
                let outcome = pod
                    .work
                    .compute(Some(&Who::unknown(user.clone())), job, now() + PATIENCE)
                    .await
                    .unwrap();
                assert_eq!(outcome, Outcome::Verified(matches));
            }
        }
        // Three jobs from each of the two others, and nothing went anywhere else.
        assert_eq!(home.count("peer_jobs", "done"), 6);
        let forwarded: u64 = pods.iter().map(|pod| pod.count("forwarded", "done")).sum();
        assert_eq!(forwarded, 6 * (index as u64 + 1));
    }
    for pod in &pods {
        assert_eq!(pod.count("forwarded", "done"), 6);
        for other in ["refused", "cannot", "failed", "gone"] {
            assert_eq!(pod.count("forwarded", other) + pod.count("peer_jobs", other), 0);
        }
    }
    let logs = logs.text();
    assert!(logs.contains("a peer answered"));
    assert!(!logs.contains(PASSWORD) && !logs.contains("argon2id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_nobody_are_shared_by_all_pods() {
    let pods = pods(2, &Authority::new(), &[]).await;
    for _ in 0..20 {
        pods[0].hash_for(None).await.unwrap();
    }
    // The chance that a fair draw of twenty stays here is one in a million.
    assert!(pods[0].count("forwarded", "done") > 0);
    let nodes = pods[0].work.nodes();
    let names: Vec<_> = nodes.iter().map(|known| known.entry.node.as_str()).collect();
    assert_eq!(names, ["pod-0", "pod-1"]);
    assert_eq!(nodes[0].entry.record.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (nodes[1].entry.record.version.as_str(), nodes[1].entry.record.speed),
        ("0.0.9", 8_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_home_refuses_and_the_next_pod_computes() {
    let pods = pods(3, &Authority::new(), &[]).await;
    let user = order_of(&pods, &["pod-0", "pod-1", "pod-2"]);
    let busy = pods[0].occupy();
    pods[2].hash_for(Some(&user)).await.unwrap();
    assert_eq!(pods[0].count("peer_jobs", "refused"), 1);
    assert_eq!(pods[1].count("peer_jobs", "done"), 1);
    let forwarded = ["done", "refused", "failed"].map(|how| pods[2].count("forwarded", how));
    assert_eq!(forwarded, [1, 1, 0]);
    drop(busy);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_refusals_the_least_bad_pod_computes() {
    let pods = pods(3, &Authority::new(), &[]).await;
    let user = order_of(&pods, &["pod-0", "pod-1", "pod-2"]);
    let busy = [pods[0].occupy(), pods[1].occupy()];
    // This pod is the busiest of all.
    let own = (pods[2].occupy(), pods[2].occupy());
    let (pods, calling) = (Arc::new(pods), user.clone());
    let asking = Arc::clone(&pods);
    let call = tokio::spawn(async move { asking[2].hash_for(Some(&calling)).await });
    // All other work comes in whole large jobs.
    let waits = |pod: &Pod| pod.local.load().0 % LARGE.units().0 == SMALL.units().0;
    eventually("the job waits", || waits(&pods[0]) || waits(&pods[1])).await;
    drop((busy, own));
    call.await.unwrap().unwrap();
    let forwarded = ["refused", "done", "failed"].map(|how| pods[2].count("forwarded", how));
    assert_eq!(forwarded, [2, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_no_pod_can_do_in_time_is_refused_with_a_wait() {
    let pods = pods(2, &Authority::new(), &[]).await;
    let user = order_of(&pods, &["pod-1"]);
    let busy: Vec<_> = pods.iter().map(Pod::occupy).collect();
    let deadline = now() + Duration::from_millis(500);
    let refused = pods[0]
        .work
        .compute(Some(&Who::unknown(user.clone())), hash(SMALL), deadline)
        .await
        .unwrap_err();
    let WorkError::Refused(refused) = refused else { panic!("{refused}") };
    assert!(refused.wait > Duration::from_millis(50), "{:?}", refused.wait);
    assert_eq!(pods[0].count("forwarded", "failed"), 0);
    drop(busy);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_peers_are_answered_for_by_others_within_the_deadline() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute = silent.local_addr().unwrap();
    let authority = Authority::new();
    // All these users are the ghost's; next in the order of four of them is the other pod. After five
    // failures more than half of the capacity is not called, and everything is done here.
    for address in [gone, mute] {
        let pods = pods(2, &authority, &[("ghost", address, 1_000_000)]).await;
        for number in 12..20 {
            let deadline = now() + Duration::from_secs(5);
            pods[0]
                .work
                .compute(Some(&Who::unknown(user(number))), hash(SMALL), deadline)
                .await
                .unwrap();
        }
        assert_eq!(pods[0].count("forwarded", "failed"), 5);
        assert!((1..=4).contains(&pods[1].count("peer_jobs", "done")));
    }
    // All who ask together wait together.
    let client = peer::Client::new(authority.peer(), Tasks::default());
    let (from, job) = ("tester".parse().unwrap(), hash(SMALL));
    let began = now();
    let unsent = patient();
    let calls = (0..40).map(|_| client.compute(mute, &from, (None, &job), unsent.clone()));
    for called in futures::future::join_all(calls).await {
        let error = chain(&called.unwrap_err());
        assert!(error.ends_with("made no connection within 250 ms"), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(!unsent.started.may_have_begun(), "no peer has received the job");
}

/// Everything through, until it is cut without a word; the connections stay open, and are counted.
async fn proxy(to: SocketAddr, cut: CancellationToken) -> (SocketAddr, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut near, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let (mut far, cut) = (TcpStream::connect(to).await.unwrap(), cut.clone());
            open.push(tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = cut.cancelled() => std::future::pending().await,
                }
            }));
        }
    });
    (address, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_falls_silent_on_its_one_connection_is_found_out() {
    let authority = Authority::new();
    let pods = pods(1, &authority, &[]).await;
    let cut = CancellationToken::new();
    let (address, connections) = proxy(pods[0].address, cut.clone()).await;
    let client = peer::Client::new(authority.peer(), Tasks::default());
    let from = "tester".parse().unwrap();
    let job = hash(SMALL);
    let calls = (0..20).map(|_| client.compute(address, &from, (None, &job), patient()));
    for called in futures::future::join_all(calls).await {
        called.unwrap();
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    cut.cancel();
    let began = now();
    let sent = patient();
    let error =
        client.compute(address, &from, (None, &hash(SMALL)), sent.clone()).await.unwrap_err();
    assert!(matches!(error, PeerError::Broke(_)), "{error}");
    assert!(sent.started.may_have_begun(), "the peer has not refused the job");
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_takes_its_job_back_from_the_peer() {
    let authority = Authority::new();
    let pods = pods(2, &authority, &[]).await;
    let from = "tester".parse().unwrap();
    let client = pods[1].client.clone();
    // The connection is there before the lane is busy.
    client.compute(pods[0].address, &from, (None, &hash(SMALL)), patient()).await.unwrap();
    let busy = pods[0].occupy();
    let load = pods[0].local.load();
    let address = pods[0].address;
    let refused = Terms { wait_max: Some(Duration::ZERO), ..patient() };
    let reply = client.compute(address, &from, (None, &hash(SMALL)), refused.clone()).await;
    assert!(matches!(reply.unwrap().answer, Answer::Refused(_)));
    assert!(!refused.started.may_have_begun());
    let sent = patient();
    let terms = sent.clone();
    let call =
        tokio::spawn(
            async move { client.compute(address, &from, (None, &hash(SMALL)), terms).await },
        );
    eventually("the job waits", || pods[0].local.load() == load.saturating_add(Units(1))).await;
    call.abort();
    assert!(sent.started.may_have_begun(), "the asking pod cannot know that it waits there");
    eventually("the job is taken back", || pods[0].count("peer_jobs", "gone") == 1).await;
    assert_eq!(pods[0].count("peer_jobs", "done"), 1);
    assert!(pods[0].local.load() <= load);
    drop(busy);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_pod_finishes_what_peers_gave_it_and_takes_nothing_new() {
    let mut pods = pods(2, &Authority::new(), &[]).await;
    let user = order_of(&pods, &["pod-0"]);
    let (other, mut home) = (pods.pop().unwrap(), pods.pop().unwrap());
    let other = Arc::new(other);
    let asking = Arc::clone(&other);
    let asked = user.clone();
    let call = tokio::spawn(async move {
        asking.work.compute(Some(&Who::unknown(asked)), hash(LARGE), now() + PATIENCE).await
    });
    eventually("the job is at its home", || home.local.load() > Units::ZERO).await;
    home.tasks.drain();
    (&mut home.served).await.unwrap();
    assert_eq!(home.count("peer_jobs", "done"), 1);
    assert!(matches!(call.await.unwrap(), Ok(Outcome::Hashed(_))));
    other.hash_for(Some(&user)).await.unwrap();
    assert_eq!(home.count("peer_jobs", "done"), 1);
    let forwarded = ["done", "failed"].map(|how| other.count("forwarded", how));
    assert_eq!(forwarded, [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_beyond_a_pods_bounds_is_no_failure_of_the_pod() {
    let pods = pods_bounded(&[1024, 1024, 4096, 4096], &Authority::new(), &[]).await;
    let cost = Cost { memory_kib: 2048, ..SMALL };
    let from = "tester".parse().unwrap();
    let reply =
        pods[3].client.compute(pods[0].address, &from, (None, &hash(cost)), patient()).await;
    let Answer::Cannot(words) = reply.unwrap().answer else { panic!("it was tried") };
    assert_eq!(words, "the new hash costs more than this pod has");
    // After two failures the pod would have done it itself.
    let user = order_of(&pods, &["pod-0", "pod-1", "pod-2"]);
    pods[3]
        .work
        .compute(Some(&Who::unknown(user.clone())), hash(cost), now() + PATIENCE)
        .await
        .unwrap();
    let forwarded = ["cannot", "done", "failed"].map(|how| pods[3].count("forwarded", how));
    assert_eq!(forwarded, [2, 1, 0]);
}

/// A client of its own making, with the certificate in these files or none.
fn tls(
    authority: &Authority,
    files: Option<&Peers>,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
    let mut config = match files {
        None => config.with_no_client_auth(),
        Some(Peers { tls, .. }) => {
            let chain = CertificateDer::pem_file_iter(&tls.certificate_file).unwrap();
            let key = PrivateKeyDer::from_pem_file(&tls.private_key_file).unwrap();
            config.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

async fn connect(
    config: ClientConfig,
    to: SocketAddr,
) -> (SocketAddr, std::io::Result<TlsStream<TcpStream>>) {
    let stream = TcpStream::connect(to).await.unwrap();
    let from = stream.local_addr().unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    (from, TlsConnector::from(Arc::new(config)).connect(name, stream).await)
}

/// The listener's line about the connection from there.
async fn refused(logs: &Logs, from: SocketAddr, reason: &str) {
    let line = format!("peer refused: {reason} from={from}");
    eventually(&line, || logs.text().contains(&line)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_no_certificate_is_no_peer() {
    let (logs, authority) = (Logs::start(), Authority::new());
    let pods = pods(1, &authority, &[]).await;
    let (from, mut stream) = connect(tls(&authority, None, &TLS13), pods[0].address).await;
    refused(&logs, from, "it shows no certificate").await;
    stream.as_mut().unwrap().read_u8().await.unwrap_err();

    let mut stream = TcpStream::connect(pods[0].address).await.unwrap();
    stream.write_all(b"POST /v1/compute HTTP/1.1\r\n\r\n").await.unwrap();
    refused(&logs, stream.local_addr().unwrap(), "it does not speak TLS").await;

    let files = authority.files(NAME, &authority);
    let (_, stream) = connect(tls(&authority, Some(&files), &TLS12), pods[0].address).await;
    stream.unwrap_err();
    let (_, stream) = connect(tls(&authority, Some(&files), &TLS13), pods[0].address).await;
    stream.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_in_both_directions() {
    let (logs, authority, stranger) = (Logs::start(), Authority::new(), Authority::new());
    let pods = pods(1, &authority, &[]).await;
    let from = "stranger".parse().unwrap();
    let other_name = "hasher.b.default.authcluster.dev";
    // The stranger takes the pod for a peer, so that only the pod can be the one who refuses.
    let strangers = [
        (
            authority.files(other_name, &authority),
            "its certificate is for hasher.b.default.authcluster.dev, \
             not hasher.a.default.authcluster.dev",
        ),
        (stranger.files(NAME, &authority), "its certificate is signed by another authority"),
    ];
    for (files, reason) in strangers {
        let strange = PeerTls::read(files).unwrap();
        let calling = peer::Client::new(strange.clone(), Tasks::default());
        let error = calling.compute(pods[0].address, &from, (None, &hash(SMALL)), patient()).await;
        // Whether the alert or the end of the connection comes first is a race.
        assert!(matches!(error.unwrap_err(), PeerError::Broke(_) | PeerError::Connect(_)));
        let line = format!("peer refused: {reason}");
        eventually(&line, || logs.text().contains(&line)).await;

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = peer::server(Arc::clone(&pods[0].local), &strange, pods[0].metrics.clone());
        tokio::spawn(server.serve(listener, Tasks::default(), std::future::pending()));
        let called = pods[0].client.compute(address, &from, (None, &hash(SMALL)), patient()).await;
        let expect = format!("the peer at {address} is not trusted: {reason}");
        assert_eq!(chain(&called.unwrap_err()), expect);
    }
    assert_eq!(pods[0].count("peer_jobs", "done"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_authority_counts_once_it_is_read_and_a_broken_file_changes_nothing() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = old.files(NAME, &old);
    let tls = PeerTls::read(files.clone()).unwrap();
    let pods = pods(1, &old, &[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = peer::server(Arc::clone(&pods[0].local), &tls, pods[0].metrics.clone());
    tokio::spawn(server.serve(listener, Tasks::default(), std::future::pending()));
    let from = "tester".parse().unwrap();
    let ask = async |authority: &Authority| {
        let client = peer::Client::new(authority.peer(), Tasks::default());
        client.compute(address, &from, (None, &hash(SMALL)), patient()).await
    };
    ask(&old).await.unwrap();
    ask(&new).await.unwrap_err();
    std::fs::write(&files.ca_file, "").unwrap();
    tls.reload().unwrap_err();
    ask(&old).await.unwrap();
    let newer = new.files(NAME, &new);
    std::fs::copy(newer.ca_file, &files.ca_file).unwrap();
    std::fs::copy(newer.tls.certificate_file, &files.tls.certificate_file).unwrap();
    std::fs::copy(newer.tls.private_key_file, &files.tls.private_key_file).unwrap();
    tls.reload().unwrap();
    ask(&new).await.unwrap();
    ask(&old).await.unwrap_err();
    let nameless = Peers { name: "no name".to_owned(), ..files };
    let error = chain(&PeerTls::read(nameless).unwrap_err());
    assert!(error.starts_with("peers.name: \"no name\" is no DNS name"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_job_is_refused_before_anything_is_done_for_it() {
    let authority = Authority::new();
    let pods = pods(1, &authority, &[]).await;
    let config = tls(&authority, Some(&authority.files(NAME, &authority)), &TLS13);
    let (_, stream) = connect(config, pods[0].address).await;
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream.unwrap()));
    let (mut sender, driver) = handshake.await.unwrap();
    tokio::spawn(driver);
    let mut send = async |path: &str, body: Vec<u8>| {
        let url = format!("https://{NAME}{path}");
        let request = http::Request::post(url).body(Full::new(Bytes::from(body))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let cannot = |why: &str| format!(r#"{{"load":0,"answer":{{"cannot":{{"why":"{why}"}}}}}}"#);
    let (status, body) = send("/v1/compute", vec![b'x'; BODY_BYTES_MAX + 1]).await;
    let too_long = format!("the body is longer than {BODY_BYTES_MAX} bytes");
    assert_eq!((status, body), (413, cannot(&too_long)));
    let (status, body) = send("/v1/compute", b"{\"secret\":1}\nsecret".to_vec()).await;
    assert_eq!((status, body), (422, cannot("this version does not know such a job")));
    let (status, _) = send("/v1/hash", b"{}".to_vec()).await;
    assert_eq!(status, 404);
    assert_eq!(pods[0].count("peer_jobs", "cannot"), 2);
}
