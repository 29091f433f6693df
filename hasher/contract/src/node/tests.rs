//! Node names and records: what is believed, and what is refused.

use super::*;

#[test]
fn names_that_would_break_a_key_or_a_label_are_refused() {
    for good in ["a", "demo-hasher-6d5f9-x2x4z", "0", "pod.example", &"a".repeat(253)] {
        assert!(good.parse::<NodeId>().is_ok(), "{good}");
    }
    for bad in ["", "-a", "a-", "A", "a b", "a}", "{a", "a\n", "ä", &"a".repeat(254)] {
        assert!(bad.parse::<NodeId>().is_err(), "{bad}");
    }
}

#[test]
fn a_record_of_a_newer_program_is_read() {
    let json = r#"{"address":"10.0.0.1:8444","lanes":2,"speed":4000,"version":"9.9.9","new":1}"#;
    let record: NodeRecord = serde_json::from_str(json).unwrap();
    assert_eq!(record.offered, 0);
    assert_eq!(record.capacity(), 8000);
}

#[test]
fn a_record_that_cannot_be_true_is_refused() {
    let record = |lanes, speed| NodeRecord {
        address: ([127, 0, 0, 1], 1).into(),
        lanes,
        speed,
        offered: 0,
        version: String::new(),
        config: String::new(),
    };
    let check = |lanes, speed, expect: &str| {
        assert_eq!(record(lanes, speed).checked().unwrap_err().to_string(), expect);
    };
    assert!(record(1, 1).checked().is_ok());
    check(0, 1, "node record: lanes is 0, and must be between 1 and 256");
    check(1, 0, "node record: speed is 0, and must be between 1 and 16000000");
    check(
        1,
        u64::MAX,
        "node record: speed is 18446744073709551615, and must be between 1 and 16000000",
    );
}
