//! One row: the order, what each node answers when asked, and the steps that follow.
//!
//! An answer is a number of milliseconds (refused), `x` (failed), `-` (cannot do this one) or `ok`.

use super::*;

fn id(name: &str) -> NodeId {
    name.parse().expect("a node name")
}

fn check(order: &str, answers: &str, expect: &str) {
    check_own(order, None, answers, expect);
}

/// With this pod's own lanes, which are busy for so long.
fn check_own(order: &str, own_wait_ms: Option<u64>, answers: &str, expect: &str) {
    let mut attempts = Attempts::new(order.split_whitespace().map(id));
    let mut answers = answers.split_whitespace();
    let mut steps = Vec::new();
    loop {
        let (name, node) = match attempts.next_step(own_wait_ms) {
            Step::Ask(node) => (format!("ask {node}"), node),
            Step::Insist(node) => (format!("insist {node}"), node),
            Step::RunHere => {
                steps.push("here".to_owned());
                break;
            }
        };
        steps.push(name);
        match answers.next().expect("an answer for each step") {
            "ok" => break,
            "x" => attempts.failed(),
            "-" => {}
            wait_ms => attempts.refused(node, wait_ms.parse().expect("milliseconds")),
        }
    }
    assert_eq!(steps.join(", "), expect, "order {order}");
}

#[test]
fn refusals_end_with_the_least_bad() {
    check("a b c", "ok", "ask a");
    check("a b c", "60 ok", "ask a, ask b");
    check("a b c", "60 90 ok", "ask a, ask b, insist a");
    check("a b c", "90 60 ok", "ask a, ask b, insist b");
    check("a b c", "60 60 ok", "ask a, ask b, insist a");
    check("a b c", "80 60 ok", "ask a, ask b, insist a");
    check("a b c", "81 60 ok", "ask a, ask b, insist b");
    check("a b c", "10 0 ok", "ask a, ask b, insist a");
    check("a", "60 ok", "ask a, insist a");
}

#[test]
fn this_pods_own_lanes_are_among_the_least_bad() {
    check_own("a b c", Some(0), "ok", "ask a");
    check_own("a b c", Some(0), "60 90", "ask a, ask b, here");
    check_own("a b c", Some(39), "60 90", "ask a, ask b, here");
    // The user's home is worth 20 ms, and of two that are as long it is that.
    check_own("a b c", Some(40), "60 90 ok", "ask a, ask b, insist a");
    check_own("a b c", Some(59), "90 60", "ask a, ask b, here");
    check_own("a", Some(200), "60 ok", "ask a, insist a");
}

#[test]
fn one_failure_goes_elsewhere_and_two_stay_here() {
    check("a b c", "x ok", "ask a, ask b");
    check("a b c", "x x", "ask a, ask b, here");
    check("a b c", "x 60 90 ok", "ask a, ask b, ask c, insist b");
    check("a b c", "60 x 90 ok", "ask a, ask b, ask c, insist a");
    check("a b", "x 60 x", "ask a, ask b, insist b, here");
    check("a b c", "60 90 x ok", "ask a, ask b, insist a, insist b");
    check("a", "x", "ask a, here");
    check("", "", "here");
}

#[test]
fn a_job_that_cannot_be_done_in_time_is_tried_here_at_last() {
    check("a b c", "60 90 60", "ask a, ask b, insist a, here");
    check("a b c", "60 90 x 90", "ask a, ask b, insist a, insist b, here");
    check("a", "60 60", "ask a, insist a, here");
}

#[test]
fn a_node_that_cannot_do_it_counts_for_nothing() {
    check("a b c d", "- 60 - 90 ok", "ask a, ask b, ask c, ask d, insist b");
    check("a b c", "- - ok", "ask a, ask b, ask c");
    check("a b c", "60 90 - ok", "ask a, ask b, insist a, insist b");
    check("a b", "- -", "ask a, ask b, here");
}
