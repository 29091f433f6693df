//! A table is written as `name:weight:load`, where weight `-` is absent, load `-` is no heartbeat,
//! and every node says 100 units a second of itself.

use std::collections::BTreeMap;

use authcluster_contract::config::RoutingStrategy;
use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};
use proptest::prelude::*;

use super::*;

fn seen(text: &str) -> Vec<NodeSeen> {
    text.split_whitespace()
        .map(|node| {
            let mut parts = node.split(':');
            let mut part = || parts.next().expect("name:weight:load");
            NodeSeen {
                node: part().parse().expect("a node name"),
                weight: match part() {
                    "-" => None,
                    weight => Some(weight.parse().expect("a weight")),
                },
                load: match part() {
                    "-" => None,
                    load => Some(Units(load.parse().expect("units"))),
                },
                record: NodeRecord {
                    address: ([127, 0, 0, 1], 8444).into(),
                    lanes: 2,
                    speed: 50,
                    offered: 0,
                    version: "0.1.0".to_owned(),
                    config: String::new(),
                },
            }
        })
        .collect()
}

pub(super) fn table(text: &str) -> Table {
    Table::default().next(seen(text), None)
}

fn shown(table: &Table) -> String {
    let rows = table.rows().iter();
    rows.map(|row| format!("{}:{}", row.node, row.weight)).collect::<Vec<_>>().join(" ")
}

fn home(table: &Table, key: u32) -> &str {
    table.by_affinity(RouteKey(key)).first().map_or("-", |row| row.node.as_str())
}

/// Keys that are spread as MD5 spreads them.
fn keys(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| {
        let digest: [u8; 16] = Md5::digest(number.to_be_bytes()).into();
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
    })
}

#[test]
fn the_key_is_the_start_of_the_md5() {
    let maker = UserKeyMaker::new(vec![7; 32], UsernameCase::Insensitive).expect("long enough");
    let user = maker.user(&Realm::new("shop").expect("a realm"), "alice").expect("a name");
    let digits: String =
        Md5::digest(user.as_str().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        format!("{:08x}", RouteKey::of(&user).0),
        *digits.get(..8).expect("hexadecimal digits")
    );
}

#[test]
fn the_table_follows_what_is_seen() {
    let check = |before: &str, after: &str, expect: &str| {
        assert_eq!(shown(&table(before).next(seen(after), None)), expect, "{before} -> {after}");
    };
    check("", "b:50:0 a:200:3", "a:200 b:50");
    // Absent weight: the node's own word. No heartbeat: dead. Zero: drains, but is seen.
    check("", "a:-:0 b:50:-", "a:100");
    check("", "a:0:0 b:50:0", "a:0 b:50");
    // Only zeros are a mistake, and the last good table stays.
    check("a:10:0 b:20:0", "a:0:0 b:0:0", "a:10 b:20");
    check("a:10:0 b:20:0", "a:0:0 b:0:0 c:0:0", "a:10 b:20 c:0");
    // Those that have gone do not come back with it.
    check("a:10:0 b:20:0", "a:0:0 b:20:-", "a:10");
    check("a:0:0 b:20:0", "a:0:0 b:20:-", "a:100");
    check("", "a:0:0 b:0:0", "a:100 b:100");
    // Nobody alive is no mistake: the caller computes what it gets.
    check("a:10:0", "", "");
    check("a:10:0", "a:10:-", "");
    check("", "a:10:0 a:20:0", "a:10");
}

#[test]
fn a_draining_node_gets_nothing() {
    let table = table("a:0:0 b:1:0 c:1:0");
    for key in keys(1_000) {
        let order = table.by_affinity(RouteKey(key));
        assert!(order.len() == 2 && order.iter().all(|row| row.node.as_str() != "a"));
    }
}

/// The binomial share of 20,000 keys lies within 5 % of a sixth or more, with room.
#[test]
fn shares_follow_weights() {
    let table = table("a:50:0 b:100:0 c:200:0 d:50:0 e:100:0 f:200:0");
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for key in keys(20_000) {
        *counts.entry(home(&table, key)).or_default() += 1;
    }
    for row in table.rows() {
        let share = f64::from(counts[row.node.as_str()]) / 20_000.0;
        let wanted = row.weight.get() as f64 / 700.0;
        assert!((share / wanted - 1.0).abs() < 0.08, "{}: {share:.4}, not {wanted:.4}", row.node);
    }
}

/// The second choices of a node's users follow the weights of the others, so that a node that goes
/// does not fall on one neighbour.
#[test]
fn second_choices_follow_weights_too() {
    let table = table("a:100:0 b:100:0 c:200:0");
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for key in keys(20_000) {
        let order = table.by_affinity(RouteKey(key));
        if order[0].node.as_str() == "a" {
            *counts.entry(order[1].node.as_str()).or_default() += 1;
        }
    }
    let ratio = f64::from(counts["c"]) / f64::from(counts["b"]);
    assert!((1.8..2.2).contains(&ratio), "{counts:?}");
}

/// Fixed for ever: two versions that disagree here split every user between two pods during an
/// upgrade.
#[test]
fn versions_agree() {
    let table = table("node-0:100:0 node-1:200:0 node-2:50:0");
    let homes: Vec<&str> = [0, 1, 0x0123_4567, 0xdead_beef, u32::MAX]
        .into_iter()
        .map(|key| home(&table, key))
        .collect();
    assert_eq!(homes.join(" "), "node-1 node-1 node-1 node-0 node-1");
}

