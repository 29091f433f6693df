//! Gaps are filled by name; what has no value stays.

use super::*;

#[test]
fn gaps_are_filled() {
    let values = [("a", "1".to_owned()), ("b", "{{a}}".to_owned())];
    assert_eq!(fill("{{a}} {{a}} {{c}} {a}", &values), "1 1 {{c}} {a}");
}
