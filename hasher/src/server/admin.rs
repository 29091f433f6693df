//! Probes and metrics, on a port of their own: never behind hashing, never behind a token.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::store::{Standing, Store};
use crate::telemetry::Metrics;
use crate::work::Local;

/// What probes ask about.
#[derive(Clone)]
pub struct Health {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// This pod's lanes.
    pub local: Arc<Local>,
    /// Where sessions are.
    pub store: Arc<dyn Store>,
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

/// Lanes exist before the port is open, so a pod is ready once the store has answered, until it
/// drains. A store that is lost later changes nothing: every pod would be taken out at once, and
/// with them the hashing that needs no store.
async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    if health.draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match health.store.standing() {
        Standing::NeverReached(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for the shared store: {reason}\n"))
        }
        Standing::Reachable | Standing::Lost(_) => (StatusCode::OK, "ok\n".to_owned()),
    }
}

async fn metrics(State(health): State<Health>) -> Response {
    const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match health.metrics.encode(&health.local) {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
