//! Objects as they are wanted and as the API server gives them back.

use serde_json::{Value, json};

use super::{ANNOTATION_APPLIED, annotate, digest, first_difference};

#[expect(clippy::needless_pass_by_value, reason = "rows read better without references")]
fn check(wanted: Value, live: Value, expect: Option<&str>) {
    assert_eq!(first_difference(&wanted, &live).as_deref(), expect, "{wanted} in {live}");
}

#[test]
fn what_is_wanted_may_be_part_of_what_is_there() {
    check(json!({"a": 1}), json!({"a": 1, "default": true}), None);
    check(json!({"a": {"b": "x"}}), json!({"a": {"b": "x", "c": 1}}), None);
    check(json!({"a": {"b": "x"}}), json!({"a": {"b": "y"}}), Some("a.b"));
    check(json!({"a": {"b": "x"}}), json!({}), Some("a"));
    check(json!({"a": false}), json!({}), Some("a"));
}

#[test]
fn what_is_empty_may_be_left_out() {
    check(json!({"a": {}, "b": [], "c": null, "d": {"e": {}}}), json!({}), None);
    check(json!({"a": {}}), json!({"a": {"b": 1}}), None);
    check(json!({"a": ""}), json!({}), Some("a"));
}

#[test]
fn lists_of_named_things_may_hold_others_and_all_other_lists_are_whole() {
    let named = |names: &[&str]| json!({"env": names.iter().map(|name| json!({"name": name, "value": name})).collect::<Vec<_>>()});
    check(named(&["a", "b"]), named(&["a", "b"]), None);
    check(named(&["a", "b"]), named(&["b", "x", "a"]), None);
    check(named(&["a", "b"]), named(&["a"]), Some("env"));
    check(named(&["a", "b"]), named(&["a", "c"]), Some("env.1"));
    check(json!({"args": ["a"]}), json!({"args": ["a", "b"]}), Some("args"));
    check(json!({"args": ["a", "b"]}), json!({"args": ["b", "a"]}), Some("args.0"));
    let ports = |number: u16| json!({"ports": [{"name": "api", "port": number}]});
    check(ports(1), ports(2), Some("ports.0.port"));
}

#[test]
fn quantities_are_compared_by_value_and_nothing_else_is() {
    let limits = |memory: Value| json!({"limits": {"memory": memory}});
    check(limits(json!("1024Mi")), limits(json!("1Gi")), None);
    check(limits(json!("0.5")), limits(json!("500m")), None);
    check(limits(json!("1000m")), limits(json!("1")), None);
    check(limits(json!("1")), limits(json!(1)), None);
    check(limits(json!("1Gi")), limits(json!("1G")), Some("limits.memory"));
    check(limits(json!("1Gi")), limits(json!("1025Mi")), Some("limits.memory"));
    check(limits(json!("odd")), limits(json!("odd")), None);
    check(json!({"sizeLimit": "1024Ki"}), json!({"sizeLimit": "1Mi"}), None);
    check(json!({"value": "1024Mi"}), json!({"value": "1Gi"}), Some("value"));
}

#[test]
fn a_wish_less_is_another_digest() {
    let digests = [json!({"a": 1, "b": 2}), json!({"a": 1}), json!({"a": 2})].map(|it| digest(&it));
    assert_ne!(digests[0], digests[1]);
    assert_ne!(digests[1], digests[2]);
    assert_eq!(digest(&json!({"b": 2, "a": 1})), digests[0]);
}

#[test]
fn the_digest_goes_into_the_annotations() {
    let mut wanted = json!({"metadata": {"name": "n", "annotations": {"other": "x"}}});
    annotate(&mut wanted, "d".to_owned());
    assert_eq!(wanted["metadata"]["annotations"], json!({"other": "x", ANNOTATION_APPLIED: "d"}));
    let mut wanted = json!({"metadata": {"name": "n"}});
    annotate(&mut wanted, "d".to_owned());
    assert_eq!(wanted["metadata"]["annotations"][ANNOTATION_APPLIED], "d");
}
