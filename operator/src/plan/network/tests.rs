//! Who may reach which port, asked of the policies as a network does.

use expect_test::{Expect, expect};

use super::super::metadata::Labels;
use super::super::sample::wanted;
use super::*;

/// A pod somewhere, with its namespace.
struct Someone {
    name: &'static str,
    namespace: &'static str,
    labels: Labels,
}

fn someones() -> Vec<Someone> {
    let of = |component: &str| selector_labels("login", component);
    let named = |name: &str| Labels::from([(LABEL_NAME.to_owned(), name.to_owned())]);
    let someone = |name, namespace, labels| Someone { name, namespace, labels };
    vec![
        someone("hasher", "shop", of(COMPONENT_HASHER)),
        someone("redis", "shop", of(COMPONENT_REDIS)),
        someone("other-cluster's-hasher", "shop", selector_labels("other", COMPONENT_HASHER)),
        someone("hasher-elsewhere", "spare", of(COMPONENT_HASHER)),
        someone("caller", "shop", named("shop")),
        someone("caller-elsewhere", "web", named("web")),
        someone("operator", "authcluster-system", named("authcluster-operator")),
        someone("neighbour-of-the-operator", "authcluster-system", named("prometheus")),
        someone("false-operator", "shop", named("authcluster-operator")),
    ]
}

fn matches(selector: &LabelSelector, labels: &Labels) -> bool {
    assert_eq!(selector.match_expressions, None);
    let wanted = selector.match_labels.iter().flatten();
    wanted.clone().all(|(key, value)| labels.get(key) == Some(value))
}

fn lets_in(rule: &NetworkPolicyIngressRule, who: &Someone) -> bool {
    let Some(peers) = &rule.from else { return true };
    peers.iter().any(|peer| {
        let namespace = Labels::from([(LABEL_NAMESPACE.to_owned(), who.namespace.to_owned())]);
        let there = match &peer.namespace_selector {
            Some(selector) => matches(selector, &namespace),
            None => who.namespace == "shop",
        };
        there && peer.pod_selector.as_ref().is_none_or(|pods| matches(pods, &who.labels))
    })
}

#[expect(clippy::needless_pass_by_value, reason = "so that a row reads expect![...]")]
fn check(spec: &str, expect: Expect) {
    expect.assert_eq(&reach(spec));
}

/// A line for each port of the pods: who reaches it.
fn reach(spec: &str) -> String {
    let wanted = wanted(spec);
    let policies = policies(&wanted);
    let mut text = String::new();
    for (component, ports) in [
        (COMPONENT_HASHER, [PORT_API, PORT_PEERS, PORT_ADMIN].as_slice()),
        (COMPONENT_REDIS, &[PORT_REDIS, PORT_REDIS_BUS]),
    ] {
        let pod = selector_labels("login", component);
        let of_pod: Vec<&NetworkPolicySpec> = policies
            .iter()
            .map(|policy| policy.spec.as_ref().unwrap())
            .filter(|spec| matches(spec.pod_selector.as_ref().unwrap(), &pod))
            .collect();
        for port in ports {
            let reaches = |who: &Someone| {
                let rules = of_pod.iter().flat_map(|spec| spec.ingress.iter().flatten());
                let has_port = |rule: &NetworkPolicyIngressRule| {
                    let port = IntOrString::Int(i32::from(*port));
                    rule.ports.iter().flatten().any(|it| it.port.as_ref() == Some(&port))
                };
                of_pod.is_empty() || rules.clone().any(|rule| has_port(rule) && lets_in(rule, who))
            };
            let someones = someones();
            let some: Vec<_> = someones.iter().filter(|it| reaches(it)).map(|it| it.name).collect();
            let some = match some.len() {
                0 => "no pod".to_owned(),
                all if all == someones.len() => "anyone".to_owned(),
                _ => some.join(", "),
            };
            text.push_str(&format!("{component} {port}: {some}\n"));
        }
    }
    text
}

#[test]
fn each_port_is_reached_by_those_who_need_it() {
    check(
        "{networkPolicy: Anywhere}",
        expect![[r#"
            hasher 8443: anyone
            hasher 8444: hasher
            hasher 9090: no pod
            redis 6379: hasher, redis, operator
            redis 16379: redis
        "#]],
    );
    check(
        "{networkPolicy: Namespace}",
        expect![[r#"
            hasher 8443: hasher, redis, other-cluster's-hasher, caller, false-operator
            hasher 8444: hasher
            hasher 9090: no pod
            redis 6379: hasher, redis, operator
            redis 16379: redis
        "#]],
    );
    check(
        "{networkPolicy: None, metrics: {from: [{namespaceSelector: {}}]}}",
        expect![[r#"
            hasher 8443: anyone
            hasher 8444: anyone
            hasher 9090: anyone
            redis 6379: anyone
            redis 16379: anyone
        "#]],
    );
}

#[test]
fn metrics_are_reached_from_the_namespaces_that_the_resource_selects() {
    let spec = |from: &str| format!("{{metrics: {{from: [{from}]}}}}");
    let namespace = |name: &str| {
        format!("{{namespaceSelector: {{matchLabels: {{{LABEL_NAMESPACE}: {name}}}}}}}")
    };
    let reached = |from: &str, expect: &str| {
        let text = reach(&spec(from));
        let line = text.lines().find(|line| line.starts_with("hasher 9090:")).unwrap();
        assert_eq!(line, expect);
    };
    reached("", "hasher 9090: no pod");
    reached(&namespace("web"), "hasher 9090: caller-elsewhere");
    let two = format!("{}, {}", namespace("web"), namespace("authcluster-system"));
    reached(&two, "hasher 9090: caller-elsewhere, operator, neighbour-of-the-operator");
    reached("{namespaceSelector: {}}", "hasher 9090: anyone");
}

#[test]
fn what_pods_send_is_not_restricted() {
    for policy in policies(&wanted("")) {
        let spec = policy.spec.unwrap();
        assert_eq!((spec.policy_types, spec.egress), (Some(vec!["Ingress".to_owned()]), None));
    }
}
