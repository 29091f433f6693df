//! The definition: current in the tree, complete for `kubectl explain`, and one that says the same as
//! the types.

use std::path::Path;

use expect_test::expect;
use serde_json::{Map, json};

use super::*;
use crate::api::spec::{Autoscaling, ClientSpec, PoolSpec};
use crate::api::{AuthClusterSpec, AuthClusterStatus};

/// Numbers of things: their own unit.
const COUNTS: &[&str] = &[
    "attempts",
    "bcryptCostMax",
    "failures",
    "failuresMax",
    "freeFailures",
    "iterations",
    "jobsPerUserMax",
    "maxReplicas",
    "minReplicas",
    "observedGeneration",
    "parallelism",
    "perUserMax",
    "replicas",
    "replicasPerShard",
    "roundsMax",
    "shards",
    "slotsCovered",
    "trustedHops",
];

/// What the names of all other numbers end with.
const UNITS: &[&str] =
    &["MiB", "GiB", "Ms", "Seconds", "Days", "Percent", "UnitsPerSecond", "unitsPerSecond"];

fn schema() -> Value {
    let value = serde_json::to_value(crd().unwrap()).unwrap();
    value["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Calls `look` with the path of every part of the schema.
fn walk(schema: &Value, path: &str, look: &mut dyn FnMut(&str, &Value)) {
    look(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), look);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get(key) {
            walk(inner, &format!("{path}{mark}"), look);
        }
    }
}

/// The paths at which `wrong` says so.
fn wrong_at(wrong: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    walk(&schema(), "", &mut |path, part| {
        if wrong(path, part) {
            found.push(path.to_owned());
        }
    });
    found
}

/// `value` as the API server stores it: with the defaults of the schema.
fn defaulted(schema: &Value, value: &mut Value) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let Some(map) = value.as_object_mut() else { return };
        if let Some(default) = property.get("default")
            && !map.contains_key(name)
        {
            map.insert(name.clone(), default.clone());
        }
        if let Some(inner) = map.get_mut(name) {
            defaulted(property, inner);
        }
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array_mut()) {
        list.iter_mut().for_each(|inner| defaulted(items, inner));
    }
}

#[test]
fn the_file_in_the_tree_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/authclusters.yaml");
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        file == crd_yaml().unwrap(),
        "{} is not what the types say: write it again with `make crd`",
        path.display()
    );
}

#[test]
fn the_file_is_small_and_holds_whole_numbers() {
    let text = crd_yaml().unwrap();
    assert!(text.len() < 100_000, "{} bytes", text.len());
    let floating: Vec<&str> = text.lines().filter(|line| line.ends_with(".0")).collect();
    assert_eq!(floating, Vec::<&str>::new());
    let read: CustomResourceDefinition = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(read, crd().unwrap());
}

