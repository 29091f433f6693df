//! What Helm makes of the chart: rights, refusals, and pods that any cluster admits.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that finds no Helm or no field stops there"
)]

use std::fmt::Write as _;
use std::process::{Command, Output};

use authcluster_lab::args::Environment;
use authcluster_lab::site::Site;
use authcluster_lab::tools::Tools;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::path;

fn helm(args: &[&str]) -> Output {
    let site = Site::new(&Environment::read().cache);
    let tools = Tools::find(&site).expect("Helm is one of the lab's tools: make tools");
    let mut command: Command = tools.command("helm");
    command.args(args).output().unwrap()
}

fn chart() -> String {
    path("charts/authcluster").to_str().unwrap().to_owned()
}

/// The objects that the chart becomes with `sets`.
fn render(sets: &[&str]) -> Vec<Value> {
    let chart = chart();
    let mut args = vec!["template", "authcluster", &chart, "--namespace", "authcluster-system"];
    sets.iter().for_each(|set| args.extend(["--set", set]));
    let output = helm(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split("\n---\n")
        .filter(|document| document.contains("kind:"))
        .map(|document| serde_saphyr::from_str(document.trim_start_matches("---\n")).unwrap())
        .collect()
}

fn one(objects: &[Value], kind: &str) -> Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap_or(&Value::Null).clone()
}

