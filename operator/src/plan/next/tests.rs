//! What follows from a whole world: nothing when all is well, one thing at a time when it is not.

mod callers;

use authcluster_contract::weights::Weight;
use expect_test::{Expect, expect};

use super::super::sample::{after, node_id, now, object, settled, wanted, world};
use super::*;
use crate::plan::sample::validated;
use crate::plan::topology::{NodeSeen, PodName, Role};

/// Two pools.
const POOLS: &str = "{hasher: {pools: [{name: a, replicas: 2}, {name: b}]}}";

/// What a plan does and says, without its objects.
fn summary(plan: &Plan) -> String {
    let mut text = String::new();
    if plan.objects.refs().is_empty() {
        text.push_str("no objects\n");
    }
    for secret in &plan.secrets {
        let name = secret.metadata.name.as_deref().unwrap();
        text.push_str(&format!("secret {name} {:?}\n", secret.reason));
    }
    for object in &plan.deletes {
        text.push_str(&format!("delete {object}\n"));
    }
    if let Some(step) = &plan.redis_step {
        text.push_str(&format!("step {}\n", step.name()));
    }
    for (node, weight) in &plan.weights {
        let weight = weight.map_or("gone".to_owned(), |weight| weight.to_string());
        text.push_str(&format!("weight {node} {weight}\n"));
    }
    for event in &plan.events {
        let kind = if event.warning { "warning" } else { "event" };
        text.push_str(&format!("{kind} {}: {}\n", event.reason, event.note));
    }
    for condition in &plan.status.conditions {
        if ["Ready", "Reconciling", "Stalled"].contains(&condition.type_.as_str()) {
            text.push_str(&format!(
                "{} {} {}\n",
                condition.type_, condition.status, condition.reason
            ));
        }
    }
    let words = plan.status.plan.as_deref().unwrap_or_default();
    text.push_str(&format!("{words}\nagain in {} ms\n", plan.requeue_after_ms));
    text
}

#[expect(clippy::needless_pass_by_value, reason = "so that a row reads expect![...]")]
fn check(spec: &str, change: impl FnOnce(&mut Validated, &mut Observed), expect: Expect) {
    let mut wanted = wanted(spec);
    let mut observed = settled(&wanted);
    change(&mut wanted, &mut observed);
    expect.assert_eq(&summary(&next(&wanted, &observed, after(60))));
}

fn redis(observed: &mut Observed) -> &mut topology::Seen {
    let Known::Known(seen) = &mut observed.redis else { panic!("it is known in the sample") };
    seen
}

#[test]
fn in_the_steady_state_nothing_is_done_and_nothing_is_said() {
    for spec in ["", POOLS, "{redis: {shards: 1, replicasPerShard: 0}}", "{hasher: {replicas: 0}}"]
    {
        let wanted = wanted(spec);
        let observed = settled(&wanted);
        for seconds in [0, 31, 100_000] {
            let plan = next(&wanted, &observed, after(seconds));
            assert_eq!(plan.secrets, [], "{spec}");
            assert_eq!(plan.deletes, [], "{spec}");
            assert_eq!(plan.redis_step, None, "{spec}");
            assert_eq!(plan.weights, [].into(), "{spec}");
            assert_eq!(plan.events, [], "{spec}");
            assert_eq!(Some(&plan.status), observed.previous.as_ref(), "{spec} after {seconds} s");
            assert_eq!(plan.requeue_after_ms, WHEN_DONE_MS, "{spec}");
            let objects = plan_objects(&wanted, &Digests::of_seen(&observed.kubernetes.secrets)).0;
            assert_eq!(plan.objects, objects, "{spec}");
        }
    }
}

#[test]
fn equal_worlds_give_equal_plans() {
    let wanted = wanted(POOLS);
    let observed = settled(&wanted);
    let text = |plan: &Plan| format!("{plan:?}");
    let again = (wanted.clone(), observed.clone());
    assert_eq!(text(&next(&wanted, &observed, now())), text(&next(&again.0, &again.1, now())));
}

