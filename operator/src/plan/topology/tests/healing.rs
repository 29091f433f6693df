//! Pods that moved, lost their data, died or changed their roles.

use super::{check, expect};

const WHOLE: &str = "b0:5461-10922/e2/k9 b1:<b0/k9 c0:10923-16383/e3/k9 c1:<c0/k9";

fn shard_a(text: &str, expect: expect_test::Expect) {
    check("3x2 formed", &format!("{text} {WHOLE}"), expect);
}

#[test]
fn t1_a_shard_that_lost_both_pods_is_owned_again() {
    shard_a("a0:- a1:- !9:0-5460/e7", expect!["set config epoch 8 at a0"]);
    shard_a("a0:-/e8 a1:- !9:0-5460/e7", expect!["add slots 0-5460 at a0"]);
    shard_a("a0:0-5460/e8/lone a1:- !9:0-5460/e7", expect!["meet a0 from b0"]);
    // Met too early: no epoch can be set any more, so it is raised before the claim is made.
    shard_a("a0:+ a1:- !9:0-5460/e7", expect!["set config epoch 8 at a1"]);
    shard_a("a0:+ a1:+ !9:0-5460/e7", expect!["bump epoch at a0"]);
    shard_a("a0:+/e8 a1:+ !9:0-5460/e7", expect!["add slots 0-5460 at a0"]);
    // It claims, but the others believe the dead one.
    shard_a("a0:0-5460/e4 a1:- !9:0-5460/e7", expect!["bump epoch at a0"]);
    shard_a("a0:0-5460/e8 a1:- !9:0-5460/e7", expect!["meet a1 from a0"]);
}

#[test]
fn t1_volumes_that_are_all_empty_are_not_taken_for_granted() {
    let row = format!("a0:- a1:- !9:0-5460/e7 {WHOLE}");
    check(
        "3x2 formed persistent",
        &row,
        expect!["stalled: every node of shard 0 came back empty, though its storage is persistent"],
    );
    check("3x2 formed persistent accepted", &row, expect!["set config epoch 8 at a0"]);
}

#[test]
fn t2_single_slots_without_an_owner_go_to_an_owner() {
    let row = "a0:0-99,101-5460/e1/k5 b0:5461-10922/e2 c0:10923-16382/e3";
    check("3x1 formed", row, expect!["add slots 100 at a0"]);
    check(
        "3x1 formed",
        "a0:0-5460 b0:5461-10922/e2 c0:10923-16382/e3",
        expect!["add slots 16383 at c0"],
    );
    // The fragments of a lost shard, as they are.
    let row = "a0:0-99,200-5460/e1 b0:5461-9999,10500-10922/e2 c0:-/e9";
    check("3x1 formed", row, expect!["add slots 100-199,10000-10499,10923-16383 at c0"]);
}

#[test]
fn slots_of_a_node_that_was_not_read_are_never_given_away() {
    shard_a(
        "a0:? a1:-",
        expect!["wait: slots without an owner may be held by a0: connection refused"],
    );
    shard_a(
        "a0:? a1:- !9:0-5460/e7/alive",
        expect!["wait: slots without an owner may be held by a0: connection refused"],
    );
    shard_a(
        "a0:- a1:- !9:0-5460/e7/alive",
        expect!["wait: !9 may still live with slots of its own"],
    );
    // A pod without storage that has not started holds nothing, a volume may.
    shard_a("a0:~ a1:- !9:0-5460/e7", expect!["set config epoch 8 at a1"]);
    let row = format!("a0:~ a1:- !9:0-5460/e7 {WHOLE}");
    check(
        "3x2 formed persistent",
        &row,
        expect!["wait: slots without an owner may be held by a0 has no address yet"],
    );
    // A pod of a shard that is owned does not hold up another shard.
    let row = "a0:- b0:5461-10922/e2 b1:? c0:10923-16383/e3 c1:<c0 !9:0-5460/e7";
    check("3x2 formed", row, expect!["set config epoch 8 at a0"]);
}

#[test]
fn t7_pods_that_moved_are_met_again() {
    shard_a("a0:0-5460/moved a1:<a0", expect!["meet a0 from a1"]);
    let all = "a0:0-5460/k1/moved a1:<a0/moved b0:5461-10922/e2/moved b1:<b0/moved c0:10923-16383/e3/moved c1:<c0/moved";
    check("3x2 formed persistent", all, expect!["meet a1 from a0"]);
}

#[test]
fn t13_an_emptied_primary_waits_for_its_replica() {
    shard_a(
        "a0:- a1:<!9/k9 !9:0-5460/e1",
        expect!["wait: a replica is to take over from a primary that is gone"],
    );
    shard_a("a0:- a1:0-5460/e4/k9 !9:-", expect!["meet a0 from a1"]);
    shard_a("a0:+ a1:0-5460/e4/k9 !9:-", expect!["make a0 a replica of a1"]);
    // Nobody is made to forget its primary.
    shard_a(
        "a0:+ a1:<!9/k9 !9:0-5460/e1",
        expect!["wait: a replica is to take over from a primary that is gone"],
    );
}

