//! One evaluation at a time, and whole days in the simulation.

mod simulation;

use authcluster_contract::weights::Weight;

use super::*;
use crate::plan::next;
use crate::plan::sample::{SPEED, after, node_id, now, settled, wanted, world};

const SPEC: &str = "{hasher: {replicas: 3, autoscaling: {minReplicas: 2, maxReplicas: 10, \
                    targetUtilizationPercent: 50, scaleDownStabilizationSeconds: 60}}}";

fn scaling() -> Scaling {
    Scaling { min: 2, max: 10, target_percent: 50, window_seconds: 60 }
}

/// Three pods of [`SPEED`] that are offered so much each.
fn offered(each: u64) -> (Validated, Observed) {
    let wanted = wanted(SPEC);
    let mut observed = settled(&wanted);
    if let Known::Known(nodes) = &mut observed.nodes {
        nodes.values_mut().for_each(|record| record.offered = each);
    }
    (wanted, observed)
}

fn scaled(wanted: &Validated, observed: &Observed, seconds: i64) -> (u32, Autoscaled) {
    let mut wanted = wanted.clone();
    let scaled = autoscale(&mut wanted, observed, after(seconds));
    (wanted.pools[0].replicas, scaled)
}

#[test]
fn the_load_decides_at_once_when_it_is_more() {
    for (percent, expect) in [(0, 3), (45, 3), (50, 3), (55, 3), (56, 4), (100, 6), (400, 10)] {
        let (wanted, observed) = offered(SPEED * percent / 100);
        assert_eq!(scaled(&wanted, &observed, 0).0, expect, "{percent} %");
    }
    let (wanted, observed) = offered(u64::MAX);
    assert_eq!(scaled(&wanted, &observed, 0).0, 10, "nonsense stays within the bounds");
}

#[test]
fn a_pool_shrinks_after_the_window_and_to_the_most_of_it() {
    let (wanted, mut observed) = offered(SPEED / 10);
    let mut seen = Vec::new();
    for seconds in [0, 15, 30, 59, 60] {
        let (replicas, scaled) = scaled(&wanted, &observed, seconds);
        observed.histories = scaled.histories;
        seen.push(replicas);
    }
    assert_eq!(seen, [3, 3, 3, 3, 2]);
    let decide = |history: History, replicas, seconds| {
        let asked = Some(Asked { replicas, complete: true });
        history.decide(scaling(), 9, asked, after(seconds))
    };
    let (_, history) = decide(History::default(), 4, 0);
    let (_, history) = decide(history, 6, 30);
    let (_, history) = decide(history, 3, 50);
    let (replicas, history) = decide(history, 2, 61);
    assert_eq!(replicas, 6, "the most of the last minute");
    let (replicas, history) = decide(history, 2, 90);
    assert_eq!(replicas, 6, "a peak counts to the end of its window");
    let (replicas, history) = decide(history, 2, 91);
    assert_eq!(replicas, 3);
    assert_eq!(decide(history, 2, 111).0, 2);
}

#[test]
fn what_is_not_known_takes_no_pod_away() {
    let (wanted, mut idle) = offered(0);
    for seconds in [0, 30, 59] {
        idle.histories = scaled(&wanted, &idle, seconds).1.histories;
    }
    assert_eq!(scaled(&wanted, &idle, 60).0, 2, "all is known");
    let mut unreadable = idle.clone();
    unreadable.nodes = Known::Unknown("no answer".to_owned());
    let mut silent = idle.clone();
    if let Known::Known(nodes) = &mut silent.nodes {
        nodes.remove(&node_id("login-hasher-0"));
    }
    let mut weightless = idle.clone();
    if let Known::Known(weights) = &mut weightless.weights {
        weights.clear();
    }
    for mut observed in [unreadable, silent, weightless] {
        let (replicas, scaled_then) = scaled(&wanted, &observed, 60);
        assert_eq!(replicas, 3);
        // And the window begins anew when it is known again.
        observed = Observed { histories: scaled_then.histories, ..idle.clone() };
        let (replicas, scaled_then) = scaled(&wanted, &observed, 75);
        assert_eq!(replicas, 3);
        observed.histories = scaled_then.histories;
        assert_eq!(scaled(&wanted, &observed, 134).0, 3);
        assert_eq!(scaled(&wanted, &observed, 135).0, 2);
    }
}

#[test]
fn some_missing_figures_still_add_pods() {
    let (wanted, mut observed) = offered(SPEED * 2);
    if let Known::Known(nodes) = &mut observed.nodes {
        nodes.remove(&node_id("login-hasher-0"));
    }
    let (replicas, scaled) = scaled(&wanted, &observed, 0);
    assert_eq!(replicas, 8, "two pods with 200 % at a target of 50 %");
    assert_eq!(scaled.histories["default"], History::default());
}

#[test]
fn a_pod_whose_node_takes_no_work_is_not_counted_on() {
    let (wanted, mut observed) = offered(SPEED / 2);
    if let Known::Known(weights) = &mut observed.weights {
        weights.insert(node_id("login-hasher-0"), Weight::DRAIN);
    }
    // Three pods' offer on two, at 75 %: three that work are needed, beside the one that does not.
    assert_eq!(scaled(&wanted, &observed, 0).0, 4);
}

#[test]
fn the_number_goes_to_the_deployment_to_the_scale_and_to_the_events() {
    let (wanted, observed) = offered(SPEED);
    let plan = next(&wanted, &observed, now());
    assert_eq!(plan.objects.deployments[0].spec.as_ref().unwrap().replicas, Some(6));
    assert_eq!(plan.scale, Some(6));
    let told: Vec<&str> = plan
        .events
        .iter()
        .filter(|event| event.reason.to_string() == "Scale")
        .map(|event| event.note.as_str())
        .collect();
    assert_eq!(told, ["hashers from 3 to 6: 24000 of 24000 units/s are offered (100 %)"]);
    let mut taken_over = wanted.clone();
    taken_over.pools[0].replicas = 6;
    assert_eq!(next(&taken_over, &observed, now()).scale, None, "it says so already");
}

#[test]
fn the_number_in_force_is_the_deployments() {
    // An autoscaler of Kubernetes left it at 7; the resource still says 3.
    let (wanted, mut observed) = offered(0);
    observed.kubernetes.workloads.values_mut().for_each(|seen| seen.replicas = 7);
    assert_eq!(scaled(&wanted, &observed, 0).0, 7);
    let bare = Observed { kubernetes: super::super::KubernetesSeen::default(), ..world(&wanted) };
    assert_eq!(scaled(&wanted, &bare, 0).0, 3, "a new one begins with what the resource says");
}

#[test]
fn pools_share_one_utilisation() {
    let spec = "{hasher: {pools: [{name: a, replicas: 2, autoscaling: {maxReplicas: 9, \
                targetUtilizationPercent: 50}}, {name: b, replicas: 2}]}}";
    let wanted = wanted(spec);
    let mut observed = settled(&wanted);
    if let Known::Known(nodes) = &mut observed.nodes {
        // All callers speak to pods of the fixed pool.
        for (node, record) in nodes {
            let fixed = node.as_str().starts_with("login-hasher-b");
            record.offered = if fixed { SPEED * 2 } else { 0 };
        }
    }
    let plan = next(&wanted, &observed, now());
    let replicas: Vec<_> = plan
        .objects
        .deployments
        .iter()
        .map(|deployment| deployment.spec.as_ref().unwrap().replicas.unwrap())
        .collect();
    assert_eq!((replicas, plan.scale), (vec![4, 2], None));
}
