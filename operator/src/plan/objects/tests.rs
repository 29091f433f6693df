//! What holds for every object of every sample, whatever else the golden files say.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::sample::{digest, digests, secrets, wanted};
use super::super::{Validated, names};
use super::*;

const SPECS: [&str; 4] = [
    "",
    "{hasher: {pools: [{name: a, replicas: 2, nodeSelector: {size: large}}, {name: b}]}}",
    "{redis: {shards: 1, replicasPerShard: 0, storage: {kind: Ephemeral}}}",
    "{clients: [{name: shop, tokenSecretRef: {name: theirs}}], users: {case: Sensitive}}",
];

fn objects(wanted: &Validated) -> Objects {
    let (objects, not_ready) = plan_objects(wanted, &digests(wanted));
    assert_eq!(not_ready, []);
    objects
}

/// Every object as JSON.
fn all(objects: &Objects) -> Vec<Value> {
    let Objects {
        config_maps,
        secrets,
        services,
        service_accounts,
        pod_disruption_budgets,
        network_policies,
        stateful_sets,
        deployments,
    } = objects;
    let mut values = Vec::new();
    let mut add = |list: Value| values.extend(list.as_array().unwrap().clone());
    add(serde_json::to_value(config_maps).unwrap());
    add(serde_json::to_value(secrets).unwrap());
    add(serde_json::to_value(services).unwrap());
    add(serde_json::to_value(service_accounts).unwrap());
    add(serde_json::to_value(pod_disruption_budgets).unwrap());
    add(serde_json::to_value(network_policies).unwrap());
    add(serde_json::to_value(stateful_sets).unwrap());
    add(serde_json::to_value(deployments).unwrap());
    values
}

fn name(object: &Value) -> String {
    format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// Every object of every sample.
fn each(look: impl Fn(&str, &Value)) {
    for spec in SPECS {
        for object in all(&objects(&wanted(spec))) {
            look(&name(&object), &object);
        }
    }
}

/// The workloads with their pods.
fn each_pod(look: impl Fn(&str, &Value, &Value)) {
    each(|name, object| {
        if ["Deployment", "StatefulSet"].contains(&object["kind"].as_str().unwrap()) {
            look(name, object, &object["spec"]["template"]);
        }
    });
}

fn containers(template: &Value) -> Vec<&Value> {
    let spec = &template["spec"];
    let list = |key: &str| spec[key].as_array().into_iter().flatten();
    list("initContainers").chain(list("containers")).collect()
}

fn is_within(selector: &Value, labels: &Value) -> bool {
    selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value)
}

#[test]
fn each_object_is_ours_and_ends_with_the_resource() {
    each(|name, object| {
        let metadata = &object["metadata"];
        assert_eq!(metadata["namespace"], "shop", "{name}");
        let owners = metadata["ownerReferences"].as_array().unwrap();
        assert_eq!(owners.len(), 1, "{name}");
        assert_eq!(owners[0]["uid"], "u-1", "{name}");
        assert_eq!(owners[0]["kind"], "AuthCluster", "{name}");
        assert_eq!(owners[0]["apiVersion"], "authcluster.dev/v1alpha1", "{name}");
        assert_eq!(owners[0]["controller"], true, "{name}");
        let labels = &metadata["labels"];
        assert_eq!(labels["app.kubernetes.io/name"], "authcluster", "{name}");
        assert_eq!(labels["app.kubernetes.io/instance"], "login", "{name}");
        assert_eq!(labels["app.kubernetes.io/managed-by"], "authcluster-operator", "{name}");
        let component = labels["app.kubernetes.io/component"].as_str().unwrap();
        assert!(["hasher", "redis"].contains(&component), "{name}");
        assert!(metadata["name"].as_str().unwrap().starts_with("login-"), "{name}");
    });
}

#[test]
fn names_are_told_once_and_are_all_looked_at() {
    for spec in SPECS {
        let wanted = wanted(spec);
        let refs = objects(&wanted).refs();
        let unique: BTreeSet<&ObjectRef> = refs.iter().collect();
        assert_eq!(unique.len(), refs.len(), "{spec}");
        assert_eq!(refs.len(), all(&objects(&wanted)).len(), "{spec}");
        let interest = names::names_of_interest(&wanted);
        let unlooked: Vec<&ObjectRef> = refs.iter().filter(|it| !interest.contains(it)).collect();
        assert_eq!(unlooked, Vec::<&ObjectRef>::new(), "{spec}");
        for secret in secrets(&wanted).into_keys() {
            let object = ObjectRef { kind: ObjectKind::Secret, name: secret };
            assert!(interest.contains(&object), "{spec}: {object}");
        }
    }
}

