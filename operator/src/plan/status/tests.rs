//! What is said, when it changes, and when it does not.

use expect_test::{Expect, expect};

use super::super::capacity::Capacity;
use super::super::sample::{after, cluster, now, object, settled, validated, wanted, world};
use super::super::seen::{ObjectKind, WorkloadSeen};
use super::super::{EventNote, next};
use super::*;

/// Type, status, reason and message of each condition, then the words of the plan.
fn said(status: &AuthClusterStatus) -> String {
    let mut text = String::new();
    for it in &status.conditions {
        text.push_str(&format!("{} {} {}: {}\n", it.type_, it.status, it.reason, it.message));
    }
    text.push_str(status.plan.as_deref().unwrap_or_default());
    text
}

fn status_of(spec: &str, change: impl FnOnce(&Validated, &mut Observed)) -> AuthClusterStatus {
    let wanted = wanted(spec);
    let mut observed = settled(&wanted);
    change(&wanted, &mut observed);
    next(&wanted, &observed, after(60)).status
}

/// Those conditions that differ from the sample's, in which all is well.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "so that a row reads expect![...]")]
fn check(change: impl FnOnce(&Validated, &mut Observed), expect: Expect) {
    let well = said(&status_of("", |_, _| {}));
    let now = said(&status_of("", change));
    let differ: Vec<&str> =
        now.lines().filter(|line| !well.lines().any(|it| it == *line)).collect();
    expect.assert_eq(&differ.join("\n"));
}

fn since(status: &AuthClusterStatus, kind: ConditionType) -> Timestamp {
    let found = status.conditions.iter().find(|it| it.type_ == kind.to_string());
    found.unwrap().last_transition_time.0
}

