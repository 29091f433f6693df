//! A JSON body, read strictly, and refused in words that quote none of it.

use std::marker::PhantomData;

use authcluster_contract::http::Code;
use authcluster_contract::limits::BODY_BYTES_MAX;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// A body that has arrived and is not yet read: who calls is checked before what they send.
pub(super) struct Body<T> {
    bytes: Result<Bytes, Code>,
    json: bool,
    as_type: PhantomData<fn() -> T>,
}

impl<S: Send + Sync, T> FromRequest<S> for Body<T> {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let json = is_json(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
                Code::PayloadTooLarge
            } else {
                Code::MalformedRequest
            }
        });
        Ok(Self { bytes, json, as_type: PhantomData })
    }
}

impl<T: DeserializeOwned> Body<T> {
    /// The request in the body.
    pub(super) fn read(self) -> Result<T, ApiError> {
        let bytes = self.bytes.map_err(|code| {
            let detail = match code {
                Code::PayloadTooLarge => format!("the body is longer than {BODY_BYTES_MAX} bytes"),
                _ => "the body did not arrive whole".to_owned(),
            };
            ApiError::new(code, detail)
        })?;
        if !self.json {
            let detail = "send the body as `Content-Type: application/json`";
            return Err(ApiError::new(Code::UnsupportedMediaType, detail));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::new(Code::MalformedRequest, words(&error)))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// The parser's words where they name only fields; where they would quote a value, a password
/// perhaps, just the place.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let (line, column) = (error.line(), error.column());
    let names_fields = ["missing field", "unknown field", "duplicate field"]
        .iter()
        .any(|so| words.starts_with(so));
    if names_fields {
        words
    } else if error.is_data() {
        format!("a field has the wrong type or value at line {line} column {column}")
    } else {
        format!("the body is no JSON: it goes wrong at line {line} column {column}")
    }
}
