//! One node that does 1,000 units a second, and had 700 to do when the table was read.

use super::super::tests::table;
use super::*;

/// Events are `MS heard UNITS`, `MS sent UNITS` or `MS ?`; the answers are collected.
fn check(events: &str, expect: &str) {
    let start = crate::clock::now();
    let table = table("a:1000:700");
    let row = &table.rows()[0];
    let mut loads = Loads::default();
    let mut said = Vec::new();
    for event in events.split(", ") {
        let words: Vec<&str> = event.split(' ').collect();
        let now = start + Duration::from_millis(words[0].parse().expect("milliseconds"));
        let units = || Units(words[2].parse().expect("units"));
        match words[1] {
            "heard" => loads.heard(&row.node, units(), now),
            "sent" => loads.sent(row, units(), now),
            _ => said.push(loads.of(row, now).0.to_string()),
        }
    }
    assert_eq!(said.join(" "), expect, "{events}");
}

#[test]
fn a_load_ages_and_grows_until_the_tables_is_newer() {
    check("0 ?", "700");
    check("0 heard 300, 0 ?, 100 ?, 400 ?, 1000 ?, 1001 ?", "300 200 0 0 700");
    check("0 heard 300, 100 sent 38, 100 ?, 150 ?, 1001 ?", "238 188 700");
    check("0 sent 38, 0 ?, 38 ?, 1001 ?", "738 700 700");
    // Sending tells nothing new of the node.
    check("0 heard 300, 900 sent 38, 900 ?, 1001 ?", "38 700");
}

#[test]
fn nodes_that_have_gone_are_forgotten() {
    let start = crate::clock::now();
    let (table, empty) = (table("a:1000:700"), Table::default());
    let mut loads = Loads::default();
    loads.heard(&table.rows()[0].node, Units(5), start);
    loads.keep(&table);
    assert_eq!(loads.of(&table.rows()[0], start), Units(5));
    loads.keep(&empty);
    assert_eq!(loads.of(&table.rows()[0], start), Units(700));
}
