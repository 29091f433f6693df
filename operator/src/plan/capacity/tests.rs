//! Weights, as rows: the pool's share, what the pods, their nodes and Redis look like, what is written.

use super::super::sample::{SPEED, node_id, wanted, world};
use super::*;

/// The pods of the sample: `a0`, `a1` of the pool `a`, and `b0`.
const SPEC: &str = "{hasher: {pools: [{name: a, replicas: 2}, {name: b}]}}";

fn pod_name(short: &str) -> String {
    let (pool, number) = short.split_at(1);
    format!("login-hasher-{pool}-{number}")
}

fn short_name(node: &NodeId) -> String {
    node.as_str().replace("login-hasher-", "").replace('-', "")
}

/// Changes the world as `words` say, one word a change:
/// `a0=500` stands in Redis, `a0=` does not, `a0*900` measures its speed, `a0!` is not registered,
/// `-a0` is terminating, `~a0` is gone, `a0%` is not ready, `1#` node 1 is cordoned, `1?` not ready,
/// `1&` short of memory, `1~` gone.
fn change(observed: &mut Observed, words: &str) {
    let (Known::Known(nodes), Known::Known(weights)) = (&mut observed.nodes, &mut observed.weights)
    else {
        panic!("both are known in the sample")
    };
    let kubernetes = &mut observed.kubernetes;
    for word in words.split_ascii_whitespace() {
        let node = |short: &str| node_id(&pod_name(short));
        if let Some((short, weight)) = word.split_once('=') {
            match weight {
                "" => weights.remove(&node(short)),
                weight => weights.insert(node(short), weight.parse().unwrap()),
            };
        } else if let Some((short, speed)) = word.split_once('*') {
            nodes.get_mut(&node(short)).unwrap().speed = speed.parse().unwrap();
        } else if let Some(short) = word.strip_suffix('!') {
            nodes.remove(&node(short));
        } else if let Some(short) = word.strip_prefix('-') {
            kubernetes.hasher_pods.get_mut(&pod_name(short)).unwrap().terminating = true;
        } else if let Some(short) = word.strip_prefix('~') {
            kubernetes.hasher_pods.remove(&pod_name(short));
        } else if let Some(short) = word.strip_suffix('%') {
            kubernetes.hasher_pods.get_mut(&pod_name(short)).unwrap().ready = false;
        } else {
            let (number, mark) = word.split_at(1);
            let name = format!("node-{number}");
            let seen = kubernetes.nodes.get_mut(&name).unwrap();
            match mark {
                "#" => seen.cordoned = true,
                "?" => seen.ready = false,
                "&" => seen.memory_pressure = true,
                _ => drop(kubernetes.nodes.remove(&name)),
            }
        }
    }
}

fn plan(spec: &str, words: &str) -> Capacity {
    let wanted = wanted(spec);
    let mut observed = world(&super::super::sample::wanted(SPEC));
    change(&mut observed, words);
    plan_capacity(&wanted, &observed)
}

#[track_caller]
fn check(spec: &str, words: &str, expect: &str) {
    let Capacity { changes, state, total } = plan(spec, words);
    let mut said: Vec<String> = changes
        .iter()
        .map(|(node, weight)| {
            let weight = weight.map_or("gone".to_owned(), |weight| weight.to_string());
            format!("{}={weight}", short_name(node))
        })
        .collect();
    let state = match state {
        CapacityState::Pushed => String::new(),
        CapacityState::NodesMissing(pods) => format!("| unregistered {}", pods.join(" ")),
        CapacityState::WeightsMissing(nodes) => format!("| unweighed {}", nodes.join(" ")),
        CapacityState::Unknown(why) => format!("| unknown: {why}"),
    };
    said.push(format!("sum {}", total.unwrap()));
    said.push(state);
    assert_eq!(said.join(" ").trim_end(), expect, "{spec} {words}");
}

#[test]
fn a_weight_is_measured_speed_times_the_pools_share() {
    assert_eq!(SPEED, 8000);
    check(SPEC, "", "sum 24000");
    let half = "{hasher: {pools: [{name: a, replicas: 2, capacityPercent: 50}, {name: b}]}}";
    check(half, "", "a0=4000 a1=4000 sum 16000");
    let none = "{hasher: {pools: [{name: a, replicas: 2, capacityPercent: 0}, {name: b}]}}";
    check(none, "", "a0=0 a1=0 sum 8000");
    check(SPEC, "a0*16000", "a0=16000 sum 32000");
    check(SPEC, "a0=", "a0=8000 sum 24000 | unweighed login-hasher-a-0");
    check(SPEC, "b0!", "sum 16000 | unregistered login-hasher-b-0");
    check(SPEC, "b0! b0%", "sum 16000");
}

#[test]
fn a_pod_that_is_to_get_nothing_new_weighs_nothing() {
    check(SPEC, "-a0", "a0=0 sum 16000");
    check(SPEC, "1#", "a1=0 sum 16000");
    check(SPEC, "1?", "a1=0 sum 16000");
    check(SPEC, "1&", "a1=0 sum 16000");
    check(SPEC, "1~", "a1=0 sum 16000");
    check(SPEC, "1# a1=0", "sum 16000");
    check(SPEC, "a1=0", "a1=8000 sum 24000");
    check(SPEC, "a0%", "sum 24000");
}

#[test]
fn never_does_everything_weigh_nothing() {
    check(SPEC, "0# 1#", "sum 24000");
    check(SPEC, "0? 1~", "sum 24000");
    check(SPEC, "0# 1# -a0", "a0=0 sum 16000");
    check(SPEC, "-a0 -a1 -b0", "sum 0");
    check(SPEC, "-a0 -a1 -b0 a0=0 a1=0", "sum 0");
    check(SPEC, "0# 1# a0=0 a1=0 b0=0", "a0=8000 a1=8000 b0=8000 sum 24000");
}

#[test]
fn a_weight_stands_until_it_is_wrong_by_a_tenth() {
    check(SPEC, "a0*8799", "sum 24000");
    check(SPEC, "a0*8800", "a0=8800 sum 24800");
    check(SPEC, "a0*7201", "sum 24000");
    check(SPEC, "a0*7200", "a0=7200 sum 23200");
    check(SPEC, "a0=1 a0*1", "sum 16001");
}

#[test]
fn a_pool_that_is_gone_keeps_what_it_has() {
    let only_b = "{hasher: {pools: [{name: b}]}}";
    check(only_b, "", "sum 24000");
    check(only_b, "a0=0", "sum 16000");
    check(only_b, "a0=", "a0=0 sum 16000 | unweighed login-hasher-a-0");
    check(only_b, "-a0", "a0=0 sum 16000");
}

#[test]
fn nodes_that_are_gone_are_removed_when_all_is_known() {
    check(SPEC, "~a0", "a0=gone sum 16000");
    check(SPEC, "~a0 a0!", "a0=gone sum 16000");
    check(SPEC, "~a0 a0=", "a0=gone sum 16000");
    let wanted = wanted(SPEC);
    for part in ["nodes", "weights"] {
        let mut observed = world(&wanted);
        change(&mut observed, "~a0 -a1");
        match part {
            "nodes" => observed.nodes = Known::Unknown("timeout".to_owned()),
            _ => observed.weights = Known::Unknown("timeout".to_owned()),
        }
        let state = CapacityState::Unknown("timeout".to_owned());
        let nothing = Capacity { changes: [].into(), state, total: None };
        assert_eq!(plan_capacity(&wanted, &observed), nothing, "{part}");
    }
}
