//! Records as others may have written them.

use super::*;

const GOOD: &str = r#"{"address":"10.0.0.1:8444","lanes":2,"speed":8000,"version":"0.1.0"}"#;

fn check(name: &str, record: &str, expect: Result<(), &str>) {
    let all = vec![
        (b"zz-last".to_vec(), GOOD.as_bytes().to_vec()),
        (name.as_bytes().to_vec(), record.as_bytes().to_vec()),
    ];
    let Listed { nodes, refused } = listed(all);
    // Whatever the one is like, the other is read.
    assert_eq!(nodes.last().unwrap().0.as_str(), "zz-last");
    match expect {
        Ok(()) => assert_eq!((nodes.len(), refused.len()), (2, 0), "{name} {record}"),
        Err(reason) => assert_eq!(refused, [reason], "{name} {record}"),
    }
}

#[test]
fn a_record_that_makes_no_sense_is_left_out_alone() {
    check("a", GOOD, Ok(()));
    check("a", &GOOD.replace("\"lanes\"", "\"newer\":1,\"lanes\""), Ok(()));
    check("a", "hunter2", Err("record of a: not JSON of its shape"));
    check("a", "", Err("record of a: not JSON of its shape"));
    check("A B", GOOD, Err("a record under a name that no node has"));
    check("a", &GOOD.replace("10.0.0.1", "x"), Err("record of a: not JSON of its shape"));
    let lanes = "record of a: node record: lanes is 0, and must be between 1 and 256";
    check("a", &GOOD.replace("\"lanes\":2", "\"lanes\":0"), Err(lanes));
    check("a", &GOOD.replace("0.1.0", &"1".repeat(65)), Err("record of a: a version that is none"));
    let long = GOOD.replace("0.1.0", &"1".repeat(1_024));
    check("a", &long, Err("record of a: longer than 1024 bytes"));
}

#[test]
fn a_flood_of_nodes_is_cut() {
    let all = (0..NODES_MAX + 5)
        .map(|index| (format!("n{index:06}").into_bytes(), GOOD.as_bytes().to_vec()))
        .collect();
    let Listed { nodes, refused } = listed(all);
    assert_eq!((nodes.len(), refused.len()), (NODES_MAX, 1));
}

#[test]
fn a_figure_that_is_none_is_never_zero() {
    let node: NodeId = "a".parse().unwrap();
    let check = |load: Option<&str>, weight: Option<&str>, expect: (Option<u64>, Option<u64>)| {
        let (seen_load, seen_weight, _) =
            figures(&node, load.map(str::as_bytes), weight.map(str::as_bytes));
        let seen = (seen_load.map(|load| load.0), seen_weight.map(Weight::get));
        assert_eq!(seen, expect, "{load:?} {weight:?}");
    };
    check(Some("38"), Some("0"), (Some(38), Some(0)));
    check(None, None, (None, None));
    check(Some("-1"), Some("-1"), (None, None));
    check(Some("x"), Some("99999999999"), (None, None));
}
