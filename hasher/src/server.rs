//! Listeners: accept, terminate TLS, serve HTTP/1.1 and HTTP/2, and end without cutting anyone off.

mod admin;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{HeaderValue, Version, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::telemetry::{Metrics, Tasks, chain};

pub use self::admin::{Health, admin_router};
pub use self::tls::{ServerTls, TlsError};
pub(crate) use self::tls::{provider, read_certificates, read_pair, refusal};

/// Time for a TLS handshake, and for the head of a request: a caller that dribbles holds a
/// connection no longer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that open requests have to finish when the pod ends. Longer than every deadline of a
/// request, and with [`FAREWELL`] and the pod's own pause before its end shorter than the 30 s that
/// Kubernetes gives.
pub const GRACE: Duration = Duration::from_secs(20);

/// Time in which callers are told, each with its next answer, not to use their connection again. HTTP/1.1
/// has no other way: an idle connection that is closed may have a request on its way, which is lost then
/// (RFC 9112, section 9.6). HTTP/2 says with the last answer which requests it has taken.
pub const FAREWELL: Duration = Duration::from_secs(3);

/// Requests that a peer may have open at once, and take back before they were looked at. All its
/// requests share one connection, and it takes back those whose callers have gone. Above this they
/// wait with the peer; each may hold some kibibytes here.
const STREAMS_MAX: u32 = 1024;

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

/// One server: what it serves, and how.
#[derive(Clone)]
pub struct Server {
    /// What is served.
    pub router: Router,
    /// With TLS or, on loopback, without.
    pub tls: Option<Arc<ServerTls>>,
    /// Counts its connections.
    pub metrics: Arc<Metrics>,
    /// Time to say farewell in: [`FAREWELL`] for callers, none for probes and for peers, who speak HTTP/2.
    pub farewell: Duration,
}

impl Server {
    /// Puts it together.
    #[must_use]
    pub fn new(
        router: Router,
        tls: Option<Arc<ServerTls>>,
        metrics: Arc<Metrics>,
        farewell: Duration,
    ) -> Self {
        Self { router, tls, metrics, farewell }
    }

    /// Serves until `stop` ends; then says farewell, takes no connection any more, and gives open requests
    /// [`GRACE`].
    pub async fn serve(
        mut self,
        listener: TcpListener,
        tasks: Tasks,
        stop: impl Future<Output = ()>,
    ) {
        let graceful = GracefulShutdown::new();
        let leaving = CancellationToken::new();
        self.router = self.router.layer(from_fn_with_state(leaving.clone(), farewell));
        self.accept(&listener, &tasks, &graceful, stop).await;
        leaving.cancel();
        // Whoever is connected may send once more, and whoever comes now is told at once.
        if 0 < graceful.count() {
            let farewell = tokio::time::sleep(self.farewell);
            self.accept(&listener, &tasks, &graceful, farewell).await;
        }
        drop(listener);
        // Idle connections end at once, busy ones after their answer.
        if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
            tracing::warn!("connections were cut off after the grace period");
        }
    }

    /// Takes connections until `stop` ends.
    async fn accept(
        &self,
        listener: &TcpListener,
        tasks: &Tasks,
        graceful: &GracefulShutdown,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stop => return,
            };
            match accepted {
                Ok((stream, from)) => {
                    let connection = self.clone().connection(stream, from, graceful.watcher());
                    tasks.spawn("connection", connection);
                }
                Err(error) => {
                    // Out of file descriptors, or a caller that left already: the next accept waits
                    // for the next caller, so this cannot spin for long.
                    tracing::warn!(error = %error, "a connection was not accepted");
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream, from: SocketAddr, watcher: Watcher) {
        // Answers are small: waiting to fill a packet only costs time.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "no TCP_NODELAY");
        }
        match &self.tls {
            None => self.http(stream, watcher).await,
            Some(tls) => {
                let handshake = TlsAcceptor::from(tls.current()).accept(stream);
                match tokio::time::timeout(HEAD_TIMEOUT, handshake).await {
                    Ok(Ok(stream)) => self.http(stream, watcher).await,
                    // Peers are few and known: one that cannot connect is a mistake to be mended.
                    Ok(Err(error)) if tls.is_mutual() => {
                        tracing::warn!(%from, "peer refused: {}", refusal(&error));
                    }
                    Ok(Err(error)) => {
                        tracing::debug!(error = chain(&error), "TLS handshake failed")
                    }
                    Err(_) => tracing::debug!("TLS handshake took too long"),
                }
            }
        }
    }

    async fn http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        watcher: Watcher,
    ) {
        self.metrics.connections().inc();
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_TIMEOUT);
        if self.tls.as_ref().is_some_and(|tls| tls.is_mutual()) {
            let most = usize::try_from(STREAMS_MAX).ok();
            builder
                .http2()
                .max_concurrent_streams(STREAMS_MAX)
                .max_pending_accept_reset_streams(most);
        }
        let service = TowerToHyperService::new(self.router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(error = %error, "a connection ended badly");
        }
        self.metrics.connections().dec();
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
