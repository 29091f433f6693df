//! What files become: all of it, in files of their own, which `make golden` writes again.

use expect_test::{ExpectFile, expect_file};

use super::super::sample::settings;
use super::*;

#[expect(clippy::needless_pass_by_value, reason = "so that a row reads expect_file![...]")]
fn golden(sample: &str, expect: ExpectFile) {
    let text = preview(sample, &settings()).unwrap();
    assert_eq!(preview(sample, &settings()).unwrap(), text, "equal input, equal bytes");
    expect.assert_eq(&text);
}

fn refusal(text: &str) -> String {
    preview(text, &settings()).unwrap_err().to_string()
}

fn with_spec(spec: &str) -> String {
    format!(
        "apiVersion: authcluster.dev/v1alpha1\nkind: AuthCluster\nmetadata: {{name: login}}\nspec: {spec}\n"
    )
}

#[test]
fn what_samples_become() {
    golden(
        include_str!("../../../tests/samples/default.yaml"),
        expect_file!["../../../tests/golden/default.yaml"],
    );
    golden(
        include_str!("../../../tests/samples/pools.yaml"),
        expect_file!["../../../tests/golden/pools.yaml"],
    );
    golden(
        include_str!("../../../tests/samples/everything.yaml"),
        expect_file!["../../../tests/golden/everything.yaml"],
    );
}

#[test]
fn what_cannot_be_is_refused_before_it_reaches_a_cluster() {
    let check = |text: &str, expect: &str| {
        let said = refusal(text);
        assert!(said.starts_with(expect), "{said}\nexpected {expect}");
    };
    check("a: [", "not an AuthCluster: ");
    check("", "kind  of  is no AuthCluster");
    check("{kind: Pod, apiVersion: v1}", "kind Pod of v1 is no AuthCluster");
    check(
        &with_spec("{hasher: {replica: 3}}"),
        "not an AuthCluster: unknown field spec.hasher.replica",
    );
    check(
        &with_spec("{hasher: {pools: [{name: a}, {name: b, size: 2}]}}"),
        "not an AuthCluster: unknown field spec.hasher.pools[1].size",
    );
    check(&with_spec("{hasher: {replicas: three}}"), "not an AuthCluster: invalid type: string");
    check(
        &with_spec("{hasher: {resources: {requests: {cpu: 1.5}}}}"),
        "not an AuthCluster: an amount is a whole number, or text such as \"1.5\"",
    );
    check(&with_spec("{routing: {refuseAfterMs: 2000}}"), "the API server would refuse it: ");
    check(&with_spec("{redis: {shards: 2}}"), "the API server would refuse it: ");
    check(&with_spec("{redis: {config: {dir: /tmp}}}"), "the API server would refuse it: ");
    check(
        &with_spec("{hasher: {resources: {limits: {memory: 64Mi}}}}"),
        "spec.hasher.resources.limits.memory is 64Mi",
    );
    check(
        &with_spec("{password: {argon2id: {iterations: 0}}}"),
        "spec.password.argon2id.iterations is 0",
    );
    let dotted = with_spec("{}").replace("login", "log.in");
    check(&dotted, "the API server would refuse it: ");
}

#[test]
fn json_is_read_too_and_empty_values_say_nothing() {
    let yaml = preview(&with_spec("{}"), &settings()).unwrap();
    let json = r#"{"apiVersion": "authcluster.dev/v1alpha1", "kind": "AuthCluster",
        "metadata": {"name": "login", "annotations": null}, "spec": {"clients": [], "tls": null}}"#;
    assert_eq!(preview(json, &settings()).unwrap(), yaml);
}

#[test]
fn callers_that_the_hashers_would_refuse_are_named() {
    let text = with_spec(
        "{clients: [{name: a, tokenSecretRef: {name: one}}, {name: b, tokenSecretRef: {name: one}}]}",
    );
    let text = preview(&text, &settings()).unwrap();
    for (caller, other) in [("a", "b"), ("b", "a")] {
        let line = format!(
            "# The hashers would refuse caller {caller}: its token is also that of {other} (Secret one, key token).\n"
        );
        assert!(text.contains(&line), "{text}");
        assert!(!text.contains(&format!("-binding-{caller}")), "{text}");
    }
}
