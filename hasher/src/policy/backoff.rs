//! Failures in a row: how long a user waits between attempts, and which addresses are exempt.
//!
//! The twin of `store/redis/scripts/{begin,settle}_login.lua`: both give the same answers to the same
//! calls at the same times, and a test puts random traces to both.
//!
//! An attempt counts as a failure when it is let in, and success makes that undone: 200 guesses at
//! once are 200 failures before the first is computed (keycloak#31726). After the free failures each
//! attempt waits twice as long as the one before; at the most failures nothing more is let in (NIST SP
//! 800-63B, section 3.2.2, allows 100 in a row).
//!
//! An address that the user has logged in from lately is *known*, and has a count of its own. So an
//! attacker who uses up the user's count from elsewhere does not lock the user out (OWASP/ASVS#2134),
//! and one who sits behind the user's own address cannot guess for ever either. A success from anywhere
//! clears the user's count and that address's.
//!
//! What it does not protect against: many users tried once each from many addresses. That is what rates
//! by address are for.
//!
//! All times are milliseconds, addresses are opaque keys, and answers are durations.

mod lives;

use std::collections::BTreeMap;
use std::time::Duration;

use authcluster_contract::config::{Backoff, Limits};

pub use self::lives::{Lives, Memory};

/// Most addresses of one user that are known at once. A person has a home, an office, a telephone's
/// networks and some travel; more would make the exemption from the user's own count worth less.
pub const PAIRS_MAX: usize = 16;

/// The count of all addresses that are not known.
pub const ANYONE: &str = "*";

/// 2^30 seconds are more than any wait that can be asked for, and fit every number here.
const DOUBLINGS_MAX: i64 = 30;

const DAY_MS: i64 = 86_400_000;

/// A count from the free failures on lives so many times its wait.
const LIFE_PER_WAIT: i64 = 10;

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Failures after which nobody waits yet.
    pub free_failures: i64,
    /// Failures after which nothing is let in.
    pub failures_max: i64,
    /// Longest wait.
    pub wait_max_ms: i64,
    /// An address is known so long after its last success.
    pub known_ms: i64,
}

impl From<&Limits> for Rules {
    fn from(limits: &Limits) -> Self {
        let Backoff { free_failures, failures_max, wait_max_seconds } = limits.backoff;
        Self {
            free_failures: i64::from(free_failures),
            failures_max: i64::from(failures_max),
            wait_max_ms: i64::from(wait_max_seconds) * 1_000,
            known_ms: i64::from(limits.known_pair_days) * DAY_MS,
        }
    }
}

/// What is kept of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Known addresses, with the time of the last success.
    pub pairs: BTreeMap<String, i64>,
    /// When the known addresses are forgotten, all of them.
    pub pairs_end_ms: i64,
    /// Failures in a row by address, and of all that are not known under [`ANYONE`].
    pub counts: BTreeMap<String, Count>,
    /// When the failures are forgotten, all of them.
    pub counts_end_ms: i64,
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many, attempts that are under way among them.
    pub failures: i64,
    /// When the last one was let in.
    pub last_ms: i64,
}

/// What came of asking to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Time until it is worth asking again; `None` = let in.
    pub wait: Option<Duration>,
    /// Failures in a row under this count, this attempt among them when it was let in.
    pub failures: i64,
    /// Time between the attempt before and this one, for whoever takes it back; 0 when there was none.
    pub since_ms: i64,
    /// Whether the attempt is under its address's own count, because that is known.
    pub is_known: bool,
    /// All known addresses of the user, in order.
    pub known: Vec<String>,
}

/// How an attempt ended that leaves no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The password was right.
    Success,
    /// It was never decided: as if it had not been made.
    TakenBack {
        /// What [`Begun`] said.
        is_known: bool,
        /// What [`Begun`] said.
        failures: i64,
        /// What [`Begun`] said.
        since_ms: i64,
    },
}

impl Attempts {
    /// Forgets what is over. The store of many pods does it by itself.
    fn expire(&mut self, now_ms: i64) {
        if self.pairs_end_ms <= now_ms {
            self.pairs.clear();
        }
        if self.counts_end_ms <= now_ms {
            self.counts.clear();
        }
    }

    /// Keeps a count, and all counts at least until its end: they are forgotten together, and none
    /// before its time.
    pub fn count(&mut self, subject: &str, count: Count, end_ms: i64) {
        let others_end_ms = if self.counts.is_empty() { i64::MIN } else { self.counts_end_ms };
        self.counts_end_ms = others_end_ms.max(end_ms);
        self.counts.insert(subject.to_owned(), count);
    }

