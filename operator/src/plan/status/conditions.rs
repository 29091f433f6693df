//! Conditions: what is said of each, and when it last changed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::api::conditions::{ConditionType, Reason};

/// Longest message. The API server takes 32 KiB; nobody reads more than this.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

/// What is said of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) truth: Truth,
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Said {
    pub(super) fn yes(reason: Reason, message: String) -> Self {
        Self { truth: Truth::True, reason, message }
    }

    pub(super) fn no(reason: Reason, message: String) -> Self {
        Self { truth: Truth::False, reason, message }
    }

    pub(super) fn unknown(reason: Reason, message: String) -> Self {
        Self { truth: Truth::Unknown, reason, message }
    }
}

/// `before` with `said` written into it, in the order of [`ConditionType`].
pub(super) fn write_conditions<const N: usize>(
    before: &[Condition],
    said: [(ConditionType, Said); N],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = before.to_vec();
    for (kind, Said { truth, reason, message }) in said {
        let type_ = kind.to_string();
        let status = format!("{truth:?}");
        let same = conditions.iter().find(|old| old.type_ == type_ && old.status == status);
        let since = same.map(|old| old.last_transition_time.clone());
        let condition = Condition {
            last_transition_time: since.unwrap_or_else(|| Time(super::seconds(now))),
            message: cut(message),
            observed_generation: Some(generation),
            reason: reason.to_string(),
            status,
            type_: type_.clone(),
        };
        conditions.retain(|old| old.type_ != type_);
        conditions.push(condition);
    }
    conditions.sort_by_key(|condition| place(&condition.type_));
    conditions
}

/// Where a condition stands among the others; unknown ones come last.
fn place(type_: &str) -> usize {
    ConditionType::ALL.iter().position(|kind| kind.name() == type_).unwrap_or(usize::MAX)
}

pub(super) fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        let end = message.floor_char_boundary(MESSAGE_BYTES_MAX);
        message.truncate(end);
        message.push_str(" ...");
    }
    message
}
