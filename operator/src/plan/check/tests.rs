//! Plans that nothing here makes, and that must not be carried out all the same.

use std::collections::BTreeMap;

use super::super::next;
use super::super::sample::{node_id, now, object, settled, wanted};
use super::super::topology::{PodName, Step, Target};
use super::*;

type Change = fn(&mut Plan, &mut Validated, &mut Observed);

#[track_caller]
fn checked(change: Change) -> Result<(), Unsafe> {
    let mut wanted = wanted("");
    let mut observed = settled(&wanted);
    let mut plan = next(&wanted, &observed, now());
    assert_eq!(check(&plan, &wanted, &observed), Ok(()), "the sample is safe");
    change(&mut plan, &mut wanted, &mut observed);
    check(&plan, &wanted, &observed)
}

fn target() -> Target {
    let id = "a".repeat(40).parse().unwrap();
    Target { pod: PodName::new("login-redis-0-0"), ip: [10, 2, 0, 0].into(), id }
}

fn weights(rows: &[(&str, Option<u64>)]) -> BTreeMap<NodeId, Option<Weight>> {
    let row =
        |(name, weight): &(&str, Option<u64>)| (node_id(name), weight.map(Weight::from_capacity));
    rows.iter().map(row).collect()
}

#[test]
fn nothing_is_made_for_what_is_on_its_way_out() {
    assert_eq!(checked(|_, wanted, _| wanted.deleting = true), Err(Unsafe::CreatesWhileDeleting));
    let leaving: Change = |_, _, observed| observed.kubernetes.namespace_terminating = true;
    assert_eq!(checked(leaving), Err(Unsafe::CreatesWhileDeleting));
}

#[test]
fn nothing_is_done_about_what_is_not_known() {
    let step: Change = |plan, _, observed| {
        plan.redis_step = Some(Step::BumpEpoch { at: target() });
        observed.redis = Known::Unknown("timeout".to_owned());
    };
    assert_eq!(checked(step), Err(Unsafe::StepOnUnknown));
    let known: Change = |plan, _, _| plan.redis_step = Some(Step::BumpEpoch { at: target() });
    assert_eq!(checked(known), Ok(()));
    let removal: Change = |plan, _, observed| {
        plan.weights = weights(&[("login-hasher-0", None)]);
        observed.weights = Known::Unknown("timeout".to_owned());
    };
    assert_eq!(checked(removal), Err(Unsafe::WeightsOnUnknown));
    let nodes: Change = |plan, _, observed| {
        plan.weights = weights(&[("login-hasher-0", None)]);
        observed.nodes = Known::Unknown("timeout".to_owned());
    };
    assert_eq!(checked(nodes), Err(Unsafe::WeightsOnUnknown));
}

#[test]
fn some_hasher_is_left_with_a_weight() {
    let all: Change = |plan, _, _| {
        plan.weights = weights(&[
            ("login-hasher-0", Some(0)),
            ("login-hasher-1", Some(0)),
            ("login-hasher-2", None),
        ]);
    };
    assert_eq!(checked(all), Err(Unsafe::AllDrained));
    let one: Change = |plan, _, _| {
        plan.weights = weights(&[("login-hasher-0", Some(0)), ("login-hasher-1", Some(0))]);
    };
    assert_eq!(checked(one), Ok(()));
    let gone: Change = |plan, _, _| {
        plan.weights = weights(&[
            ("login-hasher-0", None),
            ("login-hasher-1", None),
            ("login-hasher-2", None),
        ]);
    };
    assert_eq!(checked(gone), Ok(()), "hashers that are gone weigh nothing");
}

#[test]
fn only_what_is_ours_unwanted_and_empty_is_deleted() {
    #[track_caller]
    fn deletes(kind: ObjectKind, name: &str, ours: bool, allowed: bool) {
        let wanted = wanted("");
        let mut observed = settled(&wanted);
        let mut plan = next(&wanted, &observed, now());
        let object = object(kind, name);
        if ours {
            observed.kubernetes.owned.insert(object.clone());
        } else {
            observed.kubernetes.owned.remove(&object);
        }
        plan.deletes = vec![object.clone()];
        let expect = if allowed { Ok(()) } else { Err(Unsafe::Deletes(object)) };
        assert_eq!(check(&plan, &wanted, &observed), expect, "{kind:?} {name} {ours}");
    }
    deletes(ObjectKind::Deployment, "login-hasher-old", true, true);
    deletes(ObjectKind::Deployment, "login-hasher-old", false, false);
    deletes(ObjectKind::Deployment, "login-hasher", true, false);
    deletes(ObjectKind::Secret, "login-token-old", true, true);
    deletes(ObjectKind::Secret, "login-token-old", false, false);
    deletes(ObjectKind::Secret, "login-token-default", true, false);
    deletes(ObjectKind::Secret, "login-user-key", true, false);
    deletes(ObjectKind::Secret, "login-redis-users", true, false);
    deletes(ObjectKind::Secret, "other-token-old", true, false);
    deletes(ObjectKind::StatefulSet, "login-redis-9", true, false);
    deletes(ObjectKind::ConfigMap, "login-old", true, false);
    deletes(ObjectKind::Service, "login-old", true, false);
    deletes(ObjectKind::ServiceAccount, "login-old", true, false);
    deletes(ObjectKind::PodDisruptionBudget, "login-old", true, false);
}
