//! Rates of attempts: the generic cell rate algorithm, several rules over one key.
//!
//! The twin of `store/redis/scripts/{reserve,refund}_rate.lua`: both give the same answers to the same
//! calls at the same times, and a test puts random traces to both. Each rule keeps one number, its
//! *arrival time*: when the bucket will be empty again if nothing more comes. An attempt adds one
//! interval (period / attempts); it is admitted when the time until then is at most all attempts'
//! intervals.
//!
//! * All rules admit, or none is charged. A denied attempt moves nothing: whoever keeps knocking does
//!   not keep the owner out (envoyproxy/ratelimit#185).
//! * An arrival time further away than a full bucket is taken for one that is full: a promoted replica
//!   may have a clock that is behind (sourcegraph#56826).
//! * A refund takes back what is still there of a charge, and never makes more room than there was
//!   without it: what has drained meanwhile is not given twice.
//! * What has drained is reckoned by the clock that the charge was made by. By the caller's, a charge
//!   whose answer took long would leave as much behind, and deny the next attempt for it.
//!
//! All times are microseconds. Answers are durations, and the time of the answer by the store's clock,
//! which only goes back to the store.

use std::collections::BTreeMap;
use std::time::Duration;

use authcluster_contract::config::{PERIOD_SECONDS_MAX, RateRule};

/// Longest life of a key, in microseconds, whatever lies in it.
const TTL_US_MAX: i64 = PERIOD_SECONDS_MAX as i64 * 1_000_000;

/// One rule of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// Attempts let through in one period, and also at once; at least 1.
    pub attempts: u32,
    /// Length of the period, in seconds; at least 1.
    pub period_seconds: u32,
}

impl From<RateRule> for Rate {
    fn from(rule: RateRule) -> Self {
        Self { attempts: rule.attempts, period_seconds: rule.period_seconds }
    }
}

impl Rate {
    /// What one attempt adds to the arrival time.
    #[must_use]
    pub fn interval_us(self) -> i64 {
        let interval = i64::from(self.period_seconds) * 1_000_000 / i64::from(self.attempts.max(1));
        interval.max(1)
    }

    /// A full bucket: all attempts at once.
    #[must_use]
    pub fn full_us(self) -> i64 {
        self.interval_us() * i64::from(self.attempts.max(1))
    }

    /// Names the rule within its key. With another number it is another rule, which starts anew.
    #[must_use]
    pub fn field(self) -> String {
        format!("{}/{}", self.attempts, self.period_seconds)
    }

    /// The same rate with this pod's share of the attempts, when pods cannot ask each other.
    #[must_use]
    pub fn shared_by(self, pods: usize) -> Self {
        let pods = u32::try_from(pods).unwrap_or(u32::MAX).max(1);
        Self { attempts: self.attempts.div_ceil(pods).max(1), ..self }
    }
}

/// What a key holds: the arrival time of each rule.
pub type Bucket = BTreeMap<String, i64>;

/// What came of an attempt, and what its refund needs: the time until each rule's bucket is empty, in
/// the order of the rules, after the charge if there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Whether every rule admits it.
    pub admitted: bool,
    /// When that was, by the clock of the store.
    pub at_us: i64,
    /// Time until each bucket is empty.
    pub left_us: Vec<i64>,
}

impl Reserved {
    /// How the rules stand now, tightest first by what is left, as said in headers.
    #[must_use]
    pub fn standings(&self, rates: &[Rate]) -> Vec<Standing> {
        rates.iter().zip(&self.left_us).map(|(rate, left)| Standing::of(*rate, *left)).collect()
    }

    /// Time until all rules admit an attempt; zero when they do.
    #[must_use]
    pub fn retry_after(&self, rates: &[Rate]) -> Duration {
        let waits = self.standings(rates).into_iter().map(|standing| standing.wait);
        waits.max().unwrap_or_default()
    }
}

/// How one rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The rule.
    pub rate: Rate,
    /// Attempts that would be admitted now.
    pub remaining: u32,
    /// Time until all attempts would be.
    pub empty_in: Duration,
    /// Time until one would be.
    pub wait: Duration,
}

impl Standing {
    fn of(rate: Rate, left_us: i64) -> Self {
        let free = (rate.full_us() - left_us).max(0);
        let remaining = u32::try_from(free / rate.interval_us()).unwrap_or(u32::MAX);
        let wait = left_us + rate.interval_us() - rate.full_us();
        Self { rate, remaining, empty_in: micros(left_us), wait: micros(wait) }
    }

    /// The same after one attempt was given back.
    #[must_use]
    pub fn refunded(self) -> Self {
        let remaining = self.remaining.saturating_add(1).min(self.rate.attempts);
        let interval = micros(self.rate.interval_us());
        let empty_in = self.empty_in.saturating_sub(interval);
        Self { remaining, empty_in, wait: Duration::ZERO, ..self }
    }
}

fn micros(time_us: i64) -> Duration {
    Duration::from_micros(u64::try_from(time_us).unwrap_or(0))
}

/// Time until the bucket is empty, and never more than a full one.
fn left_us(bucket: &Bucket, rate: Rate, now_us: i64) -> i64 {
    let arrival = bucket.get(&rate.field()).copied().unwrap_or(now_us);
    arrival.saturating_sub(now_us).clamp(0, rate.full_us())
}

/// One attempt.
pub fn reserve(bucket: &mut Bucket, rates: &[Rate], now_us: i64) -> Reserved {
    let mut left: Vec<i64> = rates.iter().map(|rate| left_us(bucket, *rate, now_us)).collect();
    let admits = |(rate, left): (&Rate, &i64)| left + rate.interval_us() <= rate.full_us();
    let admitted = rates.iter().zip(&left).all(admits);
    if admitted {
        for (rate, left) in rates.iter().zip(&mut left) {
            *left += rate.interval_us();
            bucket.insert(rate.field(), now_us + *left);
        }
    }
    Reserved { admitted, at_us: now_us, left_us: left }
}

/// Gives back what has not drained of a charge, to each rule. What is not there, or no longer, stays so.
/// Rules that are the same (two may be, once each is a pod's share) were charged once, and get it back
/// once.
pub fn refund(bucket: &mut Bucket, rates: &[Rate], charge: &Reserved, now_us: i64) {
    // A clock that went back has drained nothing.
    let elapsed_us = now_us.saturating_sub(charge.at_us).max(0);
    for (index, (rate, charged_us)) in rates.iter().zip(&charge.left_us).enumerate() {
        if rates.iter().take(index).any(|earlier| earlier == rate) {
            continue;
        }
        let amount = refundable_us(*rate, *charged_us, elapsed_us);
        let left = left_us(bucket, *rate, now_us) - amount;
        if left > 0 {
            bucket.insert(rate.field(), now_us + left);
        } else {
            bucket.remove(&rate.field());
        }
    }
}

/// What can be given back of a charge so long after it was made: what has not drained yet. `left_us`
/// is what [`reserve`] answered.
fn refundable_us(rate: Rate, left_us: i64, elapsed_us: i64) -> i64 {
    left_us.saturating_sub(elapsed_us).clamp(0, rate.interval_us())
}

/// The life that is left to a key, in whole milliseconds; `None` = nothing is left in it.
#[must_use]
pub fn ttl_ms(bucket: &Bucket, now_us: i64) -> Option<i64> {
    let last = bucket.values().max()?.saturating_sub(now_us).min(TTL_US_MAX);
    (last > 0).then(|| last.saturating_add(999) / 1_000)
}

#[cfg(test)]
mod tests;
