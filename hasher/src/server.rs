//! Listeners: accept, terminate TLS, serve HTTP/1.1 and HTTP/2, and end without cutting anyone off.
//!
//! Clients without a valid token cost bounded memory and time: `policy::connections` limits the number and the age of
//! their connections, `server/http.rs` the memory of each.

mod admin;
mod connections;
mod http;
mod own_thread;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderValue, Version, header};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connections::Connections;
use crate::clock;
use crate::policy::connections::ConnectionCaps;
use crate::telemetry::{Metrics, Tasks, chain};

use self::admin::admin_router;
pub use self::admin::{Health, Pulse};
pub(crate) use self::connections::Connection;
pub(crate) use self::own_thread::serve_on_own_thread;
pub use self::tls::{ServerTls, TlsError};
pub(crate) use self::tls::{provider, read_certificates, read_pair, refusal};

/// Time that open requests have to finish when the pod ends. Longer than every deadline of a
/// request, and with [`FAREWELL`] and the pod's own pause before its end shorter than the 30 s that
/// Kubernetes gives. What is open afterwards is closed.
pub const GRACE: Duration = Duration::from_secs(20);

/// Time in which callers are told, each with its next answer, not to use their connection again. HTTP/1.1
/// has no other way: an idle connection that is closed may have a request on its way, which is lost then
/// (RFC 9112, section 9.6). HTTP/2 says with the last answer which requests it has taken.
pub const FAREWELL: Duration = Duration::from_secs(3);

/// Pause after an accept that failed for want of a resource, such as a file descriptor: the listener stays
/// readable, so an accept without a pause would fail again at once and use a whole CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Such failures are logged at most this often.
const ACCEPT_WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// How often connections are looked through for those that are due.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);

/// The owner of all connections that peers have proven.
const PEERS: &str = "peers";

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: choose another address, or end whoever has it")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    cause: std::io::Error,
}

/// Opens a listener.
///
/// # Errors
/// See [`ListenError`].
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|cause| ListenError { address, cause })
}

/// What shows that a connection is more than an open socket; see [`crate::policy::connections`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// A request with a valid token: the routes call [`Connection::prove`].
    Token,
    /// A TLS handshake with a peer's certificate.
    PeerCertificate,
    /// Any request.
    FirstRequest,
}

/// One server: what it serves, and how.
#[derive(Clone)]
pub struct Server {
    router: Router,
    /// `None`: plain HTTP, on loopback and for probes.
    tls: Option<Arc<ServerTls>>,
    metrics: Arc<Metrics>,
    /// [`FAREWELL`] for callers; zero for probes, and for peers, who speak HTTP/2.
    farewell: Duration,
    proof: Proof,
    caps: ConnectionCaps,
}

impl Server {
    /// The API.
    #[must_use]
    pub fn for_callers(
        router: Router,
        tls: Option<Arc<ServerTls>>,
        metrics: Arc<Metrics>,
        caps: ConnectionCaps,
    ) -> Self {
        Self { router, tls, metrics, farewell: FAREWELL, proof: Proof::Token, caps }
    }

    /// The port of the other pods.
    #[must_use]
    pub fn for_peers(router: Router, tls: Arc<ServerTls>, metrics: Arc<Metrics>) -> Self {
        let (farewell, proof) = (Duration::ZERO, Proof::PeerCertificate);
        Self { router, tls: Some(tls), metrics, farewell, proof, caps: ConnectionCaps::of_peers() }
    }

    /// The port of probes and metrics.
    #[must_use]
    pub fn for_probes(health: Health) -> Self {
        let metrics = Arc::clone(&health.metrics);
        let (farewell, proof) = (Duration::ZERO, Proof::FirstRequest);
        let (router, caps) = (admin_router(health), ConnectionCaps::of_admin());
        Self { router, tls: None, metrics, farewell, proof, caps }
    }

