//! The call that ends a migration. What begins one is a login or a verify.

use authcluster_contract::config::Scope;
use authcluster_contract::http::{CommitReply, CommitRequest};
use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Json, Router};

use super::body::Body;
use super::{Api, Reply};
use crate::auth::Caller;

pub(super) fn router() -> Router<Api> {
    Router::new().route("/v1/migrations/commit", post(commit))
}

/// For whoever may be offered a new hash.
async fn commit(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    body: Body<CommitRequest>,
) -> Reply<CommitReply> {
    caller.require_any(&[Scope::Login, Scope::Verify])?;
    Ok(Json(api.service.commit(&caller, &body.read().await?).await?))
}
