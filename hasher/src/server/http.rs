//! HTTP on one connection: versions, buffers, and an orderly end.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse as _;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Proof, Server};

/// Largest head of a request, and the read buffer of a connection of HTTP/1.1, in bytes. hyper's own bound is
/// 408 KiB. A token, a traceparent and the headers of three proxies are some 2 KiB.
const HEAD_BYTES_MAX: u32 = 16 * 1024;

/// Requests that a caller may have open at once on one connection of HTTP/2. More wait on the caller's side.
const STREAMS_MAX: u32 = 64;

/// The same for a peer, and the requests that it may take back before they were looked at. All requests of a
/// peer share one connection, and it takes back those whose callers have gone.
const PEER_STREAMS_MAX: u32 = 1024;

/// Bytes of one body that a caller may send before it is read: a whole body, so that none takes two round trips.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;

/// Bytes of all bodies of one connection that a caller may send before they are read. This much memory an
/// unproven connection can make the pod hold.
const CONNECTION_WINDOW_BYTES: u32 = 128 * 1024;

/// The same for a peer, whose requests share one connection.
const PEER_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Answers that wait to be written on one connection of HTTP/2, in bytes; hyper's own bound is 400 KiB.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// A connection of HTTP/2 is asked for a sign of life this often, and closed without one. It finds callers
/// that vanished without closing their connection.
const PING_INTERVAL: Duration = Duration::from_secs(10);

impl Server {
    /// Serves one connection until it ends, by itself or because it is asked to.
    pub(super) async fn http<S>(&self, stream: S, connection: &Connection)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let inner = TowerToHyperService::new(self.router.clone());
        let (handle, proof) = (connection.clone(), self.proof);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let under_way = handle.begin_request();
            let has_room = proof != Proof::FirstRequest || handle.prove_network().is_ok();
            request.extensions_mut().insert(handle.clone());
            let answer = has_room.then(|| inner.call(request));
            async move {
                let answer = match answer {
                    Some(answer) => answer.await?,
                    None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                };
                drop(under_way);
                Ok::<Response<Body>, Infallible>(answer)
            }
        });
        let builder = self.builder();
        let served = builder.serve_connection(TokioIo::new(stream), service);
        let mut served = std::pin::pin!(served);
        let mut asked_to_end = std::pin::pin!(connection.asked_to_end());
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            () = asked_to_end.as_mut() => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = %error, "a connection ended with an error");
        }
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let is_of_peers = self.proof == Proof::PeerCertificate;
        let (streams, window) = if is_of_peers {
            (PEER_STREAMS_MAX, PEER_CONNECTION_WINDOW_BYTES)
        } else {
            (STREAMS_MAX, CONNECTION_WINDOW_BYTES)
        };
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            // Unproven and idle connections have times of their own: `policy::connections`.
            .header_read_timeout(None)
            .max_buf_size(usize::try_from(HEAD_BYTES_MAX).unwrap_or(usize::MAX));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .max_concurrent_streams(streams)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(window)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_send_buf_size(SEND_BUFFER_BYTES);
        if is_of_peers {
            let most = usize::try_from(PEER_STREAMS_MAX).ok();
            builder.http2().max_pending_accept_reset_streams(most);
        }
        builder
    }
}
