//! Probes and metrics, on a port of their own: never behind hashing, never behind a token.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::store::redis::Link;
use crate::telemetry::Metrics;
use crate::work::Local;

/// What probes ask about.
#[derive(Clone)]
pub struct Health {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// This pod's lanes.
    pub local: Arc<Local>,
    /// The way to Redis, when there is one.
    pub link: Option<Link>,
    /// Ends when the pod takes nothing new.
    pub draining: CancellationToken,
}

/// `/livez`, `/readyz`, `/metrics`.
pub fn admin_router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// Lanes exist before the port is open. A pod that never reached Redis has no sessions and knows no
/// peers, so it is not ready; one that lost Redis goes on hashing, and taking it away would help nobody.
async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    if health.draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match health.link.as_ref().and_then(Link::problem) {
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")),
        None => (StatusCode::OK, "ok\n".to_owned()),
    }
}

async fn metrics(State(health): State<Health>) -> Response {
    const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match health.metrics.encode(&health.local) {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