#[test]
fn a_new_resource_gets_its_secrets_before_its_pods() {
    let wanted = wanted("");
    let mut observed = world(&wanted);
    observed.kubernetes = KubernetesSeen::default();
    observed.redis = Known::Unknown("no pod has an address".to_owned());
    observed.nodes = Known::Unknown("no pod has an address".to_owned());
    let plan = next(&wanted, &observed, now());
    expect![[r#"
        secret login-ca Missing
        secret login-hasher-tls Missing
        secret login-peer-tls Missing
        secret login-redis-users Missing
        secret login-user-key Missing
        secret login-token-default Missing
        event Generate: generating Secret login-ca
        event Generate: generating Secret login-hasher-tls
        event Generate: generating Secret login-peer-tls
        event Generate: generating Secret login-redis-users
        event Generate: generating Secret login-user-key
        event Generate: generating Secret login-token-default
        Ready False RedisUnknown
        Reconciling True Progressing
        Stalled False Progressing
        generating Secrets login-ca, login-hasher-tls, login-peer-tls, login-redis-users, login-user-key, login-token-default
        again in 1000 ms
    "#]].assert_eq(&summary(&plan));
    let kinds: BTreeSet<ObjectKind> = plan.objects.refs().into_iter().map(|it| it.kind).collect();
    assert!(!kinds.contains(&ObjectKind::StatefulSet) && !kinds.contains(&ObjectKind::Deployment));
    assert!(kinds.contains(&ObjectKind::Service) && kinds.contains(&ObjectKind::ConfigMap));
}

#[test]
fn the_formed_cluster_is_recorded_before_anything_else() {
    let wanted = wanted("");
    let mut observed = world(&wanted);
    let lone = PodName::new("login-redis-1-1");
    redis(&mut observed).nodes.insert(lone, NodeSeen::Unknown("refused".to_owned()));
    let first = next(&wanted, &observed, now());
    expect![[r#"
        Ready False ReplicasMissing
        Reconciling True Progressing
        Stalled False Progressing
        recording that the Redis Cluster is formed
        again in 1000 ms
    "#]]
    .assert_eq(&summary(&first));
    assert!(first.status.redis.as_ref().is_some_and(|redis| redis.formed));
    observed.previous = Some(first.status);
    expect![[r#"
        Ready False ReplicasMissing
        Reconciling True Progressing
        Stalled False Progressing
        waiting for Redis: login-redis-1-1: refused
        again in 1000 ms
    "#]]
    .assert_eq(&summary(&next(&wanted, &observed, now())));
    // It stays recorded, whatever becomes of the slots.
    redis(&mut observed).nodes.clear();
    let later = next(&wanted, &observed, now());
    assert!(later.status.redis.is_some_and(|redis| redis.formed && redis.slots_covered == 0));
}

#[test]
fn without_redis_the_rest_goes_on() {
    check(
        "",
        |_, observed| {
            observed.nodes = Known::Unknown("timeout".to_owned());
            observed.weights = Known::Unknown("timeout".to_owned());
            observed.redis = Known::Unknown("timeout".to_owned());
        },
        expect![[r#"
            warning RedisUnknown: waiting for Redis: timeout
            Ready False RedisUnknown
            Reconciling True Progressing
            Stalled False Progressing
            waiting for Redis: timeout
            again in 1000 ms
        "#]],
    );
}

#[test]
fn a_resource_on_its_way_out_gets_nothing() {
    check(
        "",
        |wanted, _| wanted.deleting = true,
        expect![[r#"
            no objects
            Ready False Deleting
            Reconciling True Deleting
            Stalled False Progressing
            leaving everything to be deleted
            again in 30000 ms
        "#]],
    );
    check(
        "",
        |_, observed| observed.kubernetes.namespace_terminating = true,
        expect![[r#"
            no objects
            Ready False Deleting
            Reconciling True Deleting
            Stalled False Progressing
            leaving everything to be deleted
            again in 30000 ms
        "#]],
    );
}

#[test]
fn a_name_that_someone_else_has_is_left_to_them() {
    let taken = |kind, name: &'static str| {
        move |_: &mut Validated, observed: &mut Observed| {
            observed.kubernetes.owned.remove(&object(kind, name));
            observed.kubernetes.foreign.insert(object(kind, name));
        }
    };
    check(
        "",
        taken(ObjectKind::Service, "login-hasher"),
        expect![[r#"
            no objects
            warning NameTaken: Service login-hasher exists and belongs to someone else: delete or rename it
            Ready False NameTaken
            Reconciling False NameTaken
            Stalled True NameTaken
            waiting for a person: Service login-hasher belongs to someone else
            again in 30000 ms
        "#]],
    );
    // Nobody else's binding is replaced; it may be of a service that its owner needs.
    check(
        "",
        |_, observed| {
            let name = "login-binding-default";
            observed.kubernetes.secrets.get_mut(name).unwrap().ours = false;
            observed.kubernetes.owned.remove(&object(ObjectKind::Secret, name));
            observed.kubernetes.foreign.insert(object(ObjectKind::Secret, name));
        },
        expect![[r#"
            no objects
            warning NameTaken: Secret login-binding-default exists and belongs to someone else: delete or rename it
            Ready False NameTaken
            Reconciling False NameTaken
            Stalled True NameTaken
            waiting for a person: Secret login-binding-default belongs to someone else
            again in 30000 ms
        "#]],
    );
    // A Secret that a person has put there is used, and not taken for a clash.
    check(
        "",
        taken(ObjectKind::Secret, "login-user-key"),
        expect![[r#"
        Ready True AsSpecified
        Reconciling False AsSpecified
        Stalled False Progressing
        nothing to do
        again in 15000 ms
    "#]],
    );
}

#[test]
fn network_policies_that_are_not_wanted_are_deleted() {
    check(
        "",
        |wanted, _| *wanted = super::super::sample::wanted("{networkPolicy: None}"),
        expect![[r#"
            delete NetworkPolicy login-hasher
            delete NetworkPolicy login-redis
            event Delete: deleting NetworkPolicy login-hasher, which nothing asks for
            event Delete: deleting NetworkPolicy login-redis, which nothing asks for
            Ready True AsSpecified
            Reconciling False AsSpecified
            Stalled False Progressing
            nothing to do
            again in 15000 ms
        "#]],
    );
}

#[test]
fn a_pool_that_is_gone_serves_until_the_others_do() {
    let move_to_pools = |ready: i32| {
        move |wanted: &mut Validated, observed: &mut Observed| {
            *wanted = super::super::sample::wanted(POOLS);
            for (name, replicas) in [("login-hasher-a", 2), ("login-hasher-b", 1)] {
                let seen = crate::plan::seen::WorkloadSeen {
                    current: true,
                    replicas,
                    total: replicas,
                    updated: replicas,
                    ready: replicas.min(ready),
                };
                observed.kubernetes.workloads.insert(object(ObjectKind::Deployment, name), seen);
            }
        }
    };
    check(
        "",
        move_to_pools(0),
        expect![[r#"
            warning Progressing: waiting: 3 of 3 hashers serve, some of an older revision
            Ready False Progressing
            Reconciling True Progressing
            Stalled False Progressing
            waiting: 3 of 3 hashers serve, some of an older revision
            again in 15000 ms
        "#]],
    );
    check(
        "",
        move_to_pools(1),
        expect![[r#"
            warning Progressing: waiting: 3 of 3 hashers serve, some of an older revision
            Ready False Progressing
            Reconciling True Progressing
            Stalled False Progressing
            waiting: 3 of 3 hashers serve, some of an older revision
            again in 15000 ms
        "#]],
    );
    check(
        "",
        move_to_pools(2),
        expect![[r#"
        delete Deployment login-hasher
        event Delete: deleting Deployment login-hasher, which nothing asks for
        Ready True AsSpecified
        Reconciling False AsSpecified
        Stalled False Progressing
        nothing to do
        again in 15000 ms
    "#]],
    );
}

#[test]
fn only_what_is_ours_and_holds_no_data_is_deleted() {
    check(
        "",
        |_, observed| {
            let owned = &mut observed.kubernetes.owned;
            for (kind, name) in [
                (ObjectKind::Secret, "login-token-old"),
                (ObjectKind::Secret, "login-binding-old"),
                (ObjectKind::Secret, "login-binding-default"),
                (ObjectKind::Secret, "login-user-key"),
                (ObjectKind::Secret, "login-something"),
                (ObjectKind::StatefulSet, "login-redis-3"),
                (ObjectKind::ConfigMap, "login-old"),
                (ObjectKind::Service, "login-old"),
                (ObjectKind::ServiceAccount, "login-old"),
                (ObjectKind::PodDisruptionBudget, "login-old"),
                (ObjectKind::Deployment, "login-hasher-old"),
            ] {
                owned.insert(object(kind, name));
            }
            let foreign = &mut observed.kubernetes.foreign;
            foreign.insert(object(ObjectKind::Deployment, "login-hasher-theirs"));
            foreign.insert(object(ObjectKind::Secret, "login-token-theirs"));
        },
        expect![[r#"
            delete Secret login-binding-old
            delete Secret login-token-old
            delete Deployment login-hasher-old
            event Delete: deleting Secret login-binding-old, which nothing asks for
            event Delete: deleting Secret login-token-old, which nothing asks for
            event Delete: deleting Deployment login-hasher-old, which nothing asks for
            Ready True AsSpecified
            Reconciling False AsSpecified
            Stalled False Progressing
            nothing to do
            again in 15000 ms
        "#]],
    );
}

#[test]
fn weights_follow_the_pods() {
    check(
        "",
        |_, observed| {
            observed.kubernetes.hasher_pods.remove("login-hasher-0");
            let Known::Known(weights) = &mut observed.weights else { panic!("known") };
            weights.insert(node_id("login-hasher-1"), Weight::DRAIN);
        },
        expect![[r#"
            weight login-hasher-0 gone
            weight login-hasher-1 8000
            warning PodsNotReady: waiting: 2 of 3 hashers serve
            Ready False PodsNotReady
            Reconciling True Progressing
            Stalled False Progressing
            waiting: 2 of 3 hashers serve
            again in 15000 ms
        "#]],
    );
}

#[test]
fn a_refused_plan_says_why_and_does_nothing() {
    let wanted = wanted("");
    let observed = settled(&wanted);
    let refused = Progress::Unsafe(check::Unsafe::AllDrained);
    let plan = nothing(&wanted, &observed, refused, after(60));
    expect![[r#"
        no objects
        warning UnsafePlan: the plan was refused as unsafe: every hasher's weight would be zero
        Ready False UnsafePlan
        Reconciling False UnsafePlan
        Stalled True UnsafePlan
        waiting for a person: unsafe plan: every hasher's weight would be zero
        again in 30000 ms
    "#]]
    .assert_eq(&summary(&plan));
}

/// A replica that forgot whose it is.
fn lone_replica(observed: &mut Observed) {
    let name = PodName::new("login-redis-1-1");
    let nodes = &mut redis(observed).nodes;
    let Some(NodeSeen::Known(node)) = nodes.get_mut(&name) else { panic!("it is there") };
    (node.role, node.copies_from, node.keys) = (Role::Primary, None, 0);
    let id = node.id.clone();
    for node in nodes.values_mut() {
        let NodeSeen::Known(node) = node else { panic!("all are known in the sample") };
        node.peers.entry(id.clone()).and_modify(|view| view.replica_of = None);
    }
}

#[test]
fn redis_is_mended_while_a_name_is_taken() {
    check(
        "",
        |_, observed| {
            lone_replica(observed);
            observed.kubernetes.owned.remove(&object(ObjectKind::Service, "login-hasher"));
            observed.kubernetes.foreign.insert(object(ObjectKind::Service, "login-hasher"));
        },
        expect![[r#"
            no objects
            step Replicate
            warning NameTaken: Service login-hasher exists and belongs to someone else: delete or rename it
            event Replicate: make login-redis-1-1 a replica of login-redis-1-0
            Ready False NameTaken
            Reconciling False NameTaken
            Stalled True NameTaken
            waiting for a person: Service login-hasher belongs to someone else
            again in 300 ms
        "#]],
    );
}

#[test]
fn redis_is_mended_while_the_resource_makes_no_sense() {
    let wanted = wanted("");
    let mut observed = settled(&wanted);
    let invalid = |spec| validated(spec).unwrap_err().mendable;
    let slip = "{hasher: {resources: {requests: {memory: 1Mi}}}}";
    let mendable = invalid(slip).unwrap();
    let at_rest = mend(&mendable, &observed, after(60));
    assert_eq!((at_rest.redis_step, at_rest.events), (None, Vec::new()));
    lone_replica(&mut observed);
    let plan = mend(&mendable, &observed, after(60));
    assert_eq!(plan.redis_step.as_ref().map(topology::Step::name), Some("Replicate"));
    assert_eq!(plan.requeue_after_ms, AFTER_STEP_MS);
    let Plan { objects, secrets, deletes, weights, scale, .. } = plan;
    assert_eq!(objects.refs(), []);
    assert_eq!((secrets, deletes, weights, scale), (vec![], vec![], [].into(), None));
    let deleting = Validated { deleting: true, ..(*mendable).clone() };
    assert_eq!(mend(&deleting, &observed, after(60)).redis_step, None);
    observed.previous = None;
    assert_eq!(mend(&mendable, &observed, after(60)).redis_step, None, "never formed");
    assert_eq!(invalid("{redis: {shards: 2}}"), None, "not even its part for Redis is right");
}
