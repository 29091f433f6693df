//! From fresh pods to a cluster.

use super::{check, expect};

#[test]
fn a_fresh_cluster_is_formed_step_by_step() {
    let forms = |text, expect| check("3x2", text, expect);
    forms("a0:- a1:- b0:- b1:- c0:- c1:-", expect!["set config epoch 1 at a0"]);
    forms("a0:-/e1 a1:- b0:- b1:- c0:- c1:-", expect!["add slots 0-5460 at a0"]);
    forms("a0:0-5460/e1/lone a1:- b0:- b1:- c0:- c1:-", expect!["set config epoch 2 at b0"]);
    forms("a0:0-5460/lone a1:- b0:-/e2 b1:- c0:- c1:-", expect!["add slots 5461-10922 at b0"]);
    let two = "a0:0-5460/e1/lone a1:- b0:5461-10922/e2/lone b1:- c0:-/e3 c1:-";
    forms(two, expect!["add slots 10923-16383 at c0"]);
    let three = "a0:0-5460/e1/lone a1:- b0:5461-10922/e2/lone b1:- c0:10923-16383/e3/lone c1:-";
    forms(three, expect!["meet a1 from a0"]);
    let met = "a0:0-5460/e1 a1:+ b0:5461-10922/e2 b1:+ c0:10923-16383/e3 c1:+";
    forms(met, expect!["make a1 a replica of a0"]);
    let one = "a0:0-5460/e1 a1:<a0 b0:5461-10922/e2 b1:+ c0:10923-16383/e3 c1:+";
    forms(one, expect!["make b1 a replica of b0"]);
    let all = "a0:0-5460/e1 a1:<a0 b0:5461-10922/e2 b1:<b0 c0:10923-16383/e3 c1:<c0";
    forms(all, expect!["converged"]);
    check("1x1", "a0:-", expect!["set config epoch 1 at a0"]);
    check("1x1", "a0:0-16383/e1", expect!["converged"]);
}

#[test]
fn nothing_is_formed_before_every_pod_answers() {
    check(
        "3x1",
        "a0:- b0:- c0:?",
        expect!["wait: the cluster is formed when every pod answers: c0: connection refused"],
    );
    check(
        "3x1",
        "a0:- b0:- c0:~",
        expect!["wait: the cluster is formed when every pod answers: c0 has no address yet"],
    );
    check(
        "3x1",
        "a0:- b0:-",
        expect![
            "wait: the cluster is formed when every pod answers: pod 0 of shard 2 does not exist"
        ],
    );
    check(
        "3x1 persistent",
        "a0:0-5460/lone b0:- c0:?",
        expect!["wait: the cluster is formed when every pod answers: c0: connection refused"],
    );
}

#[test]
fn owners_are_spread_over_the_nodes() {
    check(
        "3x2",
        "a0:0-5460/lone/node1 a1:-/node2 b0:-/node1 b1:-/node3 c0:-/node1 c1:-/node2",
        expect!["set config epoch 2 at b1"],
    );
    check(
        "3x2",
        "a0:0-5460/lone/node1 a1:-/node2 b0:-/node1 b1:-/e2/node3 c0:-/node1 c1:-/node2",
        expect!["add slots 5461-10922 at b1"],
    );
    // Chosen before, whatever the nodes say now.
    check(
        "3x2",
        "a0:0-5460/lone/node1 a1:-/node2 b0:-/e2/node1 b1:-/node3 c0:-/node1 c1:-/node2",
        expect!["add slots 5461-10922 at b0"],
    );
}

#[test]
fn t4_a_formed_cluster_whose_volumes_are_all_empty_is_not_created_again() {
    let fresh = "a0:- a1:- b0:- b1:- c0:- c1:-";
    check(
        "3x2 formed persistent",
        fresh,
        expect!["stalled: every node of shard 0 came back empty, though its storage is persistent"],
    );
    check("3x2 formed persistent accepted", fresh, expect!["set config epoch 1 at a0"]);
    check("3x2 formed", fresh, expect!["set config epoch 1 at a0"]);
}

#[test]
fn t4_a_lost_record_of_the_formation_does_not_form_what_is_whole() {
    check("3x1", "a0:0-5460/k9 b0:5461-10922/e2 c0:10923-16383/e3/k5", expect!["converged"]);
    // All pods came back at once: each one remembers, none reaches another.
    check(
        "3x1",
        "a0:0-5460/k9/moved b0:5461-10922/e2/moved c0:10923-16383/e3/moved",
        expect!["meet b0 from a0"],
    );
}

#[test]
fn t5_pods_that_joined_a_cluster_of_others_stop() {
    check(
        "3x1",
        "a0:+ b0:- c0:- !9:0-16383/e7/alive",
        expect!["stalled: node !9, which is no pod of this cluster, is alive in it"],
    );
}
