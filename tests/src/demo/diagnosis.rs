//! What someone who looks into a failure asks first, asked here: the resource's conditions, its pods,
//! warnings, and the last words of the operator.

use authcluster_lab::lab::Lab;
use authcluster_lab::report::answer;

use super::{NAME, NAMESPACE, OPERATOR_NAMESPACE};

/// Lines shown of each answer.
const LINES_MAX: usize = 25;

const CONDITIONS: &str =
    r#"jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}"#;
const WAITING: &str = r#"jsonpath={range .items[*]}{.metadata.name}{range .status.initContainerStatuses[*]} {.state.waiting.reason} {.state.waiting.message} {.lastState.terminated.message}{end}{range .status.containerStatuses[*]} {.state.waiting.reason} {.state.waiting.message} {.lastState.terminated.message}{end}{"\n"}{end}"#;

/// Prints it. Whatever cannot be had is shown with the reason.
pub(super) fn print(lab: &Lab) {
    let ours = ["--namespace", NAMESPACE];
    let operator = ["--namespace", OPERATOR_NAMESPACE];
    let questions: [(&str, &[&str], [&str; 2]); 7] = [
        ("conditions", &["get", "ac", NAME, "--output", CONDITIONS], ours),
        ("pods", &["get", "pods", "--output", "wide"], ours),
        ("containers that wait or ended", &["get", "pods", "--output", WAITING], ours),
        (
            "warnings",
            &["get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"],
            ours,
        ),
        ("the operator's pods", &["get", "pods", "--output", "wide"], operator),
        (
            "the operator's warnings",
            &["get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"],
            operator,
        ),
        ("the operator's log", &["logs", "deployment/authcluster", "--tail=20"], operator),
    ];
    for (title, question, namespace) in questions {
        let said = lab.kubectl(&[question, &namespace].concat());
        let said = said.unwrap_or_else(|error| error.to_string());
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let shown = lines.get(lines.len().saturating_sub(LINES_MAX)..).unwrap_or_default();
        answer(&format!("-- {title}"));
        shown.iter().for_each(|line| answer(&format!("   {line}")));
    }
    answer(&format!("-- all logs of the lab: {}", lab.logs().display()));
}
