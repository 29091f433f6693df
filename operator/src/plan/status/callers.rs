//! What the status says of the callers: each disabled one by name, with its Secret and the reason.

use super::super::Validated;
use super::super::callers::{CallerPlan, DisabledCaller, plan_callers};
use super::super::objects::Digests;
use super::super::seen::Observed;
use super::conditions::Said;
use crate::api::conditions::Reason;

/// The condition `CallersReady`, and what it means for `Ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallersSaid {
    /// The condition.
    pub(super) condition: Said,
    /// Whether hashers refuse every caller, so that the API is of use to no service.
    pub(super) all_refused: bool,
    /// The disabled callers as an addition to a message about everything else; empty if there are none.
    pub(super) note: String,
}

/// Describes the callers of `wanted`.
pub(super) fn callers_said(wanted: &Validated, observed: &Observed) -> CallersSaid {
    let digests = Digests::of_seen(&observed.kubernetes.secrets);
    let CallerPlan { enabled, disabled } = plan_callers(&wanted.callers, &digests);
    let (awaited, disabled): (Vec<_>, Vec<_>) =
        disabled.iter().partition(|disabled| disabled.is_being_generated());
    let all_refused = enabled.is_empty() && awaited.is_empty();
    if !disabled.is_empty() {
        let messages: Vec<String> = disabled.iter().map(ToString::to_string).collect();
        let message = messages.join("; ");
        let condition = if all_refused {
            format!("every caller is disabled, so all requests are refused: {message}")
        } else {
            format!("the hashers refuse these callers: {message}")
        };
        let names: Vec<&str> = disabled.iter().map(|it| it.caller.name.as_str()).collect();
        let note = format!(", except for disabled callers: {}", names.join(", "));
        return CallersSaid {
            condition: Said::no(Reason::CallerDisabled, condition),
            all_refused,
            note,
        };
    }
    let name = |awaited: &&DisabledCaller<'_>| awaited.caller.name.clone();
    let awaited: Vec<String> = awaited.iter().map(name).collect();
    let condition = if awaited.is_empty() {
        Said::yes(
            Reason::AsSpecified,
            "every caller has a token that the hashers accept".to_owned(),
        )
    } else {
        let message = format!("tokens are being generated for: {}", awaited.join(", "));
        Said::no(Reason::Progressing, message)
    };
    CallersSaid { condition, all_refused: false, note: String::new() }
}