    /// Serves until `stop` ends; then says farewell, takes no connection any more, gives open requests
    /// [`GRACE`], and closes what is open then.
    pub async fn serve(
        mut self,
        listener: TcpListener,
        tasks: Tasks,
        stop: impl Future<Output = ()>,
    ) {
        let connections = Arc::new(Connections::new(self.caps, Arc::clone(&self.metrics)));
        let open = TaskTracker::new();
        let leaving = CancellationToken::new();
        self.router = self.router.layer(from_fn_with_state(leaving.clone(), farewell));
        let accepting = Accepting { server: &self, tasks: &tasks, open: &open };
        accepting.accept(&listener, &connections, stop).await;
        leaving.cancel();
        // Clients that are connected may send once more, and those that connect now are told at once.
        if !open.is_empty() {
            let farewell = tokio::time::sleep(self.farewell);
            accepting.accept(&listener, &connections, farewell).await;
        }
        drop(listener);
        // Idle connections end at once, busy ones after their answer.
        connections.end_all();
        open.close();
        if tokio::time::timeout(GRACE, open.wait()).await.is_err() {
            let closed = connections.close_all();
            tracing::warn!(closed, "connections were closed at the end of the grace period");
            open.wait().await;
        }
    }

    /// Serves one connection until it ends or is closed.
    async fn connection(self, stream: TcpStream, from: SocketAddr, connection: Connection) {
        // Answers are small: waiting to fill a packet only costs time.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "no TCP_NODELAY");
        }
        tokio::select! {
            () = connection.closed() => {}
            () = self.secured(stream, from, &connection) => {}
        }
    }

    async fn secured(&self, stream: TcpStream, from: SocketAddr, connection: &Connection) {
        let Some(tls) = &self.tls else { return self.http(stream, connection).await };
        match TlsAcceptor::from(tls.current()).accept(stream).await {
            Ok(stream) => {
                let is_peer = self.proof == Proof::PeerCertificate;
                if is_peer && let Err(error) = connection.prove(&PEERS.into()) {
                    tracing::warn!(%from, error = chain(&error), "peer refused");
                    return;
                }
                self.http(stream, connection).await;
            }
            // Peers are few and known: one that cannot connect is a mistake to be mended.
            Err(error) if tls.is_mutual() => {
                tracing::warn!(%from, "peer refused: {}", refusal(&error));
            }
            Err(error) => tracing::debug!(error = chain(&error), "TLS handshake failed"),
        }
    }
}

/// A listener's loop.
struct Accepting<'a> {
    server: &'a Server,
    tasks: &'a Tasks,
    open: &'a TaskTracker,
}

impl Accepting<'_> {
    /// Takes connections until `stop` ends.
    async fn accept(
        &self,
        listener: &TcpListener,
        connections: &Arc<Connections>,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = std::pin::pin!(stop);
        let mut sweeps = tokio::time::interval(SWEEP_INTERVAL);
        let mut warned = None;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = sweeps.tick() => {
                    connections.sweep();
                    continue;
                }
                () = &mut stop => return,
            };
            match accepted {
                Ok((stream, from)) => {
                    let connection = connections.open(from.ip());
                    let served = self.server.clone().connection(stream, from, connection);
                    self.tasks.spawn("connection", self.open.track_future(served));
                }
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(error = %error, "a client left before it was accepted");
                }
                Err(error) => {
                    warn_at_intervals(&error, &mut warned);
                    tokio::select! {
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                        () = &mut stop => return,
                    }
                }
            }
        }
    }
}

/// Whether an accept failed for its client's sake alone.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn warn_at_intervals(error: &std::io::Error, warned: &mut Option<Instant>) {
    let now = clock::now();
    let is_due =
        warned.is_none_or(|last| ACCEPT_WARNING_INTERVAL <= now.saturating_duration_since(last));
    if is_due {
        *warned = Some(now);
        tracing::warn!(error = %error, "connections cannot be accepted");
    }
}

/// Asks a caller of HTTP/1.1 for another connection, once this pod is leaving.
async fn farewell(
    State(leaving): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    let version = request.version();
    let mut response = next.run(request).await;
    if version <= Version::HTTP_11 && leaving.is_cancelled() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}