#[test]
fn every_field_is_explained() {
    let bare = wrong_at(|path, part| {
        let is_value = path.is_empty() || path.ends_with("{}");
        !is_value && part["description"].as_str().is_none_or(|text| text.trim().len() < 10)
    });
    assert_eq!(bare, Vec::<String>::new());
    let broken = wrong_at(|_, part| {
        let text = part["description"].as_str().unwrap_or_default();
        text.contains('\n') && !text.contains("\n\n")
    });
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_number_says_its_unit() {
    let bare = wrong_at(|path, part| {
        let name = path.rsplit('.').next().unwrap_or_default();
        let is_number = part["type"] == "integer" || part["type"] == "number";
        is_number && !COUNTS.contains(&name) && !UNITS.iter().any(|unit| name.ends_with(unit))
    });
    assert_eq!(bare, Vec::<String>::new());
    let unbounded = wrong_at(|path, part| {
        let is_bounded = part.get("minimum").is_some() && part.get("maximum").is_some();
        path.starts_with(".spec") && part["type"] == "integer" && !is_bounded
    });
    assert_eq!(unbounded, Vec::<String>::new());
}

#[test]
fn defaults_that_are_explained_are_in_the_schema() {
    let lacking = wrong_at(|path, part| {
        let text = part["description"].as_str().unwrap_or_default();
        let says = text.contains(" Default: ") || text.contains("(default)");
        path.starts_with(".spec") && says && part.get("default").is_none()
    });
    assert_eq!(lacking, Vec::<String>::new());
}

#[test]
fn the_schema_is_structural_and_bounded() {
    let wrong = wrong_at(|_, part| {
        let typed = part["type"].is_string() || part["x-kubernetes-int-or-string"] == true;
        let banned = ["$ref", "oneOf", "anyOf", "allOf", "not", "definitions", "$defs"];
        let mixed = part.get("properties").is_some() && part.get("additionalProperties").is_some();
        !typed || mixed || banned.iter().any(|key| part.get(key).is_some())
    });
    assert_eq!(wrong, Vec::<String>::new());
    // Without a bound the API server takes the largest there is, and refuses rules as too dear.
    let unbounded = wrong_at(|path, part| {
        let of_spec = path.starts_with(".spec");
        let list = part["type"] == "array" && part.get("maxItems").is_none();
        let map = part.get("additionalProperties").is_some() && part.get("maxProperties").is_none();
        of_spec && (list || map)
    });
    assert_eq!(unbounded, Vec::<String>::new());
}

#[test]
fn defaults_of_the_schema_are_those_of_the_types() {
    let schema = schema();
    let spec = &schema["properties"]["spec"];
    let check = |part: &Value, given: Value, typed: Value| {
        let mut stored = given;
        defaulted(part, &mut stored);
        assert_eq!(stored, typed);
    };
    let typed: AuthClusterSpec = serde_json::from_value(json!({})).unwrap();
    assert_eq!(typed, AuthClusterSpec::default());
    check(spec, json!({}), serde_json::to_value(typed).unwrap());
    let pools = &spec["properties"]["hasher"]["properties"]["pools"];
    let given = json!({"name": "large", "autoscaling": {"maxReplicas": 9}});
    let typed: PoolSpec = serde_json::from_value(given.clone()).unwrap();
    check(&pools["items"], given, serde_json::to_value(typed).unwrap());
    let autoscaling = &spec["properties"]["hasher"]["properties"]["autoscaling"];
    let typed: Autoscaling = serde_json::from_value(json!({"maxReplicas": 4})).unwrap();
    check(autoscaling, json!({"maxReplicas": 4}), serde_json::to_value(typed).unwrap());
    let client = &spec["properties"]["clients"]["items"];
    let given = json!({"name": "shop", "tokenSecretRef": {"name": "shop-token"}});
    let typed: ClientSpec = serde_json::from_value(given.clone()).unwrap();
    check(client, given, serde_json::to_value(typed).unwrap());
    for (name, given) in [
        ("circuitBreaker", json!({})),
        ("migration", json!({})),
        ("password", json!({"legacy": {}})),
        ("redis", json!({"storage": {"kind": "Ephemeral"}})),
    ] {
        let mut whole = Map::new();
        whole.insert(name.to_owned(), given.clone());
        let typed: AuthClusterSpec = serde_json::from_value(Value::Object(whole)).unwrap();
        check(&spec["properties"][name], given, serde_json::to_value(typed).unwrap()[name].clone());
    }
}

#[test]
fn a_status_that_says_nothing_is_empty() {
    let status: AuthClusterStatus = serde_json::from_value(json!({})).unwrap();
    assert_eq!(serde_json::to_value(status).unwrap(), json!({}));
}

#[test]
fn what_must_not_be_is_in_the_rules() {
    let mut rules = String::new();
    walk(&schema(), "", &mut |path, part| {
        for rule in part["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let text = rule["rule"].as_str().unwrap_or_default();
            let text = text.replace(&listed_directives(), "DIRECTIVES");
            rules.push_str(&format!("{path}: {text}\n"));
            assert!(rule["message"].as_str().is_some_and(|message| message.len() > 15), "{path}");
        }
    });
    expect![[r#"
        : size(self.metadata.name) <= 36 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')
        .spec.hasher: !has(self.autoscaling) || !has(self.pools) || size(self.pools) == 0
        .spec.hasher.autoscaling: self.minReplicas <= self.maxReplicas
        .spec.hasher.pools[].autoscaling: self.minReplicas <= self.maxReplicas
        .spec.hasher.pools[].tolerations[]: has(self.key) || self.operator == 'Exists'
        .spec.hasher.pools[].tolerations[]: !has(self.value) || self.operator == 'Equal'
        .spec.loginBackoff: self.freeFailures <= self.failuresMax
        .spec.migration: self.lockSeconds <= self.statusSeconds
        .spec.redis: self.shards == oldSelf.shards
        .spec.redis: self.shards == 1 || self.shards >= 3
        .spec.redis: self.storage == oldSelf.storage
        .spec.redis.config: self.all(name, name in [DIRECTIVES])
        .spec.redis.storage: self.kind == 'Persistent' || !has(self.storageClassName)
        .spec.routing: self.refuseAfterMs <= self.deadlineMs
        .spec.sessions: self.idleTimeoutSeconds <= self.absoluteTimeoutSeconds
    "#]].assert_eq(&rules);
}

fn listed_directives() -> String {
    let names = crate::api::spec::REDIS_DIRECTIVES.iter().map(|(name, _)| format!("'{name}'"));
    names.collect::<Vec<_>>().join(", ")
}

#[test]
fn an_older_definition_is_told_by_the_fields_that_it_lacks() {
    let check = |change: &dyn Fn(&mut Value), expect: &[&str]| {
        let mut value = serde_json::to_value(crd().unwrap()).unwrap();
        change(&mut value["spec"]["versions"][0]);
        let theirs = serde_json::from_value(value).unwrap();
        assert_eq!(lacks(&theirs).unwrap(), expect);
    };
    let properties = |version: &mut Value, at: &str| -> Map<String, Value> {
        let part = version["schema"]["openAPIV3Schema"].pointer_mut(at).unwrap();
        part["properties"].as_object_mut().map(std::mem::take).unwrap()
    };
    let without = |at: &'static str, names: &'static [&'static str]| {
        move |version: &mut Value| {
            let mut kept = properties(version, at);
            names.iter().for_each(|name| assert!(kept.remove(*name).is_some(), "{name}"));
            version["schema"]["openAPIV3Schema"].pointer_mut(at).unwrap()["properties"] =
                Value::Object(kept);
        }
    };
    check(&|_| {}, &[]);
    let status = without("/properties/status", &["binding", "plan"]);
    check(&status, &["status.binding", "status.plan"]);
    let pools = "/properties/spec/properties/hasher/properties/pools/items";
    check(&without(pools, &["capacityPercent"]), &["spec.hasher.pools[].capacityPercent"]);
    let renamed = |version: &mut Value| version["name"] = "v1alpha0".into();
    check(&renamed, &["v1alpha1"]);
    // A newer one is fine.
    let newer = |version: &mut Value| {
        let spec = &mut version["schema"]["openAPIV3Schema"]["properties"]["spec"];
        spec["properties"]["later"] = json!({"type": "string"});
    };
    check(&newer, &[]);
    let word = |version: &mut Value| {
        let spec = &mut version["schema"]["openAPIV3Schema"]["properties"]["spec"];
        spec["properties"]["networkPolicy"]["enum"] = json!(["Anywhere", "None"]);
    };
    check(&word, &["spec.networkPolicy: \"Namespace\""]);
}
