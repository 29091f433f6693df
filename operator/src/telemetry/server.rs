//! The port for probes and metrics: plain HTTP/1.1, three paths, no secrets. Everyone who reaches the pod reaches
//! this port, so all that a client can cost is bounded.
//!
//! The port has a thread of its own: a flood of connections delays no reconcile, and a long reconcile delays no probe.

mod connections;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Metrics;
use crate::clock::Clock;

/// The content type of the `OpenMetrics` text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const PLAIN: &str = "text/plain; charset=utf-8";

/// An encoded metrics text is served for this long. Prometheus reads once in some seconds; a flood of reads
/// encodes at most 20 texts a second.
const TEXT_LIFETIME: Duration = Duration::from_millis(50);

/// Answers of the probes: `Err` says in words what is wrong.
pub trait Probes: Send + Sync + 'static {
    /// Whether the process is to go on; if not, the kubelet starts it again.
    ///
    /// # Errors
    /// What is dead.
    fn alive(&self) -> Result<(), String>;

    /// Whether the process can do its work.
    ///
    /// # Errors
    /// What is missing.
    fn ready(&self) -> Result<(), String>;
}

/// The port could not be opened or served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve probes and metrics on {address}")]
pub struct Error {
    address: SocketAddr,
    #[source]
    cause: std::io::Error,
}

/// Opens the port. Separate from [`serve`], so that a port that is taken ends the program at start.
///
/// # Errors
/// When the port cannot be opened.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    // tokio lets 1,024 connections wait to be accepted, the standard library 128.
    let listener = tokio::net::TcpListener::bind(address).await;
    listener.and_then(tokio::net::TcpListener::into_std).map_err(|cause| Error { address, cause })
}

/// Starts the thread of the port, which serves until `stop` is cancelled and then ends at once. The receiver gets
/// the reason when the thread ends.
///
/// # Errors
/// When the thread cannot be started.
pub fn serve(
    listener: TcpListener,
    probes: Arc<dyn Probes>,
    metrics: Metrics,
    stop: CancellationToken,
) -> std::io::Result<oneshot::Receiver<std::io::Result<()>>> {
    let (ended, end) = oneshot::channel();
    let pages = Arc::new(Pages { probes, metrics, text: Mutex::default() });
    let work = move || {
        let served = run(listener, pages, stop);
        // The receiver is gone when the whole program ends.
        drop(ended.send(served));
    };
    std::thread::Builder::new().name("probes".to_owned()).spawn(work)?;
    Ok(end)
}

fn run(listener: TcpListener, pages: Arc<Pages>, stop: CancellationToken) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let answer = move |request: &Request<_>| pages.answer(request, Clock.instant());
        stop.run_until_cancelled(connections::serve(&listener, answer)).await;
        Ok(())
    })
}

/// The answers of the three paths.
struct Pages {
    probes: Arc<dyn Probes>,
    metrics: Metrics,
    /// The last metrics text, and when it was encoded.
    text: Mutex<Option<(Instant, Bytes)>>,
}

impl Pages {
    fn answer<B>(&self, request: &Request<B>, now: Instant) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(path, "/livez" | "/readyz" | "/metrics") {
            return page(StatusCode::NOT_FOUND, PLAIN, Bytes::new());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, Bytes::new());
        }
        match path {
            "/livez" => verdict(self.probes.alive()),
            "/readyz" => verdict(self.probes.ready()),
            _ => page(StatusCode::OK, OPEN_METRICS, self.metrics_text(now)),
        }
    }

    /// The metrics text, at most [`TEXT_LIFETIME`] old.
    fn metrics_text(&self, now: Instant) -> Bytes {
        let mut last = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((encoded_at, text)) = &*last
            && now.saturating_duration_since(*encoded_at) < TEXT_LIFETIME
        {
            return text.clone();
        }
        let text = Bytes::from(self.metrics.text());
        *last = Some((now, text.clone()));
        text
    }
}

fn verdict(verdict: Result<(), String>) -> Response<Full<Bytes>> {
    match verdict {
        Ok(()) => page(StatusCode::OK, PLAIN, Bytes::from_static(b"ok\n")),
        Err(reason) => page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{reason}\n").into()),
    }
}

fn page(status: StatusCode, content_type: &'static str, text: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests;
