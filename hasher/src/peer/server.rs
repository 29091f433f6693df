//! The peers' listener: one path, which puts a job to this pod's lanes and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use authcluster_contract::cost::Units;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures::StreamExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use zeroize::Zeroizing;

use super::tls::PeerTls;
use super::wire::{Answer, BODY_BYTES_MAX, CannotError, Reply, decode_job, encode_reply};
use crate::clock;
use crate::server::Server;
use crate::telemetry::{Metrics, PeerOutcome, chain};
use crate::work::{Local, Terms, WorkError};

/// Longest deadline that a peer is believed, from when its job arrives: longer than every deadline
/// of a request, and small enough that no sum of times overflows.
const DEADLINE_MAX: Duration = Duration::from_secs(3600);

/// Time for the body of a job: a peer sends it with the head.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Endpoint {
    local: Arc<Local>,
    metrics: Arc<Metrics>,
}

/// What to serve on the peers' listener. Stopped like the API's, it finishes the jobs that it has
/// taken.
#[must_use]
pub fn server(local: Arc<Local>, tls: &PeerTls, metrics: Arc<Metrics>) -> Server {
    let endpoint = Endpoint { local, metrics: Arc::clone(&metrics) };
    let router = Router::new()
        .route("/v1/compute", post(compute))
        .layer(CatchPanicLayer::new())
        .with_state(endpoint);
    Server::for_peers(router, Arc::clone(tls.server()), metrics)
}

/// When the peer takes its request back, this future is dropped, and with it a job that waits.
async fn compute(State(endpoint): State<Endpoint>, body: Body) -> Response {
    let counted = Counted { metrics: &endpoint.metrics, outcome: PeerOutcome::Gone };
    let (status, answer) = match endpoint.run(body).await {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => {
            let status = match error {
                CannotError::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
                CannotError::Broken
                | CannotError::Unknown
                | CannotError::Password(_)
                | CannotError::Stored(_)
                | CannotError::Wrap(_)
                | CannotError::Pepper(_)
                | CannotError::Cost => StatusCode::UNPROCESSABLE_ENTITY,
            };
            (status, Answer::Cannot(error.to_string()))
        }
    };
    counted.ended(&answer);
    reply(status, endpoint.local.load(), answer)
}

impl Endpoint {
    async fn run(&self, body: Body) -> Result<Answer, CannotError> {
        let body = tokio::time::timeout(BODY_TIMEOUT, read(body)).await;
        let asked = decode_job(&body.map_err(|_| CannotError::Broken)??, self.local.bounds())?;
        let deadline = clock::now() + asked.deadline.min(DEADLINE_MAX);
        let terms = Terms { wait_max: asked.wait_max, ..Terms::until(deadline) };
        Ok(match self.local.run(asked.who.as_ref(), asked.job, terms).await {
            Ok(outcome) => Answer::Done(outcome),
            Err(WorkError::Refused(refused)) => Answer::Refused(refused),
            Err(WorkError::UserBusy) => Answer::UserBusy,
            Err(error @ WorkError::Failed(_)) => {
                tracing::error!(from = %asked.from, error = chain(&error), "a peer's job failed");
                Answer::Failed(error.to_string())
            }
        })
    }
}

/// The whole body, in one piece of memory that is wiped.
async fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, CannotError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BODY_BYTES_MAX));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| CannotError::Broken)?;
        if bytes.len().saturating_add(chunk.len()) > BODY_BYTES_MAX {
            return Err(CannotError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn reply(status: StatusCode, load: Units, answer: Answer) -> Response {
    match encode_reply(Reply { load, answer }) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Counts one job, whichever way it ends.
struct Counted<'a> {
    metrics: &'a Metrics,
    outcome: PeerOutcome,
}

impl Counted<'_> {
    fn ended(mut self, answer: &Answer) {
        self.outcome = PeerOutcome::of(answer);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.metrics.peer_asked(self.outcome);
    }
}
