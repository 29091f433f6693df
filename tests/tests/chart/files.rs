//! Files that must agree with each other and with the code.

use std::collections::BTreeSet;
use std::fs;

use authcluster_operator::api;
use authcluster_operator::args::Args;
use authcluster_operator::args::Command;
use authcluster_operator::plan::preview::preview;
use clap::Parser as _;
use expect_test::expect;
use serde_json::Value;

use super::path;

fn read(below: &str) -> String {
    fs::read_to_string(path(below)).unwrap_or_else(|error| panic!("{below}: {error}"))
}

fn yaml(below: &str) -> Value {
    serde_saphyr::from_str(&read(below)).unwrap()
}

#[test]
fn the_chart_installs_the_definition_of_the_code() {
    let ours = api::crd_yaml().unwrap();
    for file in ["crds/authclusters.yaml", "charts/authcluster/crds/authclusters.yaml"] {
        let theirs = read(file);
        let differs = theirs.lines().zip(ours.lines()).find(|(theirs, ours)| theirs != ours);
        assert!(theirs == ours, "{file}: run `make crd`; the first difference is {differs:?}");
    }
}

#[test]
fn the_chart_has_the_version_of_the_programs() {
    let chart = yaml("charts/authcluster/Chart.yaml");
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field}");
    }
}

/// Every value is in the schema and every part of the schema in the values, where it is explained.
#[test]
fn values_and_their_schema_name_the_same_things() {
    let schema: Value =
        serde_json::from_str(&read("charts/authcluster/values.schema.json")).unwrap();
    compare("", &yaml("charts/authcluster/values.yaml"), &schema);
}

fn compare(at: &str, values: &Value, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    assert_eq!(schema["additionalProperties"], false, "{at}: a typo would pass");
    let names = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect());
    let named: BTreeSet<String> = names(values).unwrap_or_default();
    // Helm adds `global` by itself; an affinity is whatever Kubernetes takes.
    let mut known: BTreeSet<String> = properties.keys().cloned().collect();
    known.remove("global");
    if at != "/affinity" {
        assert_eq!(named, known, "{at}");
    }
    for (name, property) in properties {
        compare(&format!("{at}/{name}"), &values[name], property);
    }
}

/// The defaults of the chart are those of the program.
#[test]
fn the_chart_names_the_images_that_the_program_knows() {
    let args = Args::try_parse_from(["operator", "run"]).unwrap();
    let Command::Run(run) = args.command else { panic!("`run` is not run") };
    let values = yaml("charts/authcluster/values.yaml");
    let image = |name: &str| {
        let text = |field: &str| values[name][field].as_str().unwrap_or_default().to_owned();
        format!("{}:{}", text("repository"), text("tag"))
    };
    assert_eq!(image("image"), run.images.agent_image);
    assert_eq!(image("hasherImage"), run.images.hasher_image);
    assert_eq!(image("redisImage"), run.images.redis_image);
}

#[test]
fn samples_become_objects() {
    let check = |sample: &str, expect: expect_test::Expect| {
        let args = ["operator", "plan", "--filename", sample];
        let Command::Plan(plan) = Args::try_parse_from(args).unwrap().command else {
            panic!("`plan` is not plan")
        };
        let text =
            preview(&read(sample), &plan.images.settings(plan.operator_namespace, None)).unwrap();
        let mut objects = Vec::new();
        for document in text.split("\n---\n").filter(|document| document.contains("kind:")) {
            let object: Value = serde_saphyr::from_str(document).unwrap();
            let field = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap().to_owned();
            let replicas =
                object.pointer("/spec/replicas").map_or(String::new(), |n| format!(" x{n}"));
            objects.push(format!("{} {}{replicas}\n", field("/kind"), field("/metadata/name")));
        }
        objects.sort();
        expect.assert_eq(&objects.concat());
    };
    check(
        "charts/samples/authcluster.yaml",
        expect![[r#"
        ConfigMap login-hasher
        ConfigMap login-redis
        Deployment login-hasher x3
        NetworkPolicy login-hasher
        NetworkPolicy login-redis
        PodDisruptionBudget login-hasher
        PodDisruptionBudget login-redis-0
        PodDisruptionBudget login-redis-1
        PodDisruptionBudget login-redis-2
        Secret login-clients
        Service login-hasher
        Service login-hasher-peers
        Service login-redis
        ServiceAccount login-hasher
        ServiceAccount login-redis
        StatefulSet login-redis-0 x2
        StatefulSet login-redis-1 x2
        StatefulSet login-redis-2 x2
    "#]],
    );
    check(
        "charts/samples/minimal.yaml",
        expect![[r#"
        ConfigMap login-hasher
        ConfigMap login-redis
        Deployment login-hasher x3
        NetworkPolicy login-hasher
        NetworkPolicy login-redis
        PodDisruptionBudget login-hasher
        PodDisruptionBudget login-redis-0
        PodDisruptionBudget login-redis-1
        PodDisruptionBudget login-redis-2
        Secret login-clients
        Service login-hasher
        Service login-hasher-peers
        Service login-redis
        ServiceAccount login-hasher
        ServiceAccount login-redis
        StatefulSet login-redis-0 x2
        StatefulSet login-redis-1 x2
        StatefulSet login-redis-2 x2
    "#]],
    );
}
