//! Which rates an attempt is charged on, and what they are called. Pure.

use std::sync::Arc;

use authcluster_contract::config::{RateRule, RateScope};
use authcluster_contract::keys::{self, RateSubject};
use authcluster_contract::user::{AddressKey, AddressKeys, UserKey};

use super::headers::{self, LimitHeaders};
use crate::policy::gcra::{Rate, Standing};
use crate::telemetry::LimitScope;

/// Whose attempts are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    User(UserKey),
    Address(AddressKey),
    UserAndAddress(UserKey, AddressKey),
}

impl Subject {
    pub(super) fn as_ref(&self) -> RateSubject<'_> {
        match self {
            Self::User(user) => RateSubject::User(user),
            Self::Address(address) => RateSubject::Address(address),
            Self::UserAndAddress(user, address) => RateSubject::UserAndAddress(user, address),
        }
    }

    pub(super) fn key(&self) -> String {
        keys::rate(self.as_ref())
    }

    pub(super) fn scope(&self) -> LimitScope {
        match self {
            Self::User(_) => LimitScope::User,
            Self::Address(_) => LimitScope::Address,
            Self::UserAndAddress(..) => LimitScope::UserAndAddress,
        }
    }
}

/// So many times the attempts of a rule are let through from a /56 and from a /48, which are some homes
/// or a company. Without the wider networks, one who has a /48 has 65,536 addresses.
const AROUND: [u32; 3] = [1, 4, 16];

/// Most attempts of a rate: the most that one rule may have.
const ATTEMPTS_MAX: u32 = 1_000_000;

/// Rates of one key, with the names that headers call them by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) rates: Vec<Rate>,
    pub(super) names: Vec<Arc<str>>,
}

impl Named {
    /// Adds a rate that is not there yet.
    fn add(&mut self, rate: Rate, name: &Arc<str>) {
        if !self.rates.contains(&rate) {
            self.rates.push(rate);
            self.names.push(Arc::clone(name));
        }
    }
}

/// All rates by what they count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) user: Named,
    /// Of a whole IPv4 address or an IPv6 /64; of the /56 and of the /48 around that.
    address: [Named; 3],
    pub(super) pair: Named,
    /// Of a known pair: the pair's and, for it alone, the user's.
    pub(super) known: Named,
    policy: Option<Arc<str>>,
}

impl Rates {
    pub(super) fn of(rules: &[RateRule]) -> Self {
        let mut all = Self::default();
        let mut policy = Vec::new();
        for rule in rules {
            let rate = Rate::from(*rule);
            let name: Arc<str> = format!("{}-{}", scope(rule.scope), rule.period_seconds).into();
            policy.push(headers::policy(&name, rule.attempts, rule.period_seconds));
            match rule.scope {
                RateScope::User => {
                    all.user.add(rate, &name);
                    all.known.add(rate, &name);
                }
                RateScope::UserAndAddress => {
                    all.pair.add(rate, &name);
                    all.known.add(rate, &name);
                }
                RateScope::Address => {
                    for (list, times) in all.address.iter_mut().zip(AROUND) {
                        let attempts = rate.attempts.saturating_mul(times).min(ATTEMPTS_MAX);
                        list.add(Rate { attempts, ..rate }, &name);
                    }
                }
            }
        }
        all.policy = (!policy.is_empty()).then(|| policy.join(", ").into());
        all
    }

    /// Whether there is a rule by address.
    pub(super) fn count_addresses(&self) -> bool {
        self.address.iter().any(|named| !named.rates.is_empty())
    }

    /// Everything that an attempt from this address is charged on beside users and pairs, the narrowest
    /// network first.
    pub(super) fn of_address(
        &self,
        address: &AddressKeys,
    ) -> impl Iterator<Item = (Subject, &Named)> {
        let around = address.around.iter().flat_map(|around| [&around.of_56, &around.of_48]);
        let subjects = std::iter::once(&address.own).chain(around).cloned().map(Subject::Address);
        subjects.zip(&self.address)
    }

    /// What an answer says after these rates were asked.
    pub(super) fn headers(&self, tightest: Option<(&str, Standing)>) -> LimitHeaders {
        LimitHeaders::new(self.policy.clone(), tightest)
    }
}

fn scope(scope: RateScope) -> &'static str {
    match scope {
        RateScope::User => LimitScope::User,
        RateScope::Address => LimitScope::Address,
        RateScope::UserAndAddress => LimitScope::UserAndAddress,
    }
    .as_str()
}

#[cfg(test)]
mod tests {
    //! Which rules apply to whom, and how headers spell them.

    use std::time::Duration;

    use http::HeaderMap;

    use super::*;

    fn rule(scope: RateScope, attempts: u32, period_seconds: u32) -> RateRule {
        RateRule { scope, attempts, period_seconds }
    }

    #[test]
    fn a_known_pair_has_the_users_rules_for_itself() {
        let all = Rates::of(&[
            rule(RateScope::User, 10, 60),
            rule(RateScope::User, 100, 86_400),
            rule(RateScope::Address, 50, 60),
            rule(RateScope::UserAndAddress, 5, 60),
            rule(RateScope::UserAndAddress, 100, 86_400),
        ]);
        let said = |named: &Named| named.rates.iter().map(|rate| rate.field()).collect::<Vec<_>>();
        assert_eq!(said(&all.user), ["10/60", "100/86400"]);
        assert_eq!(all.address.each_ref().map(said), [["50/60"], ["200/60"], ["800/60"]]);
        assert_eq!(said(&all.pair), ["5/60", "100/86400"]);
        assert_eq!(said(&all.known), ["10/60", "100/86400", "5/60"]);
        assert_eq!(Rates::of(&[]), Rates::default());
    }

    #[test]
    fn headers_are_structured_fields() {
        let all =
            Rates::of(&[rule(RateScope::User, 10, 60), rule(RateScope::UserAndAddress, 5, 30)]);
        let said = |remaining, empty_ms, wait_ms| {
            let (rate, empty_in) = (all.user.rates[0], Duration::from_millis(empty_ms));
            let standing =
                Standing { rate, remaining, empty_in, wait: Duration::from_millis(wait_ms) };
            let mut headers = HeaderMap::new();
            all.headers(Some(("user-60", standing))).write(&mut headers);
            assert_eq!(
                headers["ratelimit-policy"],
                "\"user-60\";q=10;w=60, \"user-and-address-30\";q=5;w=30"
            );
            headers["ratelimit"].to_str().unwrap().to_owned()
        };
        assert_eq!(said(7, 18_000, 0), "\"user-60\";r=7;t=18");
        assert_eq!(said(0, 60_000, 5_001), "\"user-60\";r=0;t=6");
        let mut headers = HeaderMap::new();
        Rates::of(&[]).headers(None).write(&mut headers);
        assert!(headers.is_empty());
    }
}
