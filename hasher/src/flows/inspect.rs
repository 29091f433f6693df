//! Inspect: what a stored hash is, without a password and without work.

use authcluster_contract::formats::{InspectReply, InspectRequest};

use super::Service;
use crate::error::ApiError;
use crate::formats::Stored;
use crate::policy::pricing::Quote;
use crate::policy::rehash::{Policy, rehash_reasons};

/// What a stored hash is, next to the policy, and what verifying a usual password takes.
#[must_use]
pub fn describe(stored: &Stored, policy: &Policy, quote: Quote) -> InspectReply {
    let demand = stored.usual_demand();
    let reasons = rehash_reasons(stored, policy);
    let parameters = stored.parameters().into_iter();
    InspectReply {
        format: stored.format().name.to_owned(),
        scheme: stored.scheme(),
        parameters: parameters.map(|(name, value)| (name.to_owned(), value)).collect(),
        units: quote.units.0,
        memory_kib: demand.memory_kib(),
        estimated_ms: u64::try_from(quote.time.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX),
        needs_rehash: !reasons.is_empty(),
        reasons,
    }
}

impl Service {
    /// Says what a stored hash is.
    ///
    /// # Errors
    /// A stored hash that cannot be worked on.
    pub fn inspect(&self, request: &InspectRequest) -> Result<InspectReply, ApiError> {
        let stored = Stored::parse(request.encoded.expose(), &self.bounds)?;
        Ok(describe(&stored, &self.policy, self.work.quote(stored.usual_demand())))
    }
}