#[test]
fn selectors_select_our_pods_and_hold_no_version() {
    let known = [
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/component",
        "authcluster.dev/shard",
        "authcluster.dev/pool",
    ];
    for spec in SPECS {
        let all = all(&objects(&wanted(spec)));
        let templates: Vec<&Value> =
            all.iter().map(|it| &it["spec"]["template"]).filter(|it| it.is_object()).collect();
        for object in &all {
            let selector = match object["kind"].as_str().unwrap() {
                "Service" => &object["spec"]["selector"],
                "Deployment" | "StatefulSet" | "PodDisruptionBudget" => {
                    &object["spec"]["selector"]["matchLabels"]
                }
                "NetworkPolicy" => &object["spec"]["podSelector"]["matchLabels"],
                _ => continue,
            };
            let name = name(object);
            let keys = selector.as_object().unwrap().keys();
            assert!(keys.clone().all(|key| known.contains(&key.as_str())), "{name}: {selector}");
            let template = &object["spec"]["template"];
            if template.is_object() {
                assert!(is_within(selector, &template["metadata"]["labels"]), "{name}");
                let labels = templates.iter().map(|it| &it["metadata"]["labels"]);
                assert_eq!(labels.filter(|it| is_within(selector, it)).count(), 1, "{name}");
            } else {
                let selected =
                    templates.iter().any(|it| is_within(selector, &it["metadata"]["labels"]));
                assert!(selected, "{name} selects nothing");
            }
        }
    }
}

#[test]
fn pods_are_restricted_as_the_standard_asks() {
    each_pod(|name, _, template| {
        let spec = &template["spec"];
        let security = &spec["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{name}");
        assert!(security["runAsUser"].as_i64().is_some_and(|user| user > 0), "{name}");
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
        assert_eq!(spec["enableServiceLinks"], false, "{name}");
        assert!(spec["serviceAccountName"].is_string(), "{name}");
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(spec[key].is_null(), "{name}: {key}");
        }
        for container in containers(template) {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(security["capabilities"], serde_json::json!({"drop": ["ALL"]}), "{name}");
            assert!(security["privileged"].is_null(), "{name}");
            let resources = &container["resources"];
            for amount in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
                assert!(resources.pointer(amount).is_some(), "{name}: {amount}");
            }
        }
        let allowed = ["configMap", "emptyDir", "projected", "secret"];
        for volume in spec["volumes"].as_array().unwrap() {
            let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
            assert!(kinds.clone().all(|kind| allowed.contains(&kind.as_str())), "{name}: {volume}");
        }
    });
}

#[test]
fn mounts_have_volumes_and_files_do_not_change_hands() {
    each_pod(|name, workload, template| {
        let names = |list: &Value| -> BTreeSet<String> {
            let list = list.as_array().into_iter().flatten();
            list.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
        };
        let mut volumes = names(&template["spec"]["volumes"]);
        for claim in workload["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
            volumes.insert(claim["metadata"]["name"].as_str().unwrap().to_owned());
        }
        let mounts: BTreeSet<String> =
            containers(template).iter().flat_map(|it| names(&it["volumeMounts"])).collect();
        assert_eq!(mounts, volumes, "{name}");
    });
}

#[test]
fn equal_input_gives_equal_bytes() {
    for spec in SPECS {
        let text = || serde_json::to_string(&all(&objects(&wanted(spec)))).unwrap();
        assert_eq!(text(), text(), "{spec}");
    }
}

/// Which workloads' pods differ between two specs, or after `touch`ing a value of a Secret.
fn rolled(before: &str, after: &str, touch: Option<(&str, &str)>) -> Vec<String> {
    let of = |spec: &str, touch: Option<(&str, &str)>| -> BTreeMap<String, Value> {
        let wanted = wanted(spec);
        let mut seen = secrets(&wanted);
        if let Some((secret, key)) = touch {
            let old = seen.get_mut(secret).unwrap().sha256.insert(key.to_owned(), digest("other"));
            assert!(old.is_some(), "{secret} has no {key}");
        }
        let (objects, _) = plan_objects(&wanted, &Digests::of_seen(&seen));
        let pods = all(&objects).into_iter().filter(|it| it["spec"]["template"].is_object());
        pods.map(|it| (name(&it), it["spec"]["template"].clone())).collect()
    };
    let (before, after) = (of(before, None), of(after, touch));
    let differ = |(name, pods): (&String, &Value)| {
        after.get(name).filter(|other| *other != pods).map(|_| name.clone())
    };
    before.iter().filter_map(differ).collect()
}