    /// When nothing is left to remember.
    #[must_use]
    pub fn end_ms(&self) -> i64 {
        let end = |empty, end_ms| if empty { i64::MIN } else { end_ms };
        let pairs = end(self.pairs.is_empty(), self.pairs_end_ms);
        pairs.max(end(self.counts.is_empty(), self.counts_end_ms))
    }
}

/// Whose count an attempt is under.
fn subject(is_known: bool, address: Option<&str>) -> &str {
    address.filter(|_| is_known).unwrap_or(ANYONE)
}

fn known<'a>(
    attempts: &'a Attempts,
    rules: &'a Rules,
    now_ms: i64,
) -> impl Iterator<Item = &'a String> {
    attempts.pairs.keys().filter(move |address| is_known(attempts, rules, address, now_ms))
}

fn is_known(attempts: &Attempts, rules: &Rules, address: &str, now_ms: i64) -> bool {
    attempts.pairs.get(address).is_some_and(|last_ms| *last_ms > now_ms - rules.known_ms)
}

/// The wait before the next attempt after so many failures.
fn wait_ms(rules: &Rules, failures: i64) -> i64 {
    if failures < rules.free_failures {
        return 0;
    }
    let doublings = (failures - rules.free_failures).min(DOUBLINGS_MAX);
    (1_000 << doublings).min(rules.wait_max_ms)
}

/// How long a count lives after an attempt that was let in.
#[must_use]
pub fn life_ms(rules: &Rules, failures: i64, memory: Memory) -> i64 {
    let Lives { few_ms, some_ms, most_ms } = Lives::with(memory);
    if failures >= rules.failures_max {
        most_ms
    } else if failures >= rules.free_failures {
        (LIFE_PER_WAIT * wait_ms(rules, failures)).max(some_ms)
    } else {
        few_ms
    }
}

/// One attempt, from this address.
pub fn begin(
    attempts: &mut Attempts,
    rules: &Rules,
    address: Option<&str>,
    memory: Memory,
    now_ms: i64,
) -> Begun {
    attempts.expire(now_ms);
    let is_known = address.is_some_and(|address| is_known(attempts, rules, address, now_ms));
    let subject = subject(is_known, address);
    let known: Vec<String> = known(attempts, rules, now_ms).cloned().collect();
    let before = attempts.counts.get(subject).copied();
    let Count { failures, last_ms } = before.unwrap_or(Count { failures: 0, last_ms: now_ms });
    // A promoted replica's clock may be behind the time that it was told.
    let since_ms = now_ms.saturating_sub(last_ms).max(0);
    let wait_ms = if failures >= rules.failures_max {
        rules.wait_max_ms
    } else {
        (wait_ms(rules, failures) - since_ms).max(0)
    };
    if wait_ms > 0 {
        return Begun { wait: Some(millis(wait_ms)), failures, since_ms, is_known, known };
    }
    let failures = failures + 1;
    attempts.count(
        subject,
        Count { failures, last_ms: now_ms },
        now_ms + life_ms(rules, failures, memory),
    );
    Begun { wait: None, failures, since_ms, is_known, known }
}

/// The end of an attempt that was let in and did not fail.
pub fn settle(
    attempts: &mut Attempts,
    rules: &Rules,
    address: Option<&str>,
    settled: Settled,
    now_ms: i64,
) {
    attempts.expire(now_ms);
    match settled {
        Settled::Success => {
            attempts.counts.remove(ANYONE);
            let Some(address) = address else { return };
            attempts.counts.remove(address);
            attempts.pairs.insert(address.to_owned(), now_ms);
            attempts.pairs_end_ms = now_ms + rules.known_ms;
            forget_pairs(attempts, rules, now_ms);
        }
        Settled::TakenBack { is_known, failures, since_ms } => {
            let subject = subject(is_known, address);
            let Some(count) = attempts.counts.get_mut(subject) else { return };
            if count.failures == failures {
                // Nobody came after it: the wait runs from the attempt before.
                count.last_ms -= since_ms;
            }
            count.failures -= 1;
            if count.failures <= 0 {
                attempts.counts.remove(subject);
            }
        }
    }
}

/// Those that are known no longer, and the oldest of too many, with their counts.
fn forget_pairs(attempts: &mut Attempts, rules: &Rules, now_ms: i64) {
    let mut by_age: Vec<(i64, String)> =
        attempts.pairs.iter().map(|(address, last_ms)| (*last_ms, address.clone())).collect();
    by_age.sort_unstable();
    let too_many = by_age.len().saturating_sub(PAIRS_MAX);
    for (index, (last_ms, address)) in by_age.into_iter().enumerate() {
        if index < too_many || last_ms <= now_ms - rules.known_ms {
            attempts.pairs.remove(&address);
            attempts.counts.remove(&address);
        }
    }
}

fn millis(time_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(time_ms).unwrap_or(0))
}

#[cfg(test)]
mod tests;
