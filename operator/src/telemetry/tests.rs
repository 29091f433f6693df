//! The text that Prometheus reads, and its table in `hasher/REFERENCE.md`, which `make golden` writes again.

use std::fmt::Write as _;

use expect_test::expect_file;

use super::{Kind, Metrics, Reason};

#[test]
fn metrics_carry_their_prefix_and_labels() {
    let metrics = Metrics::new();
    metrics.reconciles.inc();
    metrics.reconcile_errors.get_or_create(&Reason { reason: "Apply" }).inc();
    metrics.wrote("Service");
    let text = metrics.text();
    for line in [
        "authcluster_operator_reconciles_total 1",
        "authcluster_operator_reconcile_errors_total{reason=\"Apply\"} 1",
        "authcluster_operator_writes_total{kind=\"Service\"} 1",
        "authcluster_operator_leader 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

/// A metric with labels is written only when it has a value.
fn all() -> Metrics {
    let metrics = Metrics::new();
    metrics.reconcile_errors.get_or_create(&Reason { reason: "" }).inc();
    metrics.redis_steps.get_or_create(&Kind { kind: String::new() }).inc();
    metrics.wrote("");
    metrics
}

fn table() -> String {
    let metrics = all();
    let text = metrics.text();
    let mut page = "| metric | type | labels | what |\n|---|---|---|---|\n".to_owned();
    let mut rows = 0;
    for help in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = help.split_once(' ').unwrap();
        let typed = |line| str::strip_prefix(line, &format!("# TYPE {name} "));
        let kind = text.lines().find_map(typed).unwrap();
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let labels = text.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix('{'));
        let label = labels.and_then(|labels| labels.split_once('=')).map(|(label, _)| label);
        let label = label.map_or_else(String::new, |label| format!("`{label}`"));
        writeln!(page, "| `{name}` | {kind} | {label} | {help} |").unwrap();
        rows += 1;
    }
    // The registry leaves out what has no value yet, and shows what it has in no other way.
    let registered = format!("{:?}", metrics.registry).matches("Descriptor {").count();
    assert_eq!(rows, registered, "`all` leaves out a metric: give it a value");
    page
}

#[test]
fn the_page_has_every_metric() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../hasher/REFERENCE.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (begin, end) =
        ("<!-- operator: written by make golden -->\n", "<!-- end of operator -->\n");
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    expect_file![path].assert_eq(&format!("{before}{begin}{}{end}{after}", table()));
}
