//! Figures from medians, and a run that measures something.

use authcluster_contract::cost::Cost;
use expect_test::expect;

use super::{Medians, Report, Row, Wanted, measure};

const COST: Cost = Cost { memory_kib: 19 << 10, iterations: 2, parallelism: 1 };

#[test]
fn figures_follow_from_medians() {
    let medians = Medians { hash_ns: 4e6, crate_ns: 14e6, all_lanes_ns: 4.2e6 };
    let wanted = Wanted { costs: vec![COST], lanes: 2, rounds: 9 };
    let mut report = Report::new(&wanted, vec![Row::new(COST, 2, medians)]);
    report.path = "avx512";
    expect![[r#"
        engine path avx512; medians of 9 turns

         m MiB, t, p   ms/hash  ns/block     hashes/s    2 lanes, /s   crate, ms  x crate
            19, 2, 1      4.00     102.8        250.0          476.2       14.00     3.50
    "#]]
    .assert_eq(&report.table());
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["rows"][0]["times_crate"], 3.5);
    assert_eq!(json["path"], "avx512");
}

#[test]
fn a_run_verifies_with_both_and_measures_both() {
    let cost = Cost { memory_kib: 1 << 10, iterations: 1, parallelism: 1 };
    let report = measure(&Wanted { costs: vec![cost], lanes: 2, rounds: 1 }).unwrap();
    let row = report.rows.first().unwrap();
    for figure in [row.hash_ms, row.crate_hash_ms, row.all_lanes_hashes_per_second] {
        assert!(figure.is_finite() && figure > 0.0, "{row:?}");
    }
}