#[test]
fn a_replica_that_copies_from_an_old_address_is_told_again() {
    shard_a("a0:0-5460/k9 a1:<a0/k9/down/stale", expect!["make a1 a replica of a0"]);
    shard_a("a0:0-5460/k9 a1:<a0/k9/stale", expect!["converged"]);
    shard_a("a0:0-5460/k9 a1:<a0/k9/down", expect!["wait: a1 is no replica in sync with a0"]);
    // It has yet to learn the address itself.
    shard_a("a0:0-5460/k9/moved a1:<a0/k9/down/stale", expect!["meet a0 from a1"]);
}

#[test]
fn a_replica_whose_primary_has_no_address_any_more_is_told_to_take_over() {
    // Another node answers at the address, so Redis never takes the primary for failed.
    shard_a("a0:- a1:<!9/k9/down !9:0-5460/e1/noaddr", expect!["have a1 take over"]);
    // The one that has copied most.
    let row = "a0:<!9/o5 a1:<!9/o7 a2:- !9:0-5460/e1/noaddr b0:5461-10922/e2 c0:10923-16383/e3";
    let rest = "b1:<b0 b2:<b0 c1:<c0 c2:<c0";
    check("3x3 formed", &format!("{row} {rest}"), expect!["have a1 take over"]);
    // It is taken for failed, and elected without us.
    shard_a(
        "a0:- a1:<!9/k9/down !9:0-5460/e1",
        expect!["wait: a replica is to take over from a primary that is gone"],
    );
    // It may be the pod that was not read, or live yet.
    shard_a(
        "a0:? a1:<!9/k9/down !9:0-5460/e1/noaddr",
        expect!["wait: slots without an owner may be held by a0: connection refused"],
    );
    shard_a(
        "a0:- a1:<!9/k9/down !9:0-5460/e1/noaddr/alive",
        expect!["wait: !9 may still live with slots of its own"],
    );
    // Another has taken over.
    shard_a("a0:0-5460/e4 a1:<!9/k9/down !9:-/noaddr", expect!["make a1 a replica of a0"]);
    // Nobody would vote.
    let row =
        "a0:- a1:<!8 b0:- b1:<!9 c0:10923-16383/e3 c1:<c0 !8:0-5460/noaddr !9:5461-10922/noaddr";
    check(
        "3x2 formed",
        row,
        expect!["stalled: 1 of 3 primaries are left, too few to elect successors of the others"],
    );
}

#[test]
fn t14_too_few_primaries_for_an_election_is_said() {
    let row = "a0:? a1:<!8 b0:? b1:<!9 c0:10923-16383/e3 c1:<c0 !8:0-5460 !9:5461-10922/e2";
    check(
        "3x2 formed",
        row,
        expect!["wait: slots without an owner may be held by a0: connection refused"],
    );
    let row = "a0:- a1:<!8 b0:- b1:<!9 c0:10923-16383/e3 c1:<c0 !8:0-5460 !9:5461-10922/e2";
    check(
        "3x2 formed",
        row,
        expect!["stalled: 1 of 3 primaries are left, too few to elect successors of the others"],
    );
}

#[test]
fn t15_a_dead_node_is_forgotten_everywhere_once_nobody_needs_it() {
    shard_a("a0:<a1 a1:0-5460/e4 !9:-", expect!["forget !9 at a0 a1 b0 b1 c0 c1"]);
    shard_a("a0:<a1 a1:0-5460/e4 !9:<!8 !8:-", expect!["forget !8 at a0 a1 b0 b1 c0 c1"]);
    shard_a(
        "a0:<a1 a1:0-5460/e4 !9:-/alive",
        expect!["wait: !9 is no pod of this cluster and lives in it"],
    );
    // It may be the pod that was not read.
    shard_a("a0:? a1:0-5460/e4 !9:-", expect!["wait: a0: connection refused"]);
    shard_a("a0:~ a1:0-5460/e4 !9:-", expect!["forget !9 at a1 b0 b1 c0 c1"]);
}

#[test]
fn t16_a_leader_that_returns_becomes_a_replica() {
    shard_a("a0:+ a1:0-5460/e4/k9", expect!["make a0 a replica of a1"]);
    shard_a(
        "a0:+/k3 a1:0-5460/e4/k9",
        expect![
            "stalled: a0 holds keys but owns no slots; it cannot become a replica before it is empty"
        ],
    );
    // It does not know yet; gossip tells it.
    shard_a(
        "a0:0-5460/e1/k9 a1:0-5460/e4/k9",
        expect!["wait: a0 has yet to learn who owns slots now"],
    );
}

#[test]
fn t17_a_replica_belongs_to_the_owner_of_its_own_shard() {
    shard_a("a0:0-5460/k9 a1:<b0/k9", expect!["make a1 a replica of a0"]);
    shard_a("a0:<c1 a1:0-5460/e4/k9", expect!["make a0 a replica of a1"]);
}

#[test]
fn t20_a_failed_master_that_is_gone_changes_no_count() {
    shard_a("a0:0-5460 a1:<a0 !9:-/e9", expect!["forget !9 at a0 a1 b0 b1 c0 c1"]);
}

#[test]
fn slots_that_lie_otherwise_are_left_alone() {
    check(
        "3x1 formed",
        "a0:0-8191 b0:8192-16383/e2 c0:+",
        expect![
            "stalled: the slots do not lie as 3 shards ask for, and moving slots is not built yet"
        ],
    );
}
