//! A JSON body: read only after the caller is known, within bounds of time and memory, strictly, and refused in
//! words that quote none of it.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use authcluster_contract::http::Code;
use authcluster_contract::limits::BODY_BYTES_MAX;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Version, header};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::Api;
use crate::error::ApiError;
use crate::telemetry::Tasks;

/// Time for a body to arrive, from when it is asked for: 64 KiB at 13 KB/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a refused body that are read and dropped, so that a client that writes all of it before it reads
/// gets its answer, not a reset connection.
const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Time for that.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Size of a body of which the length is not said.
const UNKNOWN_LENGTH: usize = BODY_BYTES_MAX;

/// Memory for bodies that are being read, of all requests together.
#[derive(Clone, Debug)]
pub struct Bodies(Arc<Semaphore>);

impl Bodies {
    /// So much memory, in KiB.
    #[must_use]
    pub fn new(kib: u32) -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(kib).unwrap_or(usize::MAX))))
    }
}

/// A body that has not been read: handlers check the caller's scope first.
pub(super) struct Body<T> {
    unread: Unread,
    media: Result<(), &'static str>,
    length: Option<usize>,
    bodies: Bodies,
    as_type: PhantomData<fn() -> T>,
}

impl<T> FromRequest<Api> for Body<T> {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Self::Rejection> {
        let media = media_type(request.headers());
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        let unread = Unread::of(request, api.service.tasks.clone());
        Ok(Self { unread, media, length, bodies: api.bodies.clone(), as_type: PhantomData })
    }
}

impl<T: DeserializeOwned> Body<T> {
    /// The request in the body. A body that is refused is read and dropped behind the answer.
    pub(super) async fn read(mut self) -> Result<T, ApiError> {
        let bytes = match self.collect().await {
            Ok(bytes) => bytes,
            // The body did not arrive: there is no more of it to read.
            Err(error) if error.code() == Code::MalformedRequest => return Err(error),
            Err(error) => {
                self.unread.discard();
                return Err(error);
            }
        };
        // RFC 8259, section 8.1: a parser may ignore a byte order mark. .NET clients send one.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        serde_json::from_slice(text)
            .map_err(|error| ApiError::new(Code::MalformedRequest, describe(&error)))
    }

    async fn collect(&mut self) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        self.media.map_err(|detail| ApiError::new(Code::UnsupportedMediaType, detail))?;
        let length = self.length.unwrap_or(UNKNOWN_LENGTH);
        if BODY_BYTES_MAX < length {
            return Err(too_large());
        }
        let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
        let reserved = timeout(BODY_TIMEOUT, self.bodies.0.acquire_many(kib)).await;
        let Ok(Ok(_reserved)) = reserved else {
            return Err(ApiError::no_room("too many bodies are being read at once"));
        };
        timeout(BODY_TIMEOUT, self.unread.collect(length)).await.map_err(|_| {
            let seconds = BODY_TIMEOUT.as_secs();
            let detail = format!("the body did not arrive within {seconds} s");
            ApiError::new(Code::MalformedRequest, detail)
        })?
    }
}

fn too_large() -> ApiError {
    let detail = format!("the body is longer than {BODY_BYTES_MAX} bytes");
    ApiError::new(Code::PayloadTooLarge, detail)
}

/// What has not been read of a request's body.
pub(super) struct Unread {
    chunks: axum::body::BodyDataStream,
    version: Version,
    tasks: Tasks,
}

impl Unread {
    pub(super) fn of(request: Request, tasks: Tasks) -> Self {
        let version = request.version();
        Self { chunks: request.into_body().into_data_stream(), version, tasks }
    }

    /// The whole body, in one piece of memory that is wiped.
    async fn collect(&mut self, capacity: usize) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
        while let Some(chunk) = self.chunks.next().await {
            let chunk = chunk.map_err(|_| {
                ApiError::new(Code::MalformedRequest, "the body did not arrive whole")
            })?;
            if BODY_BYTES_MAX < bytes.len().saturating_add(chunk.len()) {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Reads and drops the rest in the background. On HTTP/1.1 a connection that is closed before the client has
    /// written all of its request is reset, and the answer may be lost (RFC 9112, section 9.6). HTTP/2 ends the
    /// one request instead (RFC 9113, section 8.1).
    pub(super) fn discard(self) {
        if Version::HTTP_11 < self.version {
            return;
        }
        let Self { mut chunks, tasks, .. } = self;
        let dropped = async move {
            let mut bytes = 0_usize;
            while let Some(Ok(chunk)) = chunks.next().await {
                bytes = bytes.saturating_add(chunk.len());
                if DISCARDED_BYTES_MAX < bytes {
                    return;
                }
            }
        };
        tasks.spawn("discard-body", async move {
            // Late or not: nothing is left to do.
            drop(timeout(DISCARD_TIMEOUT, dropped).await);
        });
    }
}

/// Whether the body says that it is JSON, in no other coding.
fn media_type(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let coding = text(header::CONTENT_ENCODING).unwrap_or("identity");
    if !coding.trim().eq_ignore_ascii_case("identity") {
        return Err("send the body without `Content-Encoding`");
    }
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err("send the body as `Content-Type: application/json`")
    }
}

/// The parser's words where they name only fields; where they would quote a value, a password
/// perhaps, just the place.
fn describe(error: &serde_json::Error) -> String {
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
        format!("the body is not JSON in UTF-8: the error is at line {line} column {column}")
    }
}
