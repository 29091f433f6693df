//! Connections of the port: one request each, a bounded number of connections, and a bounded time for each.
//!
//! A probe sends its request at once and is answered within milliseconds. So when all places are taken, the oldest
//! connection is closed: a flood of silent connections displaces its own connections, and probes get through.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tracing::{debug, warn};

/// Connections at once. Each costs some 10 KiB. The oldest is closed to make room: under a flood of 2,000 connections a
/// second, a probe has a quarter of a second to send its request.
pub(super) const CONNECTIONS_MAX: usize = 512;

/// Time from accept to the end of the answer. A probe or Prometheus needs some milliseconds.
pub(super) const CONNECTION_TIME: Duration = Duration::from_secs(5);

/// hyper's smallest buffer, in bytes. A request of the port has a head of some hundred.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Pause after an error that will not pass at once, such as no file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves for ever.
pub(super) async fn serve<A>(listener: &TcpListener, answer: A)
where
    A: Fn(&Request<Incoming>) -> Response<Full<Bytes>> + Clone + Send + 'static,
{
    let mut tasks = JoinSet::new();
    // Oldest first.
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "a connection for probes or metrics was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        while tasks.try_join_next().is_some() {}
        if open.len() >= CONNECTIONS_MAX {
            open.retain(|connection| !connection.is_finished());
        }
        if open.len() >= CONNECTIONS_MAX
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        open.push_back(tasks.spawn(connection(stream, answer.clone())));
        // Requests that have arrived are answered before new connections displace theirs.
        tokio::task::yield_now().await;
    }
}

async fn connection<A>(stream: TcpStream, answer: A)
where
    A: Fn(&Request<Incoming>) -> Response<Full<Bytes>>,
{
    let service = service_fn(move |request: Request<Incoming>| {
        std::future::ready(Ok::<_, Infallible>(answer(&request)))
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(CONNECTION_TIME);
    builder.keep_alive(false).max_buf_size(HEAD_BYTES_MAX);
    let served = builder.serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIME, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a connection for probes or metrics ended badly"),
        Err(_) => debug!("a connection for probes or metrics took too long"),
    }
}
