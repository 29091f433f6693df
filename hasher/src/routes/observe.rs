//! Counts every answer, logs those that are the hasher's fault, and says on each which pod gave it: once,
//! here.

use authcluster_contract::http::Code;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::Api;
use crate::clock;
use crate::error::Answered;

/// The routes by their names in metrics; anything else is one label, whatever was asked for.
const ROUTES: &[&str] = &[
    "/v1/hash",
    "/v1/verify",
    "/v1/inspect",
    "/v1/login",
    "/v1/sessions",
    "/v1/sessions/introspect",
    "/v1/sessions/rotate",
    "/v1/sessions/revoke",
    "/v1/sessions/list",
    "/v1/sessions/revoke-all",
    "/v1/limits/reset",
    "/v1/migrations/commit",
    "/v1/migrations/wrap",
    "/v1/nodes",
];

/// The pod that answers. Whoever sees an odd answer behind a Service knows whose log to read.
const NODE: HeaderName = HeaderName::from_static("authcluster-node");

pub(super) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let route = ROUTES.iter().find(|route| **route == path).copied().unwrap_or("other");
    let start = clock::now();
    let mut response = next.run(request).await;
    // A node's name is a DNS name, and so always a header's value too.
    if let Ok(node) = HeaderValue::from_str(api.service.node.as_str()) {
        response.headers_mut().insert(NODE, node);
    }
    let answered = response.extensions().get::<Answered>();
    let time = clock::now().saturating_duration_since(start);
    let code = answered.map(|answered| answered.code);
    if let Some(code) = code.filter(|code| is_about_a_row(route, *code)) {
        tracing::warn!(route, code = code.as_str(), "a stored hash cannot be verified");
        api.service.metrics.answered(route, None, time);
    } else {
        api.service.metrics.answered(route, code, time);
    }
    if let Some(Answered { code, cause: Some(cause) }) = answered {
        tracing::error!(route, code = code.as_str(), cause = &**cause, "request failed");
    }
    response
}

/// Whether the code says something about a user's row: such a row exists. A metric of its own would tell a
/// stranger who can read metrics which users exist, so these logins are counted as answered, and logged.
fn is_about_a_row(route: &str, code: Code) -> bool {
    const OF_ROWS: [Code; 3] =
        [Code::UnsupportedFormat, Code::CostOutOfBounds, Code::PepperUnavailable];
    route == "/v1/login" && OF_ROWS.contains(&code)
}
