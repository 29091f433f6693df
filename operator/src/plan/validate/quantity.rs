//! Amounts as Kubernetes writes them, as numbers. Source: the Kubernetes API conventions, "Quantity".

use crate::api::spec::Quantity;

/// Thousandths of a CPU, rounded up.
pub(super) fn milli_cpu(quantity: &Quantity) -> Result<u64, String> {
    parse(quantity)?.div_ceil(1_000_000).try_into().map_err(|_| refusal(quantity))
}

/// Bytes, rounded up.
pub(super) fn bytes(quantity: &Quantity) -> Result<u64, String> {
    parse(quantity)?.div_ceil(1_000_000_000).try_into().map_err(|_| refusal(quantity))
}

fn refusal(Quantity(text): &Quantity) -> String {
    format!("{text:?} is no amount: write a number such as 2, 500m or 512Mi")
}

/// The value in billionths: enough digits for every fraction that Kubernetes keeps.
fn parse(quantity: &Quantity) -> Result<u128, String> {
    let Quantity(text) = quantity;
    let refuse = || refusal(quantity);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end).ok_or_else(refuse)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return Err(refuse());
    }
    let whole: u128 = whole.parse().map_err(|_| refuse())?;
    let fraction: u128 = format!("{fraction:0<9}").parse().map_err(|_| refuse())?;
    let billionths = whole.checked_mul(1_000_000_000).ok_or_else(refuse)?.saturating_add(fraction);
    match suffix {
        "m" => Ok(billionths.div_ceil(1_000)),
        _ => billionths.checked_mul(factor(suffix).ok_or_else(refuse)?).ok_or_else(refuse),
    }
}

fn factor(suffix: &str) -> Option<u128> {
    Some(match suffix {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
