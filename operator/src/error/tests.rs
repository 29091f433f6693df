//! Back-off as a table, and chains of causes.

use std::time::Duration;

use super::{backoff, chain};

#[test]
fn pauses_double_up_to_a_minute() {
    for (failures, seconds) in [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (u32::MAX, 60)] {
        assert_eq!(backoff(failures), Duration::from_secs(seconds), "{failures} failures");
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Layer {
    text: &'static str,
    source: Option<Box<Layer>>,
}

#[test]
fn a_chain_names_each_cause_once() {
    let layer = |text, source: Option<Layer>| Layer { text, source: source.map(Box::new) };
    let check = |error: Layer, expect: &str| assert_eq!(chain(&error), expect);
    check(layer("a", None), "a");
    check(layer("a", Some(layer("b", Some(layer("c", None))))), "a: b: c");
    check(layer("a: b", Some(layer("b", None))), "a: b");
}

#[test]
fn a_refusal_is_told_in_the_api_servers_words() {
    let status = kube::core::Status {
        code: 403,
        message: "pods is forbidden".to_owned(),
        reason: "Forbidden".to_owned(),
        ..kube::core::Status::default()
    };
    let error = super::Error::Cluster(kube::Error::Api(Box::new(status)));
    assert_eq!(chain(&error), "cannot read the AuthCluster: pods is forbidden (403)");
}