#[test]
fn helm_finds_no_fault() {
    let output = helm(&["lint", "--strict", &chart()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Every rule of every role, one a line.
fn rules(objects: &[Value]) -> String {
    let words = |value: &Value| {
        let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        words.collect::<Vec<_>>().join(",")
    };
    let mut text = String::new();
    for role in objects.iter().filter(|it| it["kind"].as_str().unwrap().ends_with("Role")) {
        let place = role["metadata"]["namespace"].as_str().unwrap_or("everywhere");
        writeln!(text, "{} {place}", role["kind"].as_str().unwrap()).unwrap();
        for rule in role["rules"].as_array().unwrap() {
            let known = ["apiGroups", "resources", "resourceNames", "verbs"];
            assert!(rule.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())));
            let names = words(&rule["resourceNames"]);
            let names = if names.is_empty() { names } else { format!("[{names}]") };
            let (groups, resources) = (words(&rule["apiGroups"]), words(&rule["resources"]));
            writeln!(text, "  {groups}/{resources}{names}: {}", words(&rule["verbs"])).unwrap();
        }
    }
    text
}

#[test]
fn rights_are_those_that_the_code_uses() {
    let check = |sets: &[&str], expect: Expect| {
        let rules = rules(&render(sets));
        assert!(!rules.contains('*'), "{rules}");
        expect.assert_eq(&rules);
    };
    check(
        &[],
        expect![[r#"
        ClusterRole everywhere
          apiextensions.k8s.io/customresourcedefinitions[authclusters.authcluster.dev]: get
          /nodes: get
          authcluster.dev/authclusters: get,list,watch
          authcluster.dev/authclusters/status: patch
          authcluster.dev/authclusters/scale: patch
          authcluster.dev/authclusters/finalizers: update
          /configmaps,services,serviceaccounts: get,list,watch,create,patch
          /secrets: get,list,watch,create,update,patch,delete
          /pods: list,watch
          /namespaces: get
          apps/statefulsets: get,list,watch,create,patch
          apps/deployments: get,list,watch,create,patch,delete
          policy/poddisruptionbudgets: get,list,watch,create,patch
          networking.k8s.io/networkpolicies: get,list,watch,create,patch,delete
          events.k8s.io/events: create,patch
        Role authcluster-system
          coordination.k8s.io/leases: create
          coordination.k8s.io/leases[authcluster]: get,update
    "#]],
    );
    check(
        &["watchNamespace=team"],
        expect![[r#"
        ClusterRole everywhere
          apiextensions.k8s.io/customresourcedefinitions[authclusters.authcluster.dev]: get
        Role team
          authcluster.dev/authclusters: get,list,watch
          authcluster.dev/authclusters/status: patch
          authcluster.dev/authclusters/scale: patch
          authcluster.dev/authclusters/finalizers: update
          /configmaps,services,serviceaccounts: get,list,watch,create,patch
          /secrets: get,list,watch,create,update,patch,delete
          /pods: list,watch
          /namespaces: get
          apps/statefulsets: get,list,watch,create,patch
          apps/deployments: get,list,watch,create,patch,delete
          policy/poddisruptionbudgets: get,list,watch,create,patch
          networking.k8s.io/networkpolicies: get,list,watch,create,patch,delete
          events.k8s.io/events: create,patch
        Role authcluster-system
          coordination.k8s.io/leases: create
          coordination.k8s.io/leases[authcluster]: get,update
    "#]],
    );
    check(&["rbac.create=false"], expect![[""]]);
}

#[test]
fn every_right_is_given_to_the_operator_and_to_nobody_else() {
    let objects = render(&["watchNamespace=team", "serviceAccount.name=someone"]);
    let roles: Vec<&Value> = objects.iter().filter(|it| !it["rules"].is_null()).collect();
    assert_eq!(roles.len(), 3);
    for role in roles {
        let is_of = |it: &&Value| {
            let meta = &role["metadata"];
            it["roleRef"]["kind"] == role["kind"]
                && it["roleRef"]["name"] == meta["name"]
                && it["metadata"]["namespace"] == meta["namespace"]
        };
        let bindings: Vec<&Value> = objects.iter().filter(is_of).collect();
        assert_eq!(bindings.len(), 1, "{role}");
        let someone = json!({
            "kind": "ServiceAccount", "name": "someone", "namespace": "authcluster-system",
        });
        assert_eq!(bindings[0]["subjects"], json!([someone]));
    }
    let pod = &one(&objects, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "someone");
}

#[test]
fn a_typo_and_a_wrong_type_are_refused_by_name() {
    let check = |set: &str, expect: &str| {
        let output = helm(&["template", "authcluster", &chart(), "--set", set]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(expect), "{set}: {errors}");
    };
    check("replica=2", "additional properties 'replica' not allowed");
    check("image.tags=1", "at '/image': additional properties 'tags' not allowed");
    check("replicas=two", "at '/replicas': got string, want integer");
    check("logs.format=xml", "at '/logs/format': value must be one of 'json', 'text'");
    check("image.digest=abc", "at '/image/digest'");
    // A pass under way gets 20 s; a shorter time would cut it off.
    check("terminationGracePeriodSeconds=20", "at '/terminationGracePeriodSeconds': minimum");
}

/// What the Pod Security Standard `restricted` asks for, and a root that nobody writes to.
#[test]
fn the_operator_is_admitted_everywhere() {
    let deployment = one(&render(&[]), "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["runAsUser"], 65_532);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(
        pod["containers"][0]["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        })
    );
}

#[test]
fn values_reach_the_pod() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let by_digest = format!("image.digest={digest}");
    let objects = render(&[
        &by_digest,
        "image.repository=registry.example.org/team/operator",
        "redisImage.tag=9.0",
        "replicas=2",
        "watchNamespace=team",
        "imagePullSecrets[0].name=pull",
        "priorityClassName=high",
        "nodeSelector.disk=fast",
    ]);
    let deployment = one(&objects, "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let image = format!("registry.example.org/team/operator@{digest}");
    assert_eq!(container["image"], image.as_str());
    for arg in [
        format!("--agent-image={image}"),
        "--redis-image=valkey/valkey:9.0".to_owned(),
        "--namespace=team".to_owned(),
        "--lease-name=authcluster".to_owned(),
    ] {
        assert!(container["args"].as_array().unwrap().contains(&json!(arg)), "{arg}");
    }
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(pod["priorityClassName"], "high");
    assert_eq!(pod["nodeSelector"], json!({"disk": "fast"}));
    assert_eq!(one(&objects, "PodDisruptionBudget")["spec"]["maxUnavailable"], 1);
    assert!(one(&render(&[]), "PodDisruptionBudget").is_null());
}

#[test]
fn only_named_namespaces_reach_the_operators_metrics() {
    let policy = one(&render(&[]), "NetworkPolicy");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress"]));
    assert_eq!(policy["spec"]["ingress"], json!([]));
    let objects = render(&["metrics.from[0]=monitoring"]);
    let (policy, deployment) = (one(&objects, "NetworkPolicy"), one(&objects, "Deployment"));
    let monitoring = json!({"kubernetes.io/metadata.name": "monitoring"});
    assert_eq!(
        policy["spec"]["ingress"],
        json!([{
            "from": [{"namespaceSelector": {"matchLabels": monitoring}}],
            "ports": [{"port": 8080, "protocol": "TCP"}],
        }])
    );
    assert_eq!(
        policy["spec"]["podSelector"]["matchLabels"],
        deployment["spec"]["selector"]["matchLabels"]
    );
    assert!(one(&render(&["networkPolicy=false"]), "NetworkPolicy").is_null());
}

/// The program takes the arguments that the chart gives it.
#[test]
fn the_program_takes_the_arguments_of_the_chart() {
    use authcluster_operator::args::Args;
    use clap::Parser as _;

    let deployment = one(&render(&["watchNamespace=team"]), "Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let words = |field: &str| {
        let words = container[field].as_array().into_iter().flatten();
        words.map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let line = [words("command"), words("args")].concat();
    Args::try_parse_from(&line).unwrap();
}

#[test]
fn the_notes_lead_to_a_first_hash() {
    let chart = chart();
    let args = ["install", "authcluster", &chart, "--dry-run=client", "--namespace", "here"];
    let output = helm(&[&args[..], &["--set", "watchNamespace=team"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let (_, notes) = text.split_once("NOTES:").unwrap_or_else(|| panic!("{text}{errors}"));
    for part in [
        "kubectl -n here rollout status deployment/authcluster",
        "kubectl apply -n team",
        "kubectl -n team port-forward service/login-hasher 8443",
        r#"-o go-template='{{ index .data "ca.crt" | base64decode }}'"#,
    ] {
        assert!(notes.contains(part), "{part} is not in {notes}");
    }
}
