//! What goes wrong with a request: a closed code and words for the caller, and a cause that stays
//! inside.
//!
//! An error is logged once, where it becomes an answer (`server::observe`). Neither part holds
//! anything of the request's content.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use authcluster_contract::http::Code;
use authcluster_contract::secret::PasswordError;
use authcluster_contract::user::{UserIdError, UsernameError};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::clock::RandomError;
use crate::formats::{FormatError, NotWrappable};
use crate::limits::{AddressError, LimitHeaders, Throttled};
use crate::store::StoreError;
use crate::telemetry::chain;
use crate::work::WorkError;

/// An answer that is not 2xx.
#[derive(Debug)]
pub struct ApiError {
    code: Code,
    detail: Cow<'static, str>,
    cause: Option<Box<dyn Error + Send + Sync>>,
    retry_after: Option<Duration>,
    limits: LimitHeaders,
}

/// Rides on the answer to where it is logged and counted.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The code of the problem.
    pub code: Code,
    /// The cause, with its causes.
    pub cause: Option<Arc<str>>,
}

impl ApiError {
    /// An error that the caller can mend.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            cause: None,
            retry_after: None,
            limits: LimitHeaders::default(),
        }
    }

    /// A fault of the hasher.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = Cow::Borrowed("a fault of the hasher; its log says more");
        Self { cause: Some(cause.into()), ..Self::new(Code::Internal, detail) }
    }

    /// The store of limits does not answer.
    pub fn limits_unavailable(cause: StoreError) -> Self {
        let detail = "the store of limits cannot be reached";
        Self {
            cause: Some(Box::new(cause)),
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(Code::LimitsUnavailable, detail)
        }
    }

    /// The store of migrations does not answer.
    pub fn migrations_unavailable(cause: StoreError) -> Self {
        let detail = "the store of migrations cannot be reached; what was written stands";
        Self {
            cause: Some(Box::new(cause)),
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(Code::MigrationsUnavailable, detail)
        }
    }

    /// The pod has no memory for one more connection or body.
    pub(crate) fn no_room(detail: impl Into<Cow<'static, str>>) -> Self {
        let retry_after = Some(Duration::from_secs(1));
        Self { retry_after, ..Self::new(Code::Overloaded, detail) }
    }

    /// The same, with what it says of the rates.
    #[must_use]
    pub fn with_limits(self, limits: LimitHeaders) -> Self {
        Self { limits, ..self }
    }

    /// What the caller is told.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Says the cause in the log, of an error that does not become an answer of its own.
    pub fn log_cause(&self, what: &str) {
        if let Some(cause) = &self.cause {
            tracing::error!(code = self.code.as_str(), cause = chain(cause.as_ref()), "{what}");
        }
    }

    /// What the caller sees of the kind.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        let code = match error {
            PasswordError::TooLong => Code::PasswordTooLong,
            PasswordError::NotExactlyOne | PasswordError::NotBase64 => Code::MalformedRequest,
        };
        Self::new(code, error.to_string())
    }
}

impl From<UsernameError> for ApiError {
    fn from(error: UsernameError) -> Self {
        Self::new(Code::MalformedRequest, error.to_string())
    }
}

impl From<UserIdError> for ApiError {
    fn from(error: UserIdError) -> Self {
        Self::new(Code::MalformedRequest, error.to_string())
    }
}

impl From<FormatError> for ApiError {
    fn from(error: FormatError) -> Self {
        let code = match error {
            FormatError::Unsupported(_) => Code::UnsupportedFormat,
            FormatError::CostOutOfBounds { .. } => Code::CostOutOfBounds,
            FormatError::NoPepper(_) => return pepper_unavailable(error),
        };
        Self::new(code, error.to_string())
    }
}

impl From<NotWrappable> for ApiError {
    fn from(error: NotWrappable) -> Self {
        Self::new(Code::NotWrappable, error.to_string())
    }
}

impl From<AddressError> for ApiError {
    fn from(error: AddressError) -> Self {
        Self::new(Code::MalformedRequest, error.to_string())
    }
}

impl From<Throttled> for ApiError {
    fn from(error: Throttled) -> Self {
        Self {
            retry_after: Some(error.retry_after),
            limits: error.headers.clone(),
            ..Self::new(Code::Throttled, error.to_string())
        }
    }
}

impl From<RandomError> for ApiError {
    fn from(error: RandomError) -> Self {
        Self::internal(error)
    }
}

impl From<WorkError> for ApiError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Refused(refused) => Self {
                retry_after: Some(refused.wait),
                ..Self::new(
                    Code::Overloaded,
                    format!(
                        "no pod can finish this in time; the earliest lane is free in {} ms",
                        refused.wait.as_millis()
                    ),
                )
            },
            WorkError::UserBusy => Self {
                retry_after: Some(Duration::from_secs(1)),
                ..Self::new(Code::UserBusy, "too many requests of this user are under way at once")
            },
            WorkError::Failed(cause) => Self::internal(cause),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let detail = match error {
            StoreError::Unreachable(_) => "the store of sessions cannot be reached",
            StoreError::Corrupt(_) => "the store of sessions holds what cannot be",
            StoreError::NotReplicated { .. } => "too few copies of a session could be made",
            StoreError::Full => "the store of sessions is full",
            StoreError::Seal(_) => "a session cannot be opened; the hasher's log says why",
            StoreError::CriticalUnavailable => return critical_unavailable(),
            StoreError::Random(error) => return error.into(),
        };
        Self {
            cause: Some(Box::new(error)),
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(Code::SessionsUnavailable, detail)
        }
    }
}

/// Neither yes nor no, as of a session whose key is missing; it is in the log, because only the team that
/// has the pepper can help.
fn pepper_unavailable(error: FormatError) -> ApiError {
    let detail = format!("{error}; nothing was verified, and the password may well be right");
    ApiError {
        cause: Some(Box::new(error)),
        retry_after: Some(Duration::from_secs(1)),
        ..ApiError::new(Code::PepperUnavailable, detail)
    }
}

fn critical_unavailable() -> ApiError {
    ApiError::new(
        Code::CriticalUnavailable,
        "`critical` needs a Redis Cluster with at least 3 shards: both copies of a session would be lost \
         with one",
    )
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.code.problem(self.detail);
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code == Code::Unauthenticated {
            let scheme = HeaderValue::from_static("Bearer realm=\"authcluster\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(wait) = self.retry_after {
            // At least one (RFC 9110, section 10.2.3), and at most the longest period of a rate.
            let seconds = whole_seconds(wait).clamp(1, 86_400);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        self.limits.write(headers);
        let cause = self.cause.map(|cause| chain(cause.as_ref()).into());
        response.extensions_mut().insert(Answered { code: self.code, cause });
        response
    }
}

/// Whole seconds, rounded up, so that nobody comes back too early.
#[must_use]
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    //! What an answer says of time.

    use super::*;

    #[test]
    fn a_part_of_a_second_counts_as_one() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(3)), 3);
    }
}
