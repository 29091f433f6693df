//! What is said of a cluster in the status.

use super::{Expect, even_layout, expect, health, world};

#[expect(clippy::needless_pass_by_value, reason = "so that a row reads expect![...]")]
fn check(text: &str, expect: Expect) {
    let (wanted, seen) = world("3x2 formed", text);
    let health = health(&wanted, &seen);
    let said = format!(
        "{} slots, {}/{} shards, in sync {}, ok {}\n{}",
        health.slots_covered,
        health.shards_ready,
        health.shards,
        health.replicas_in_sync,
        health.cluster_state_ok,
        health
            .problems
            .iter()
            .chain(&health.notes)
            .map(|word| format!("{word}\n"))
            .collect::<String>()
    );
    expect.assert_eq(&said);
}

#[test]
fn ready_comes_from_the_topology() {
    let rest = "b0:5461-10922/e2 b1:<b0 c0:10923-16383/e3 c1:<c0";
    check(
        &format!("a0:0-5460 a1:<a0 {rest}"),
        expect![[r#"
        16384 slots, 3/3 shards, in sync true, ok true
    "#]],
    );
    check(
        &format!("a0:0-5460 a1:+ {rest}"),
        expect![[r#"
        16384 slots, 2/3 shards, in sync false, ok true
        a1 is no replica in sync with a0
    "#]],
    );
    check(
        &format!("a0:0-5460 a1:<a0/down {rest}"),
        expect![[r#"
        16384 slots, 2/3 shards, in sync false, ok true
        a1 is no replica in sync with a0
    "#]],
    );
    check(
        &format!("a0:0-5460/node1 a1:<a0/node1 {rest}"),
        expect![[r#"
        16384 slots, 3/3 shards, in sync true, ok true
        a1 is on the same node as its primary a0
    "#]],
    );
    check(
        &format!("a0:? a1:<!9 !9:0-5460 {rest}"),
        expect![[r#"
        10923 slots, 2/3 shards, in sync false, ok false
        a0: connection refused
        shard 0 owns no slots
        5461 of 16384 slots are not served
    "#]],
    );
}

#[test]
fn slots_count_only_when_all_who_met_believe_the_owner() {
    check(
        "a0:0-5460/lone a1:- b0:5461-10922/e2/lone b1:- c0:10923-16383/e3/lone c1:-",
        expect![[r#"
        0 slots, 0/3 shards, in sync false, ok false
        a1 is no replica in sync with a0
        b1 is no replica in sync with b0
        c1 is no replica in sync with c0
        a0 does not see the cluster as ok
        a0 does not know a1 (and 4 more)
        a1 does not see the cluster as ok
        a1 does not know a0 (and 4 more)
        b0 does not see the cluster as ok
        b0 does not know a0 (and 4 more)
        b1 does not see the cluster as ok
        b1 does not know a0 (and 4 more)
        c0 does not see the cluster as ok
        c0 does not know a0 (and 4 more)
        c1 does not see the cluster as ok
        c1 does not know a0 (and 4 more)
        16384 of 16384 slots are not served
    "#]],
    );
}

#[test]
fn a_shard_never_holds_a_slot_and_its_partner() {
    for shards in 2..=64 {
        let layout = even_layout(shards);
        let sizes: Vec<usize> =
            layout.iter().map(authcluster_contract::slots::SlotSet::len).collect();
        assert!(
            sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1,
            "{shards}: {sizes:?}"
        );
        assert_eq!(sizes.iter().sum::<usize>(), 16384, "{shards}");
        for slots in &layout {
            assert_eq!(slots.ranges().len(), 1, "{shards}: {slots}");
            assert!(slots.iter().all(|slot| !slots.contains(slot.partner())), "{shards}: {slots}");
        }
    }
}
