//! The limits in force, as the steps of an attempt need them.

use authcluster_contract::config::Limits;

use super::rates::Rates;
use crate::policy::backoff::Rules;

/// The limits in force. An attempt goes by the same ones from its beginning to its end.
#[derive(Debug)]
pub struct LimitSettings {
    pub(super) rates: Rates,
    pub(super) rules: Rules,
    pub(super) trusted_hops: usize,
}

impl LimitSettings {
    /// Of this part of the file.
    #[must_use]
    pub fn of(limits: &Limits) -> Self {
        Self {
            rates: Rates::of(&limits.rules),
            rules: Rules::from(limits),
            trusted_hops: usize::try_from(limits.trusted_hops).unwrap_or(0),
        }
    }
}
