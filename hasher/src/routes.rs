//! The API: extract, call a flow, reply. No decisions.

mod authenticate;
mod body;
mod deadline;
mod migrations;
mod observe;
mod sessions;
mod wrap;

use std::sync::Arc;

use authcluster_contract::config::Scope;
use authcluster_contract::formats::{InspectReply, InspectRequest};
use authcluster_contract::http::{
    Code, HashReply, HashRequest, LimitsResetReply, LimitsResetRequest, LoginRequest, NodesReply,
    VerifyReply, VerifyRequest,
};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

pub use self::body::Bodies;
use self::body::Body;
use crate::auth::{Auth, Caller};
use crate::error::ApiError;
use crate::flows::Service;

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    /// Who may call.
    pub auth: Arc<Auth>,
    /// What is done.
    pub service: Arc<Service>,
    /// Memory for bodies.
    pub bodies: Bodies,
}

type Reply<T> = Result<Json<T>, ApiError>;

/// Every path of the API.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/hash", post(hash))
        .route("/v1/verify", post(verify))
        .route("/v1/inspect", post(inspect))
        .route("/v1/login", post(login))
        .merge(sessions::router())
        .merge(migrations::router())
        .merge(wrap::router())
        .route("/v1/limits/reset", post(reset_limits))
        .route("/v1/nodes", get(nodes))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(api.clone(), authenticate::authenticate))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(api.clone(), observe::observe))
        .with_state(api)
}

async fn hash(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body<HashRequest>,
) -> Reply<HashReply> {
    caller.require(Scope::Hash)?;
    let request = body.read().await?;
    let deadline = api.service.deadline(deadline::given(&headers)?);
    Ok(Json(api.service.hash(&caller, request, deadline).await?))
}

async fn verify(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body<VerifyRequest>,
) -> Reply<VerifyReply> {
    caller.require(Scope::Verify)?;
    let request = body.read().await?;
    let deadline = api.service.deadline(deadline::given(&headers)?);
    Ok(Json(api.service.verify(&caller, request, deadline).await?))
}

async fn inspect(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    body: Body<InspectRequest>,
) -> Reply<InspectReply> {
    caller.require(Scope::Verify)?;
    Ok(Json(api.service.inspect(&body.read().await?)?))
}

async fn login(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body<LoginRequest>,
) -> Result<Response, ApiError> {
    caller.require(Scope::Login)?;
    let request = body.read().await?;
    let deadline = api.service.deadline(deadline::given(&headers)?);
    let answer = api.service.login(&caller, request, &headers, deadline).await?;
    let mut response = Json(answer.reply).into_response();
    answer.limits.write(response.headers_mut());
    Ok(response)
}

async fn reset_limits(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    body: Body<LimitsResetRequest>,
) -> Reply<LimitsResetReply> {
    caller.require(Scope::Limits)?;
    Ok(Json(api.service.reset_limits(&caller, &body.read().await?).await?))
}

async fn nodes(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Reply<NodesReply> {
    caller.require(Scope::Nodes)?;
    Ok(Json(api.service.nodes()))
}

async fn no_such_path() -> ApiError {
    ApiError::new(Code::NotFound, "there is no such path; see the table of calls in the README")
}

async fn no_such_method() -> ApiError {
    ApiError::new(Code::MethodNotAllowed, "calls with a body are POST, all others GET")
}

/// The panic's own words may hold anything, so they go nowhere.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ApiError::internal("a handler panicked").into_response()
}
