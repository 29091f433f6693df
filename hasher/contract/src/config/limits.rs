//! How many failed attempts are let through, and how long a user waits after failures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most rules of a hasher: each scope can have a few, for a burst and for a day.
const RULES_MAX: usize = 16;

/// Most attempts of one rule.
const ATTEMPTS_MAX: u32 = 1_000_000;

/// Longest period of a rule: a day, in seconds. Rates are written to live no longer than this.
pub const PERIOD_SECONDS_MAX: u32 = 86_400;

/// Most failures in a row that can be asked for. NIST SP 800-63B, section 3.2.2, allows 100; more is
/// for those who lock accounts themselves.
const FAILURES_MAX_MAX: u32 = 1_000_000;

/// Longest wait between two attempts that can be asked for: a day, in seconds.
const WAIT_SECONDS_MAX: u32 = 86_400;

/// Longest time that a pair of user and address is known: two years, in days.
const KNOWN_PAIR_DAYS_MAX: u32 = 730;

/// Most proxies between user and caller that can be trusted.
const TRUSTED_HOPS_MAX: u32 = 16;

/// The rules where none are written: one user is guessed ten times a minute, by however many clients,
/// and one address may try a hundred times a minute, on however many users. An office or a mobile
/// network behind one address makes fewer typing errors than that; right passwords do not count.
const DEFAULT_RULES: [RateRule; 2] = [
    RateRule { scope: RateScope::User, attempts: 10, period_seconds: 60 },
    RateRule { scope: RateScope::Address, attempts: 100, period_seconds: 60 },
];

/// How many failed attempts are let through, over all pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Proxies that add to `X-Forwarded-For` on the way from the user to the caller, and whose word is
    /// taken. 0 = the header is ignored, and only the request's `address` counts.
    pub trusted_hops: u32,
    /// A pair of user and address is known so long after its last login, in days.
    pub known_pair_days: u32,
    /// How long a user waits after failures.
    pub backoff: Backoff,
    /// The rates. Left out: 10 attempts a minute by user and 100 a minute by address. `rules = []`: no
    /// rate is limited, and the waits after failures are all there is.
    pub rules: Vec<RateRule>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            trusted_hops: 0,
            known_pair_days: 90,
            backoff: Backoff::default(),
            rules: DEFAULT_RULES.to_vec(),
        }
    }
}

/// How long a user waits after failures in a row: first not at all, then 1 s, 2 s, 4 s and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backoff {
    /// Failures after which nobody waits yet.
    pub free_failures: u32,
    /// Failures after which only addresses that the user has logged in from before are let through.
    pub failures_max: u32,
    /// Longest wait, in seconds.
    pub wait_max_seconds: u32,
}

impl Default for Backoff {
    /// Ten typing errors cost nobody anything; 100 in a row are what NIST SP 800-63B allows; with a
    /// quarter of an hour between attempts an attacker gets there after a day.
    fn default() -> Self {
        Self { free_failures: 10, failures_max: 100, wait_max_seconds: 900 }
    }
}

/// One rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateRule {
    /// What is counted together.
    pub scope: RateScope,
    /// Attempts let through in one period, and also at once.
    pub attempts: u32,
    /// Length of the period, in seconds.
    pub period_seconds: u32,
}

/// What a rate counts together.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum RateScope {
    /// One user of one realm, from all addresses that the user has not logged in from. Each of the
    /// others has such a rate of its own.
    User,
    /// One address of one realm: an IPv4 address, or an IPv6 /64. The /56 around an IPv6 address may
    /// make 4 times as many attempts, and its /48 16 times.
    Address,
    /// One user from one address.
    UserAndAddress,
}

impl Limits {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// What does not, in the spelling of the file.
    pub fn check(&self) -> Result<(), String> {
        let bound = |field: &str, value: u32, min: u32, max: u32| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(format!("limits.{field} is {value}, and must be between {min} and {max}"))
            }
        };
        bound("trusted_hops", self.trusted_hops, 0, TRUSTED_HOPS_MAX)?;
        bound("known_pair_days", self.known_pair_days, 1, KNOWN_PAIR_DAYS_MAX)?;
        let Backoff { free_failures, failures_max, wait_max_seconds } = self.backoff;
        bound("backoff.failures_max", failures_max, 1, FAILURES_MAX_MAX)?;
        bound("backoff.free_failures", free_failures, 0, failures_max)?;
        bound("backoff.wait_max_seconds", wait_max_seconds, 1, WAIT_SECONDS_MAX)?;
        if self.rules.len() > RULES_MAX {
            return Err(format!("limits.rules: at most {RULES_MAX} rules"));
        }
        for (index, rule) in self.rules.iter().enumerate() {
            bound(&format!("rules[{index}].attempts"), rule.attempts, 1, ATTEMPTS_MAX)?;
            let period = format!("rules[{index}].period_seconds");
            bound(&period, rule.period_seconds, 1, PERIOD_SECONDS_MAX)?;
            let same = |earlier: &RateRule| {
                (earlier.scope, earlier.period_seconds) == (rule.scope, rule.period_seconds)
            };
            if self.rules.iter().take(index).any(same) {
                return Err(format!(
                    "limits.rules[{index}] has the scope and period of an earlier one"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! What makes no sense is refused in words that say what to do.

    use super::super::HasherConfig;
    use super::*;

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        assert_eq!(HasherConfig::from_toml(text).unwrap_err().to_string(), expect);
    }

    #[test]
    fn limits_are_within_their_bounds() {
        refused(
            "[limits]\ntrusted_hops = 17\n",
            "limits.trusted_hops is 17, and must be between 0 and 16",
        );
        refused(
            "[limits]\nknown_pair_days = 0\n",
            "limits.known_pair_days is 0, and must be between 1 and 730",
        );
        refused(
            "[limits.backoff]\nfree_failures = 101\n",
            "limits.backoff.free_failures is 101, and must be between 0 and 100",
        );
        let rule = "[[limits.rules]]\nscope = \"User\"\nattempts = 5\nperiod_seconds = 60\n";
        refused(
            &format!("{rule}{rule}"),
            "limits.rules[1] has the scope and period of an earlier one",
        );
        refused(
            &rule.replace('5', "0"),
            "limits.rules[0].attempts is 0, and must be between 1 and 1000000",
        );
        refused(
            &rule.replace("60", "86401"),
            "limits.rules[0].period_seconds is 86401, and must be between 1 and 86400",
        );
        assert_eq!(HasherConfig::from_toml(rule).unwrap().limits.rules.len(), 1);
    }

    #[test]
    fn rates_are_limited_unless_the_list_of_rules_is_empty() {
        let of = |text: &str| {
            let rules = HasherConfig::from_toml(text).unwrap().limits.rules.into_iter();
            let said = |rule: RateRule| (rule.scope, rule.attempts, rule.period_seconds);
            rules.map(said).collect::<Vec<_>>()
        };
        let default = [(RateScope::User, 10, 60), (RateScope::Address, 100, 60)];
        assert_eq!(of(""), default);
        assert_eq!(of("[limits]\ntrusted_hops = 1\n"), default);
        assert_eq!(of("[limits]\nrules = []\n"), []);
    }

    /// As the operator writes the file.
    #[test]
    fn an_empty_list_of_rules_is_written_as_one() {
        let config = HasherConfig {
            limits: Limits { rules: Vec::new(), ..Limits::default() },
            ..HasherConfig::default()
        };
        let text = config.to_toml().unwrap();
        assert!(HasherConfig::from_toml(&text).unwrap().limits.rules.is_empty(), "{text}");
    }
}
