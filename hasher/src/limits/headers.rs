//! What an answer says of the rates: `RateLimit-Policy` and `RateLimit`, as in
//! draft-ietf-httpapi-ratelimit-headers-11, structured fields (RFC 9651). Pure.
//!
//! The policy names every rule, whoever asks; the rate is the tightest of those that were asked. They say
//! the same for a user that does not exist.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::whole_seconds;
use crate::policy::gcra::Standing;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE: HeaderName = HeaderName::from_static("ratelimit");

/// The two fields, where there are rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitHeaders {
    policy: Option<Arc<str>>,
    rate: Option<String>,
}

impl LimitHeaders {
    pub(super) fn new(policy: Option<Arc<str>>, tightest: Option<(&str, Standing)>) -> Self {
        Self { policy, rate: tightest.map(|(name, standing)| rate(name, standing)) }
    }

    /// Adds them to an answer.
    pub fn write(&self, headers: &mut HeaderMap) {
        let fields = [(POLICY, self.policy.as_deref()), (RATE, self.rate.as_deref())];
        for (name, value) in fields {
            if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
                headers.insert(name, value);
            }
        }
    }
}

/// `"user-60";q=10;w=60`: so many attempts in so many seconds.
pub(super) fn policy(name: &str, attempts: u32, period_seconds: u32) -> String {
    format!("\"{name}\";q={attempts};w={period_seconds}")
}

/// `"user-60";r=3;t=42`: so many are left; in so many seconds there are all of them again, or when none
/// is left, one.
fn rate(name: &str, standing: Standing) -> String {
    let time = if standing.remaining == 0 { standing.wait } else { standing.empty_in };
    format!("\"{name}\";r={};t={}", standing.remaining, whole_seconds(time))
}
