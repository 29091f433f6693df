//! The port for probes and metrics: plain HTTP, three paths, no secrets.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Metrics;

/// The content type of the `OpenMetrics` text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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
    TcpListener::bind(address).await.map_err(|cause| Error { address, cause })
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    probes: Arc<dyn Probes>,
    metrics: Metrics,
    stop: CancellationToken,
) -> Result<(), std::io::Error> {
    let (live, ready) = (Arc::clone(&probes), probes);
    let router = Router::new()
        .route("/livez", get(move || std::future::ready(answer(live.alive()))))
        .route("/readyz", get(move || std::future::ready(answer(ready.ready()))))
        .route(
            "/metrics",
            get(move || {
                let text = ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.text());
                std::future::ready(text)
            }),
        );
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn answer(verdict: Result<(), String>) -> Response {
    match verdict {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}
