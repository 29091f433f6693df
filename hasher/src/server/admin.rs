//! Probes and metrics, on a port and a thread of their own: never behind hashing, never behind a token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::store::{Standing, Store};
use crate::telemetry::Metrics;
use crate::work::Local;

/// Time without a [`Pulse`] after which the pod is to be restarted. On a busy CPU a beat is late by seconds, so
/// this is far above that.
const PULSE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often the pod's own runtime shows that it runs.
const PULSE_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two encodings of the metrics when many are asked for: one takes about a millisecond, so this
/// is two percent of a CPU. Requests in between get the same text again.
const ENCODING_INTERVAL: Duration = Duration::from_millis(50);

/// Encodings that may come at once, for people and tests who look twice.
const ENCODINGS_AT_ONCE: u32 = 100;

/// When the runtime that serves callers ran last. `/livez` is answered by another thread, which would go on if
/// that runtime stood still.
#[derive(Debug)]
pub struct Pulse(Mutex<Instant>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Mutex::new(clock::now()))
    }
}

impl Pulse {
    /// Beats until `stopped` ends.
    pub async fn beat(self: Arc<Self>, stopped: CancellationToken) {
        let mut beats = tokio::time::interval(PULSE_INTERVAL);
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                () = stopped.cancelled() => return,
            }
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = clock::now();
        }
    }

    fn is_steady(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clock::now().saturating_duration_since(last) < PULSE_TIMEOUT
    }
}

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
    /// Shows that the pod's own runtime runs.
    pub pulse: Arc<Pulse>,
}

#[derive(Clone)]
struct Admin {
    health: Health,
    text: Arc<Mutex<MetricsText>>,
}

/// Limits encodings to one each [`ENCODING_INTERVAL`], with [`ENCODINGS_AT_ONCE`] in a burst.
struct EncodingAllowance {
    /// When the next encoding is due if they come at [`ENCODING_INTERVAL`].
    next: Instant,
}

impl EncodingAllowance {
    /// Takes one encoding from the allowance, if there is one left.
    fn take(&mut self, now: Instant) -> bool {
        let next = self.next.max(now);
        let is_left = next.saturating_duration_since(now) < ENCODING_INTERVAL * ENCODINGS_AT_ONCE;
        if is_left {
            self.next = next + ENCODING_INTERVAL;
        }
        is_left
    }
}

/// The last encoded metrics.
struct MetricsText {
    last: Bytes,
    allowance: EncodingAllowance,
}

impl MetricsText {
    /// The figures of this moment, or those of a moment ago when they are asked for too often.
    fn current(&mut self, health: &Health) -> Result<Bytes, std::fmt::Error> {
        if self.allowance.take(clock::now()) {
            self.last = health.metrics.encode(&health.local)?.into();
        }
        Ok(self.last.clone())
    }
}

/// `/livez`, `/readyz`, `/metrics`.
pub(super) fn admin_router(health: Health) -> Router {
    let allowance = EncodingAllowance { next: clock::now() };
    let text = MetricsText { last: Bytes::new(), allowance };
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Admin { health, text: Arc::new(Mutex::new(text)) })
}

async fn livez(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.health.pulse.is_steady() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the pod's runtime has not run for 30 s\n")
    }
}

/// Lanes exist before the port is open, so a pod is ready once the store has answered, until it
/// drains. A store that is lost later changes nothing: every pod would be taken out at once, and
/// with them the hashing that needs no store.
async fn readyz(State(Admin { health, .. }): State<Admin>) -> (StatusCode, String) {
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

async fn metrics(State(admin): State<Admin>) -> Response {
    const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut text = admin.text.lock().unwrap_or_else(PoisonError::into_inner);
    match text.current(&admin.health) {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests;
