//! The text that Prometheus reads.

use super::{Metrics, Reason};

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