#[test]
fn all_is_well() {
    let status = status_of("", |_, _| {});
    expect![[r#"
        Ready True AsSpecified: everything is as specified, and serves
        Reconciling False AsSpecified: nothing to do
        Stalled False Progressing: the operator needs nobody
        RedisAvailable True AsSpecified: 3 shards serve all 16384 slots
        HasherAvailable True AsSpecified: 3 of 3 hashers serve
        CapacityPushed True AsSpecified: every hasher's weight is in Redis
        CallersReady True AsSpecified: every caller has a token that the hashers accept
        FeaturesPending False NoneUsed: every field that is used is carried out
        nothing to do"#]]
    .assert_eq(&said(&status));
    expect![[r#"
        [
          7,
          3,
          "app.kubernetes.io/component=hasher,app.kubernetes.io/instance=login,app.kubernetes.io/name=authcluster",
          {
            "name": "login-binding-default"
          },
          {
            "ready": "3/3",
            "capacityUnitsPerSecond": 24000,
            "utilizationPercent": 0,
            "figuresAt": "2026-03-01T12:00:00Z"
          },
          {
            "formed": true,
            "shards": 3,
            "slotsCovered": 16384,
            "summary": "3/3 16384"
          }
        ]"#]].assert_eq(
        &serde_json::to_string_pretty(&(
            status.observed_generation,
            status.replicas,
            &status.selector,
            &status.binding,
            &status.hashers,
            &status.redis,
        ))
        .unwrap(),
    );
    assert!(status.conditions.iter().all(|it| it.observed_generation == Some(7)));
    let types: Vec<&str> = status.conditions.iter().map(|it| it.type_.as_str()).collect();
    let all: Vec<&str> = ConditionType::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(types, all);
}

#[test]
fn what_kubectl_prints_is_filled_in() {
    let crd = serde_json::to_value(crate::api::crd().unwrap()).unwrap();
    let status = serde_json::to_value(status_of("", |_, _| {})).unwrap();
    let columns = crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
    let mut seen = 0;
    for column in columns {
        let path = column["jsonPath"].as_str().unwrap();
        let Some(path) = path.strip_prefix(".status.") else { continue };
        if path.starts_with("conditions[") {
            assert!(path.contains("\"Ready\""), "{path}");
        } else {
            let found = status.pointer(&format!("/{}", path.replace('.', "/")));
            assert!(found.is_some_and(|value| !value.is_null()), "{path}");
        }
        seen += 1;
    }
    assert_eq!(seen, 5);
    for path in ["statusReplicasPath", "labelSelectorPath"] {
        let path = crd["spec"]["versions"][0]["subresources"]["scale"][path].as_str().unwrap();
        let path = path.strip_prefix(".status.").unwrap();
        assert!(status.get(path).is_some(), "{path}");
    }
}

#[test]
fn hashers_are_available_when_all_serve_and_are_of_the_latest_revision() {
    let pod = |name: &'static str, trouble: Option<&'static str>| {
        move |_: &Validated, observed: &mut Observed| {
            let pod = observed.kubernetes.hasher_pods.get_mut(name).unwrap();
            pod.ready = false;
            pod.trouble = trouble.map(str::to_owned);
        }
    };
    check(
        pod("login-hasher-0", None),
        expect![[r#"
        Ready False PodsNotReady: waiting: 2 of 3 hashers serve
        Reconciling True Progressing: waiting: 2 of 3 hashers serve
        HasherAvailable False PodsNotReady: 2 of 3 hashers serve
        waiting: 2 of 3 hashers serve"#]],
    );
    check(
        pod("login-hasher-0", Some("ImagePullBackOff: no such image")),
        expect![[r#"
        Ready False PodsNotReady: waiting: 2 of 3 hashers serve: login-hasher-0: ImagePullBackOff: no such image
        Reconciling True Progressing: waiting: 2 of 3 hashers serve: login-hasher-0: ImagePullBackOff: no such image
        HasherAvailable False PodsNotReady: 2 of 3 hashers serve: login-hasher-0: ImagePullBackOff: no such image
        waiting: 2 of 3 hashers serve: login-hasher-0: ImagePullBackOff: no such image"#]],
    );
    check(
        |_, observed| {
            observed.kubernetes.hasher_pods.get_mut("login-hasher-2").unwrap().terminating = true;
        },
        expect![[r#"
            Ready False PodsNotReady: waiting: 2 of 3 hashers serve
            Reconciling True Progressing: waiting: 2 of 3 hashers serve
            HasherAvailable False PodsNotReady: 2 of 3 hashers serve
            waiting: 2 of 3 hashers serve"#]],
    );
}

#[test]
fn a_rollout_is_over_when_none_but_new_pods_are_left() {
    let workload = |seen: WorkloadSeen| {
        move |_: &Validated, observed: &mut Observed| {
            let name = object(ObjectKind::Deployment, "login-hasher");
            observed.kubernetes.workloads.insert(name, seen);
        }
    };
    let three = WorkloadSeen { current: true, replicas: 3, total: 3, updated: 3, ready: 3 };
    check(
        workload(WorkloadSeen { updated: 2, ..three.clone() }),
        expect![[r#"
        Ready False Progressing: waiting: 3 of 3 hashers serve, some of an older revision
        Reconciling True Progressing: waiting: 3 of 3 hashers serve, some of an older revision
        HasherAvailable False Progressing: 3 of 3 hashers serve, some of an older revision
        waiting: 3 of 3 hashers serve, some of an older revision"#]],
    );
    check(
        workload(WorkloadSeen { current: false, ..three.clone() }),
        expect![[r#"
        Ready False Progressing: waiting: 3 of 3 hashers serve, some of an older revision
        Reconciling True Progressing: waiting: 3 of 3 hashers serve, some of an older revision
        HasherAvailable False Progressing: 3 of 3 hashers serve, some of an older revision
        waiting: 3 of 3 hashers serve, some of an older revision"#]],
    );
    // Two of the new revision and one of the old are ready, and a third new one is not yet.
    check(
        workload(WorkloadSeen { total: 4, ..three.clone() }),
        expect![[r#"
        Ready False Progressing: waiting: 3 of 3 hashers serve, some of an older revision
        Reconciling True Progressing: waiting: 3 of 3 hashers serve, some of an older revision
        HasherAvailable False Progressing: 3 of 3 hashers serve, some of an older revision
        waiting: 3 of 3 hashers serve, some of an older revision"#]],
    );
    check(
        workload(WorkloadSeen { ready: 4, ..three }),
        expect![[r#"
        Ready False Progressing: waiting: 3 of 3 hashers serve, some of an older revision
        Reconciling True Progressing: waiting: 3 of 3 hashers serve, some of an older revision
        HasherAvailable False Progressing: 3 of 3 hashers serve, some of an older revision
        waiting: 3 of 3 hashers serve, some of an older revision"#]],
    );
}

#[test]
fn changed_settings_are_ready_when_every_hasher_goes_by_them() {
    let stale = |_: &Validated, observed: &mut Observed| {
        let Known::Known(nodes) = &mut observed.nodes else { unreachable!() };
        let node = "login-hasher-1".parse().unwrap();
        nodes.get_mut(&node).unwrap().config = "before".to_owned();
    };
    check(
        stale,
        expect![[r#"
        Ready False SettingsPending: waiting: these hashers have not taken over changed settings yet, which Kubernetes hands them within some 90 s: login-hasher-1
        Reconciling True Progressing: waiting: these hashers have not taken over changed settings yet, which Kubernetes hands them within some 90 s: login-hasher-1
        HasherAvailable False SettingsPending: these hashers have not taken over changed settings yet, which Kubernetes hands them within some 90 s: login-hasher-1
        waiting: these hashers have not taken over changed settings yet, which Kubernetes hands them within some 90 s: login-hasher-1"#]],
    );
    // One that is on its way out may go by what it likes.
    let leaving = |wanted: &Validated, observed: &mut Observed| {
        stale(wanted, observed);
        observed.kubernetes.hasher_pods.get_mut("login-hasher-1").unwrap().terminating = true;
    };
    assert!(!said(&status_of("", leaving)).contains("SettingsPending"));
}

#[test]
fn redis_says_what_it_lacks() {
    use super::super::topology::{NodeSeen, PodName};
    let unread = |pods: &'static [&'static str]| {
        move |_: &Validated, observed: &mut Observed| {
            let Known::Known(seen) = &mut observed.redis else { panic!("known") };
            for pod in pods {
                let unknown = NodeSeen::Unknown("refused".to_owned());
                seen.nodes.insert(PodName::new(*pod), unknown);
            }
        }
    };
    check(
        unread(&["login-redis-0-1"]),
        expect![[r#"
        Ready False ReplicasMissing: waiting for Redis: login-redis-0-1: refused
        Reconciling True Progressing: waiting for Redis: login-redis-0-1: refused
        RedisAvailable False ReplicasMissing: login-redis-0-1: refused, 1 pods of shard 0 do not answer
        waiting for Redis: login-redis-0-1: refused"#]],
    );
    check(
        unread(&["login-redis-0-0"]),
        expect![[r#"
        Ready False SlotsUncovered: waiting for Redis: slots without an owner may be held by login-redis-0-0: refused
        Reconciling True Progressing: waiting for Redis: slots without an owner may be held by login-redis-0-0: refused
        RedisAvailable False SlotsUncovered: login-redis-0-0: refused, shard 0 owns no slots, 5461 of 16384 slots are not served
        waiting for Redis: slots without an owner may be held by login-redis-0-0: refused"#]],
    );
    check(
        unread(&["login-redis-0-0", "login-redis-0-1", "login-redis-1-0", "login-redis-1-1"]),
        expect![[r#"
            Ready False SlotsUncovered: waiting for Redis: slots without an owner may be held by login-redis-0-0: refused
            Reconciling True Progressing: waiting for Redis: slots without an owner may be held by login-redis-0-0: refused
            RedisAvailable False SlotsUncovered: login-redis-0-0: refused, login-redis-0-1: refused, login-redis-1-0: refused, and 4 more
            waiting for Redis: slots without an owner may be held by login-redis-0-0: refused"#]],
    );
    check(
        |_, observed| observed.redis = Known::Unknown("no password yet".to_owned()),
        expect![[r#"
            Ready False RedisUnknown: waiting for Redis: no password yet
            Reconciling True Progressing: waiting for Redis: no password yet
            RedisAvailable Unknown RedisUnknown: no password yet
            waiting for Redis: no password yet"#]],
    );
}

#[test]
fn capacity_says_what_it_waits_for() {
    let lacking = |part: &'static str| {
        move |_: &Validated, observed: &mut Observed| {
            let name = super::super::sample::node_id("login-hasher-1");
            match (part, &mut observed.nodes, &mut observed.weights) {
                ("nodes", Known::Known(nodes), _) => drop(nodes.remove(&name)),
                ("weights", _, Known::Known(weights)) => drop(weights.remove(&name)),
                _ => observed.weights = Known::Unknown("timeout".to_owned()),
            }
        }
    };
    check(
        lacking("nodes"),
        expect![[r#"
        Ready False NodesMissing: waiting: these hashers have not registered themselves in Redis: login-hasher-1
        Reconciling True Progressing: waiting: these hashers have not registered themselves in Redis: login-hasher-1
        CapacityPushed False NodesMissing: these hashers have not registered themselves in Redis: login-hasher-1
        waiting: these hashers have not registered themselves in Redis: login-hasher-1"#]],
    );
    check(
        lacking("weights"),
        expect![[r#"
        Ready False WeightsPending: waiting: these hashers get their weight now: login-hasher-1
        Reconciling True Progressing: waiting: these hashers get their weight now: login-hasher-1
        CapacityPushed False WeightsPending: these hashers get their weight now: login-hasher-1
        waiting: these hashers get their weight now: login-hasher-1"#]],
    );
    check(
        lacking("neither"),
        expect![[r#"
        Ready False RedisUnknown: waiting: timeout
        Reconciling True Progressing: waiting: timeout
        CapacityPushed Unknown RedisUnknown: timeout
        waiting: timeout"#]],
    );
}

#[test]
fn what_failed_before_is_said_until_it_works() {
    check(
        |_, observed| observed.apply_error = Some("cannot apply Service login-hasher".to_owned()),
        expect![[r#"
            Ready False ApplyFailed: trying again: cannot apply Service login-hasher
            Reconciling True Progressing: trying again: cannot apply Service login-hasher
            Stalled False ApplyFailed: the operator needs nobody
            trying again: cannot apply Service login-hasher"#]],
    );
    let wanted = wanted("");
    let status = next(&wanted, &settled(&wanted), after(60)).status;
    let failed = failed_status(status.clone(), "cannot apply Service login-hasher", after(61));
    let text = said(&failed);
    assert!(
        text.contains("Ready False ApplyFailed: cannot apply Service login-hasher\n"),
        "{text}"
    );
    assert!(text.contains("Reconciling True ApplyFailed: cannot"), "{text}");
    assert!(text.ends_with("trying again: cannot apply Service login-hasher"), "{text}");
    assert_eq!(since(&failed, ConditionType::Ready), after(61));
    assert_eq!(since(&failed, ConditionType::Stalled), now());
}

#[test]
fn fields_without_behaviour_are_said() {
    let status = status_of("{tls: {apiSecretRef: {name: a}}}", |_, _| {});
    let text = said(&status);
    let expect = "FeaturesPending True FieldsNotImplemented: this version does not carry out yet: \
                  spec.tls\n";
    assert!(text.contains(expect), "{text}");
    assert!(text.starts_with("Ready True AsSpecified"), "{text}");
    let wanted = wanted("{tls: {apiSecretRef: {name: a}}}");
    let events = next(&wanted, &world(&wanted), now()).events;
    let warned =
        |event: &EventNote| event.warning && event.reason.to_string() == "FieldsNotImplemented";
    assert!(events.iter().any(warned), "{events:?}");
}

#[test]
fn a_conditions_time_moves_with_its_status_only() {
    let wanted = wanted("");
    let mut observed = settled(&wanted);
    let trouble = |observed: &mut Observed, words: &str| {
        let pod = observed.kubernetes.hasher_pods.get_mut("login-hasher-0").unwrap();
        pod.ready = false;
        pod.trouble = Some(words.to_owned());
    };
    let at = |observed: &mut Observed, seconds: i64| {
        let status = next(&wanted, observed, after(seconds)).status;
        observed.previous = Some(status.clone());
        [ConditionType::Ready, ConditionType::HasherAvailable, ConditionType::RedisAvailable]
            .map(|kind| since(&status, kind).as_second() - now().as_second())
    };
    assert_eq!(at(&mut observed, 10), [0, 0, 0]);
    trouble(&mut observed, "ErrImagePull: a");
    assert_eq!(at(&mut observed, 20), [20, 20, 0]);
    trouble(&mut observed, "ImagePullBackOff: b");
    assert_eq!(at(&mut observed, 30), [20, 20, 0], "another message is no transition");
    observed.kubernetes.hasher_pods.get_mut("login-hasher-0").unwrap().ready = true;
    assert_eq!(at(&mut observed, 40), [40, 40, 0]);
    let status = next(&wanted, &observed, "2026-03-02T00:00:00.5Z".parse().unwrap()).status;
    assert_eq!(Some(status), observed.previous, "time alone changes nothing");
}

#[test]
fn figures_are_said_again_after_a_change_of_a_tenth_and_thirty_seconds() {
    let wanted = wanted("");
    let told = |before: u64, total: Option<u64>, seconds: i64| {
        let mut observed = world(&wanted);
        let picture = |capacity_total| Picture {
            progress: Progress::Done,
            redis: Known::Unknown("not asked".to_owned()),
            capacity: CapacityState::Pushed,
            capacity_total,
            settings: None,
        };
        let first = plan_status(&wanted, &observed, &picture(Some(before)), now());
        observed.previous = Some(first);
        let later = plan_status(&wanted, &observed, &picture(total), after(seconds));
        let hashers = later.hashers.unwrap();
        let at = hashers.figures_at.unwrap().0.as_second() - now().as_second();
        (hashers.capacity_units_per_second.unwrap(), at)
    };
    assert_eq!(told(1000, Some(1100), 60), (1000, 0));
    assert_eq!(told(1000, Some(1101), 60), (1101, 60));
    assert_eq!(told(1000, Some(899), 60), (899, 60));
    assert_eq!(told(1000, Some(2000), 29), (1000, 0));
    assert_eq!(told(1000, Some(2000), 30), (2000, 30));
    assert_eq!(told(1000, Some(0), 1), (0, 1));
    assert_eq!(told(0, Some(1000), 1), (1000, 1));
    assert_eq!(told(1000, None, 60), (1000, 0));
    assert_eq!(told(u64::MAX, Some(u64::MAX - 1), 60), (i64::MAX, 0));
    assert_eq!(told(u64::MAX, Some(5), 60), (5, 60));
}

#[test]
fn what_was_just_changed_is_not_ready_before_it_was_seen() {
    let wanted = wanted("");
    let settled = settled(&wanted).previous.unwrap();
    let changed = changed_status(settled.clone(), 2, after(5));
    expect![[r#"
        Ready False Progressing: changed 2 objects; what becomes of them is not seen yet
        Reconciling True Progressing: changed 2 objects; what becomes of them is not seen yet"#]]
    .assert_eq(&said(&changed).lines().take(2).collect::<Vec<_>>().join("\n"));
    assert_eq!(changed_status(settled.clone(), 0, after(5)), settled, "nothing was changed");
    let failed = failed_status(settled, "no answer", after(5));
    assert_eq!(changed_status(failed.clone(), 2, after(6)), failed, "the cause stays");
}

#[test]
fn an_invalid_resource_stalls_and_what_runs_goes_on() {
    let mut cluster = cluster("{redis: {shards: 2}}");
    let well = wanted("");
    cluster.status = Some(next(&well, &settled(&well), now()).status);
    cluster.metadata.generation = Some(8);
    let invalid = validated("{redis: {shards: 2}}").unwrap_err();
    let status = invalid_status(&cluster, &invalid, after(60));
    expect![[r#"
        Ready False InvalidSpec: spec.redis.shards is 2, and must be 1, or 3 to 100: two shards have no majority when one is lost
        Reconciling False InvalidSpec: spec.redis.shards is 2, and must be 1, or 3 to 100: two shards have no majority when one is lost
        Stalled True InvalidSpec: spec.redis.shards is 2, and must be 1, or 3 to 100: two shards have no majority when one is lost
        RedisAvailable True AsSpecified: 3 shards serve all 16384 slots
        HasherAvailable True AsSpecified: 3 of 3 hashers serve
        CapacityPushed True AsSpecified: every hasher's weight is in Redis
        CallersReady True AsSpecified: every caller has a token that the hashers accept
        FeaturesPending False NoneUsed: every field that is used is carried out
        spec.redis.shards is 2, and must be 1, or 3 to 100: two shards have no majority when one is lost"#]].assert_eq(&said(&status));
    let before = cluster.status.clone().unwrap();
    assert_eq!(status.observed_generation, Some(8));
    assert_eq!((&status.redis, &status.hashers), (&before.redis, &before.hashers));
    let of = |kind: ConditionType| {
        let found = status.conditions.iter().find(|it| it.type_ == kind.to_string()).unwrap();
        found.observed_generation
    };
    assert_eq!(of(ConditionType::Stalled), Some(8));
    assert_eq!(of(ConditionType::RedisAvailable), Some(7), "it was not looked at");
    cluster.status = Some(status.clone());
    assert_eq!(invalid_status(&cluster, &invalid, after(90)), status, "the same again");
}

#[test]
fn who_waits_for_ready_is_never_told_nothing() {
    let status = first_status(&cluster(""), now());
    expect![[r#"
        Ready False Progressing: looking at what is there
        Reconciling True Progressing: looking at what is there
        Stalled False Progressing: looking at what is there
        looking at what is there"#]]
    .assert_eq(&said(&status));
    assert_eq!(status.replicas, Some(0));
    assert!(status.selector.unwrap().contains("app.kubernetes.io/component=hasher"));
}

#[test]
fn long_lists_and_messages_are_cut() {
    let words: Vec<String> = (0..5).map(|number| number.to_string()).collect();
    assert_eq!(some_of(&words), "0, 1, 2, and 2 more");
    assert_eq!(some_of(&words[..3]), "0, 1, 2");
    let long = Said::no(Reason::PodsNotReady, "\u{e4}".repeat(1000));
    let conditions = write_conditions(&[], [(ConditionType::Ready, long)], 1, now());
    let message = &conditions[0].message;
    assert!(message.len() < 1100 && message.ends_with("\u{e4} ..."), "{message}");
}

#[test]
fn a_sum_that_is_not_known_is_not_taken_for_none() {
    let wanted = wanted("");
    let mut observed = settled(&wanted);
    observed.weights = Known::Unknown("timeout".to_owned());
    let Capacity { total, .. } = super::super::capacity::plan_capacity(&wanted, &observed);
    assert_eq!(total, None);
    let status = next(&wanted, &observed, after(600)).status;
    assert_eq!(status.hashers.unwrap().capacity_units_per_second, Some(24_000));
}
