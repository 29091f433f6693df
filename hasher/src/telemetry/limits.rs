//! What the limits let through and what they denied, by what was used up. Never by whom.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Metrics;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitScope {
    /// The rate of one user.
    User,
    /// The rate of one address.
    Address,
    /// The rate of one user from one address.
    UserAndAddress,
    /// A user's failures in a row.
    Failures,
    /// The work of one caller.
    Work,
}

impl LimitScope {
    /// As it is spelled in headers and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Address => "address",
            Self::UserAndAddress => "user-and-address",
            Self::Failures => "failures",
            Self::Work => "work",
        }
    }

    /// Why it is denied, in words for the caller.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::User => "too many attempts for this user",
            Self::Address => "too many attempts from this address",
            Self::UserAndAddress => "too many attempts for this user from this address",
            Self::Failures => "too many failed attempts in a row for this user",
            Self::Work => "this caller has asked for more work than its units_per_second",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    scope: &'static str,
    outcome: &'static str,
}

/// The figures of the limits.
#[derive(Debug, Default)]
pub(super) struct LimitMetrics {
    decisions: Family<Labels, Counter>,
    alone: Gauge,
    refunds_left_out: Counter,
}

impl LimitMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let clone = self.decisions.clone();
        registry.register("limit_decisions", "Decisions of the limits, by what they count", clone);
        let clone = self.alone.clone();
        registry.register("limits_alone", "1 while this pod counts attempts alone", clone);
        let clone = self.refunds_left_out.clone();
        registry.register("refunds_left_out", "Refunds left out for too many at once", clone);
    }
}

impl Metrics {
    /// A limit let something through, or denied it.
    pub fn limited(&self, scope: LimitScope, admitted: bool) {
        let outcome = if admitted { "admitted" } else { "denied" };
        let labels = Labels { scope: scope.as_str(), outcome };
        self.limits.decisions.get_or_create(&labels).inc();
    }

    /// Whether attempts are counted over all pods from now on.
    pub fn limits_shared(&self, are: bool) {
        self.limits.alone.set(i64::from(!are));
    }

    /// What was charged stays so until it ends by itself.
    pub fn refund_left_out(&self) {
        self.limits.refunds_left_out.inc();
    }
}
