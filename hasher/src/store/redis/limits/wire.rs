//! The scripts of limits, what goes into them and what comes out. No I/O: the test that compares each with
//! its twin in `policy` speaks the same.

use std::time::Duration;

use redis::{ParsingError, Value, from_redis_value};

use crate::policy::backoff::{Begun, Lives, Memory, PAIRS_MAX, Rules, Settled};
use crate::policy::gcra::{Rate, Reserved};

/// [`crate::policy::gcra::reserve`].
pub const RESERVE_RATE: &str = include_str!("../scripts/reserve_rate.lua");
/// [`crate::policy::gcra::refund`].
pub const REFUND_RATE: &str = include_str!("../scripts/refund_rate.lua");
/// [`crate::policy::backoff::begin`].
pub const BEGIN_LOGIN: &str = include_str!("../scripts/begin_login.lua");
/// [`crate::policy::backoff::settle`].
pub const SETTLE_LOGIN: &str = include_str!("../scripts/settle_login.lua");

/// Arguments of [`RESERVE_RATE`].
#[must_use]
pub fn reserve(rates: &[Rate]) -> Vec<String> {
    rates.iter().flat_map(|rate| of_rate(*rate)).collect()
}

/// Arguments of [`REFUND_RATE`].
#[must_use]
pub fn refund(rates: &[Rate], charge: &Reserved) -> Vec<String> {
    let each = rates.iter().zip(&charge.left_us);
    let each = each.flat_map(|(rate, left)| of_rate(*rate).into_iter().chain([left.to_string()]));
    std::iter::once(charge.at_us.to_string()).chain(each).collect()
}

fn of_rate(rate: Rate) -> [String; 3] {
    [rate.field(), rate.interval_us().to_string(), rate.full_us().to_string()]
}

/// Arguments of [`BEGIN_LOGIN`].
#[must_use]
pub fn begin(address: Option<&str>, rules: &Rules, memory: Memory) -> Vec<String> {
    let Rules { free_failures, failures_max, wait_max_ms, known_ms } = *rules;
    let Lives { few_ms, some_ms, most_ms } = Lives::with(memory);
    let numbers = [free_failures, failures_max, wait_max_ms, known_ms, few_ms, some_ms, most_ms];
    let address = address.unwrap_or_default().to_owned();
    std::iter::once(address).chain(numbers.map(|number| number.to_string())).collect()
}

/// Arguments of [`SETTLE_LOGIN`].
#[must_use]
pub fn settle(address: Option<&str>, rules: &Rules, settled: Settled) -> Vec<String> {
    let address = address.unwrap_or_default().to_owned();
    let mut arguments = vec![address, rules.known_ms.to_string(), PAIRS_MAX.to_string()];
    if let Settled::TakenBack { is_known, failures, since_ms } = settled {
        let is_known = u8::from(is_known).to_string();
        arguments.extend([is_known, failures.to_string(), since_ms.to_string()]);
    }
    arguments
}

/// Answer of [`RESERVE_RATE`].
///
/// # Errors
/// What the script never answers.
pub fn reserved(answer: Value, rates: usize) -> Result<Reserved, ParsingError> {
    let answer: Vec<i64> = from_redis_value(answer)?;
    match answer.as_slice() {
        [admitted, at_us, left_us @ ..] if left_us.len() == rates => {
            Ok(Reserved { admitted: *admitted == 1, at_us: *at_us, left_us: left_us.to_vec() })
        }
        _ => Err("one number for each rate, and two before".into()),
    }
}

/// Answer of [`BEGIN_LOGIN`]: numbers, and then addresses.
///
/// # Errors
/// What the script never answers.
pub fn begun(answer: Value) -> Result<Begun, ParsingError> {
    let mut parts: Vec<Value> = from_redis_value(answer)?;
    let known = parts.split_off(parts.len().min(4));
    let (wait_ms, failures, since_ms, is_known): (u64, i64, i64, i64) =
        from_redis_value(Value::Array(parts))?;
    let mut known: Vec<String> = from_redis_value(Value::Array(known))?;
    known.sort_unstable();
    Ok(Begun {
        wait: (wait_ms > 0).then(|| Duration::from_millis(wait_ms)),
        failures,
        since_ms,
        is_known: is_known == 1,
        known,
    })
}
