//! The call that wraps stored hashes, for whoever migrates a table.

use authcluster_contract::config::Scope;
use authcluster_contract::http::{WrapReply, WrapRequest};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Extension, Json, Router};

use super::body::Body;
use super::{Api, Reply, deadline};
use crate::auth::Caller;

pub(super) fn router() -> Router<Api> {
    Router::new().route("/v1/migrations/wrap", post(wrap))
}

async fn wrap(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body<WrapRequest>,
) -> Reply<WrapReply> {
    caller.require(Scope::Migrate)?;
    let request = body.read().await?;
    let deadline = api.service.deadline(deadline::given(&headers)?);
    Ok(Json(api.service.wrap(&caller, request, deadline).await?))
}