const HASHER: &str = "Deployment login-hasher";
const REDIS: [&str; 3] =
    ["StatefulSet login-redis-0", "StatefulSet login-redis-1", "StatefulSet login-redis-2"];

#[test]
fn pods_roll_when_what_they_read_changes_and_only_then() {
    let spec =
        |after: &str, expect: &[&str]| assert_eq!(rolled("", after, None), expect, "{after}");
    spec("", &[]);
    spec("{hasher: {replicas: 9}}", &[]);
    spec("{hasher: {image: \"hasher:2\"}}", &[HASHER]);
    spec("{hasher: {resources: {requests: {cpu: 2}}}}", &[HASHER]);
    spec("{password: {argon2id: {iterations: 3}}}", &[HASHER]);
    spec("{sessions: {idleTimeoutSeconds: 60}}", &[HASHER]);
    spec("{users: {case: Sensitive}}", &[HASHER]);
    // Hashers take these over while they run.
    spec("{routing: {deadlineMs: 2000}}", &[]);
    spec("{rateLimits: [{scope: User, attempts: 1, periodSeconds: 1}]}", &[]);
    spec("{circuitBreaker: {failures: 7}}", &[]);
    spec("{redis: {shards: 5}}", &[]);
    spec("{redis: {replicasPerShard: 2}}", &[]);
    spec("{redis: {config: {hz: \"20\"}}}", &REDIS);
    spec("{redis: {image: \"redis:8\"}}", &REDIS);
    let pools = "{hasher: {pools: [{name: a}, {name: b}]}}";
    let less = "{hasher: {pools: [{name: a, capacityPercent: 50, replicas: 4}]}}";
    assert_eq!(rolled(pools, less, None), Vec::<String>::new());
    let secret = |secret: &str, key: &str, expect: &[&str]| {
        assert_eq!(rolled("", "", Some((secret, key))), expect, "{secret} {key}");
    };
    secret("login-hasher-tls", "tls.crt", &[HASHER]);
    secret("login-hasher-tls", "tls.key", &[HASHER]);
    secret("login-hasher-tls", "ca.crt", &[]);
    secret("login-peer-tls", "ca.crt", &[HASHER]);
    secret("login-user-key", "user-key", &[HASHER]);
    secret("login-token-default", "token", &[]);
    secret("login-ca", "tls.crt", &[]);
    secret("login-redis-users", "operator", &REDIS);
    secret("login-redis-users", "hasher", &[&[HASHER], REDIS.as_slice()].concat());
}

#[test]
fn what_lacks_a_secret_waits_for_it() {
    let check = |secret: &str, key: &str, waits: &[ObjectKind]| {
        let wanted = wanted("");
        let mut seen = secrets(&wanted);
        seen.get_mut(secret).unwrap().sha256.remove(key);
        let (objects, not_ready) = plan_objects(&wanted, &Digests::of_seen(&seen));
        let error = NotReady::Secret { secret: secret.to_owned(), key: key.to_owned() };
        assert_eq!(not_ready, [error], "{secret} {key}");
        let kinds: BTreeSet<ObjectKind> = objects.refs().into_iter().map(|it| it.kind).collect();
        let all = [ObjectKind::StatefulSet, ObjectKind::Deployment, ObjectKind::Secret];
        let lacking: Vec<ObjectKind> = all.into_iter().filter(|it| !kinds.contains(it)).collect();
        assert_eq!(lacking, waits, "{secret} {key}");
    };
    check("login-redis-users", "operator", &[ObjectKind::StatefulSet]);
    let both = [ObjectKind::StatefulSet, ObjectKind::Deployment];
    check("login-redis-users", "hasher", &both);
    check("login-user-key", "user-key", &[ObjectKind::Deployment]);
    check("login-peer-tls", "ca.crt", &[ObjectKind::Deployment]);
}

#[test]
fn digests_do_not_meet() {
    assert_ne!(checksum(&["ab", "c"]), checksum(&["a", "bc"]));
    assert_ne!(checksum(&["ab"]), checksum(&["ab", ""]));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(checksum(&[] as &[&str]), empty);
}