#[test]
fn least_loaded_takes_the_better_of_two() {
    let table = table("busy:100:900 idle:100:0 slow:10:50");
    let mut first: BTreeMap<&str, u32> = BTreeMap::new();
    for random in keys(2_000) {
        let draw = Draw { key: RouteKey(0), random, turn: 0, now: crate::clock::now() };
        let order = table.order(RoutingStrategy::LeastLoaded, draw, &Loads::default());
        assert_eq!(order.len(), 3);
        *first.entry(order[0].node.as_str()).or_default() += 1;
    }
    assert_eq!(first.get("busy"), None, "{first:?}");
    assert!(first["idle"] > first["slow"], "{first:?}");
}

/// What replies say counts more than what was read a second ago.
#[test]
fn least_loaded_listens_to_replies() {
    let table = table("a:100:0 b:100:0");
    let now = crate::clock::now();
    let mut loads = Loads::default();
    loads.heard(&"a".parse().expect("a name"), Units(50), now);
    for random in keys(100) {
        let draw = Draw { key: RouteKey(0), random, turn: 0, now };
        let order = table.order(RoutingStrategy::LeastLoaded, draw, &loads);
        assert_eq!(order[0].node.as_str(), "b");
    }
}

#[test]
fn what_makes_no_sense_is_left_out_and_named_pingora_1006() {
    let said = |table: &Table| -> Vec<String> {
        table.nonsense().iter().map(ToString::to_string).collect()
    };
    let mut nodes = seen("a:10:0 b:20:0 c:30:0 c:40:0");
    nodes[0].record.address = ([0, 0, 0, 0], 8444).into();
    nodes[1].record.address = ([10, 0, 0, 1], 0).into();
    let table = Table::default().next(nodes, None);
    assert_eq!(shown(&table), "c:30");
    assert_eq!(
        said(&table),
        [
            "a has an address that nobody can reach",
            "b has an address that nobody can reach",
            "c is listed twice"
        ]
    );
    let drained = table.next(seen("c:0:0"), None);
    assert_eq!(said(&drained), ["all weights are zero: the last ones stay"]);
    assert_eq!(said(&drained.next(seen("c:5:0"), None)), Vec::<String>::new());
}

#[test]
fn a_version_is_a_state_of_the_cluster_envoy_45212() {
    let mut table = Table::default();
    let mut check = |text: &str, version: u64| {
        table = table.next(seen(text), None);
        assert_eq!(table.version(), version, "{text}");
    };
    check("a:10:0 b:20:0", 1);
    check("a:10:5 b:20:7", 1);
    check("b:20:0 a:10:0", 1);
    check("a:10:0 b:21:0", 2);
    check("a:10:0", 3);
    check("a:0:0", 3);
    check("", 4);
}

#[test]
fn only_nodes_that_came_later_are_new() {
    let now = crate::clock::now();
    let first = table("a:10:0 b:10:0");
    let second = first.next(seen("a:10:0 b:10:0 c:10:0"), Some(now));
    let later = second.next(seen("a:10:0 c:10:0"), Some(now + std::time::Duration::from_secs(1)));
    let since = |table: &Table| -> Vec<_> { table.rows().iter().map(|row| row.since).collect() };
    assert_eq!(since(&second), [None, None, Some(now)]);
    assert_eq!(since(&later), [None, Some(now)]);
}

#[test]
fn turns_follow_weights() {
    let table = table("a:100:0 b:200:0 c:100:0 d:0:0");
    let mut first: BTreeMap<&str, u32> = BTreeMap::new();
    for turn in 0..400 {
        let draw = Draw { key: RouteKey(0), random: 0, turn, now: crate::clock::now() };
        let order = table.order(RoutingStrategy::WeightedRoundRobin, draw, &Loads::default());
        assert_eq!(order.len(), 3);
        *first.entry(order[0].node.as_str()).or_default() += 1;
    }
    assert!((98..=102).contains(&first["a"]) && (198..=202).contains(&first["b"]), "{first:?}");
}

fn weights() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(1_u64..100_000, 2..12)
}

fn text(weights: &[u64]) -> Vec<String> {
    weights.iter().enumerate().map(|(index, weight)| format!("n{index}:{weight}:0")).collect()
}

proptest! {
    /// A node that leaves moves its own users and nobody else's; the rest of the order stays.
    #[test]
    fn leaving_moves_only_ones_own(weights in weights(), leaver: prop::sample::Index, key: u32) {
        let nodes = text(&weights);
        let leaver = leaver.index(nodes.len());
        let all = table(&nodes.join(" "));
        let mut fewer = nodes;
        let gone = fewer.remove(leaver);
        let gone = gone.split(':').next().unwrap_or_default();
        let fewer = table(&fewer.join(" "));
        let names = |table: &Table| -> Vec<String> {
            table.by_affinity(RouteKey(key)).iter().map(|row| row.node.to_string()).collect()
        };
        let expected: Vec<String> =
            names(&all).into_iter().filter(|name| name != gone).collect();
        prop_assert_eq!(names(&fewer), expected);
    }

    /// More weight never loses a user.
    #[test]
    fn more_weight_keeps_all_users(weights in weights(), grower: prop::sample::Index, key: u32) {
        let grower = grower.index(weights.len());
        let before = table(&text(&weights).join(" "));
        let mut more = weights;
        more[grower] *= 2;
        let after = table(&text(&more).join(" "));
        let name = format!("n{grower}");
        prop_assert!(home(&before, key) != name || home(&after, key) == name);
    }

    /// The order in which nodes are read means nothing: all pods agree.
    #[test]
    fn pods_agree(weights in weights(), key: u32) {
        let mut nodes = text(&weights);
        let one = table(&nodes.join(" "));
        nodes.reverse();
        let other = table(&nodes.join(" "));
        prop_assert_eq!(one.by_affinity(RouteKey(key)), other.by_affinity(RouteKey(key)));
    }
}
