//! Inspect: what a stored hash is, without a password and without work.

use authcluster_contract::cost::{Cost, Units};
use authcluster_contract::formats::{InspectReply, InspectRequest};

use super::Service;
use crate::error::ApiError;
use crate::formats::Stored;
use crate::policy::rehash::rehash_reasons;

/// What a stored hash is, next to the policy, on a lane of this speed in units per second.
#[must_use]
pub fn describe(stored: &Stored, policy: Cost, speed: u64) -> InspectReply {
    let demand = stored.usual_demand();
    let reasons = rehash_reasons(stored, policy);
    let parameters = stored.parameters().into_iter();
    let Units(units) = demand.units;
    InspectReply {
        format: stored.format().name.to_owned(),
        scheme: stored.scheme(),
        parameters: parameters.map(|(name, value)| (name.to_owned(), value)).collect(),
        units,
        memory_kib: demand.memory_kib(),
        estimated_ms: units.saturating_mul(1_000).div_ceil(speed.max(1)),
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
        let own = self.work.nodes().into_iter().find(|known| known.entry.node == self.node);
        Ok(describe(&stored, self.cost, own.map_or(1, |known| known.entry.record.speed)))
    }
}
