//! The calls about sessions. Ids travel in bodies, never in URLs, which end up in logs.

use authcluster_contract::config::Scope;
use authcluster_contract::http::{
    CreateSessionRequest, CreatedSession, IntrospectReply, ListSessionsReply, RevokeAllReply,
    RevokeReply, RevokeRequest, RotateReply, SessionRequest, UserRequest,
};
use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Json, Router};

use super::body::Body;
use super::{Api, Reply};
use crate::auth::Caller;

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/v1/sessions", post(create))
        .route("/v1/sessions/introspect", post(introspect))
        .route("/v1/sessions/rotate", post(rotate))
        .route("/v1/sessions/revoke", post(revoke))
        .route("/v1/sessions/list", post(list))
        .route("/v1/sessions/revoke-all", post(revoke_all))
}

async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    body: Body<CreateSessionRequest>,
) -> Reply<CreatedSession> {
    caller.require(Scope::Sessions)?;
    Ok(Json(api.service.create(&caller, body.read().await?).await?))
}

async fn introspect(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    body: Body<SessionRequest>,
) -> Reply<IntrospectReply> {
    caller.require(Scope::Sessions)?;
    Ok(Json(api.service.introspect(&caller, &body.read().await?).await?))
}

async fn rotate(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    body: Body<SessionRequest>,
) -> Reply<RotateReply> {
    caller.require(Scope::Sessions)?;
    Ok(Json(api.service.rotate(&caller, &body.read().await?).await?))
}

async fn revoke(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    body: Body<RevokeRequest>,
) -> Reply<RevokeReply> {
    caller.require(Scope::Sessions)?;
    Ok(Json(api.service.revoke(&caller, body.read().await?).await?))
}

async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    body: Body<UserRequest>,
) -> Reply<ListSessionsReply> {
    caller.require(Scope::Sessions)?;
    Ok(Json(api.service.list(&caller, &body.read().await?).await?))
}

async fn revoke_all(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    body: Body<UserRequest>,
) -> Reply<RevokeAllReply> {
    caller.require(Scope::Sessions)?;
    Ok(Json(api.service.revoke_all(&caller, &body.read().await?).await?))
}
