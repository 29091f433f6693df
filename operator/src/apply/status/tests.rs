//! What counts as news.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::says_the_same;
use crate::api::AuthClusterStatus;

fn status(plan: &str, conditions: &[(&str, &str, i64)]) -> AuthClusterStatus {
    let condition = |(type_, status, at): &(&str, &str, i64)| Condition {
        type_: (*type_).to_owned(),
        status: (*status).to_owned(),
        last_transition_time: Time(Timestamp::from_second(*at).unwrap()),
        message: String::new(),
        observed_generation: Some(1),
        reason: "AsSpecified".to_owned(),
    };
    AuthClusterStatus {
        plan: Some(plan.to_owned()),
        conditions: conditions.iter().map(condition).collect(),
        ..AuthClusterStatus::default()
    }
}

#[test]
fn times_and_order_are_no_news_and_all_else_is() {
    let written = status("p", &[("Ready", "True", 1), ("Stalled", "False", 1)]);
    let check = |other: AuthClusterStatus, expect: bool| {
        assert_eq!(says_the_same(&written, &other), expect, "{other:?}");
    };
    check(written.clone(), true);
    check(status("p", &[("Ready", "True", 9), ("Stalled", "False", 1)]), true);
    check(status("p", &[("Stalled", "False", 1), ("Ready", "True", 1)]), true);
    check(status("p", &[("Ready", "False", 1), ("Stalled", "False", 1)]), false);
    check(status("q", &[("Ready", "True", 1), ("Stalled", "False", 1)]), false);
    check(status("p", &[("Ready", "True", 1)]), false);
    let later = AuthClusterStatus { observed_generation: Some(2), ..written.clone() };
    check(later, false);
}
