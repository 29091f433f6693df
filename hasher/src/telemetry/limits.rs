//! What the limits let through and what they denied, by what was used up. Never by whom.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Metrics;
use super::closed::closed;

closed! {
    /// What a limit counts.
    pub enum LimitScope {
        /// The rate of one user.
        User = "user",
        /// The rate of one address.
        Address = "address",
        /// The rate of one user from one address.
        UserAndAddress = "user-and-address",
        /// A user's failures in a row.
        Failures = "failures",
        /// The work of one caller.
        Work = "work",
    }
}

impl LimitScope {
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
    logins_without_address: Counter,
}

impl LimitMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Decisions of the limits, by what they count and whether it was admitted";
        registry.register("limit_decisions", help, self.decisions.clone());
        let help = "1 while this pod counts attempts alone, because Redis is away";
        registry.register("limits_alone", help, self.alone.clone());
        let help = "Charges of attempts that were not given back, because too many were under way";
        registry.register("refunds_left_out", help, self.refunds_left_out.clone());
        let help = "Login attempts without an address of the user, while a rule counts by address";
        registry.register("logins_without_address", help, self.logins_without_address.clone());
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

    /// A login without an address, where a rule counts by address.
    pub fn login_without_address(&self) {
        self.limits.logins_without_address.inc();
    }

    /// What was charged stays so until it ends by itself.
    pub fn refund_left_out(&self) {
        self.limits.refunds_left_out.inc();
    }
}
