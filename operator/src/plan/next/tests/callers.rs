//! A caller without a usable token loses access alone: the plan for everything else stays the same.

use super::*;

/// Deletes the Secret `theirs`, and lets the hashers take the new file of callers over.
fn lose_token(wanted: &mut Validated, observed: &mut Observed) {
    observed.kubernetes.secrets.remove("theirs").unwrap();
    let digests = Digests::of_seen(&observed.kubernetes.secrets);
    let version = hasher::live_version(wanted, &digests).unwrap();
    let Known::Known(nodes) = &mut observed.nodes else { panic!("they are known in the sample") };
    nodes.values_mut().for_each(|record| record.config.clone_from(&version));
}

#[test]
fn a_caller_without_a_token_is_disabled_and_everything_else_goes_on() {
    check(
        "{clients: [{name: web}, {name: shop, tokenSecretRef: {name: theirs}}]}",
        lose_token,
        expect![[r#"
            warning CallerDisabled: the hashers refuse these callers: caller shop: Secret theirs does not exist
            Ready True AsSpecified
            Reconciling False AsSpecified
            Stalled False Progressing
            nothing to do, except for disabled callers: shop
            again in 15000 ms
        "#]],
    );
    let wanted = wanted(
        "{hasher: {replicas: 5}, clients: [{name: web}, {name: shop, tokenSecretRef: {name: theirs}}]}",
    );
    let mut observed = settled(&wanted);
    let before = next(&wanted, &observed, now()).objects;
    observed.kubernetes.secrets.remove("theirs");
    let objects = next(&wanted, &observed, now()).objects;
    assert_eq!(objects.deployments, before.deployments, "no pod is changed");
    assert_eq!(objects.deployments[0].spec.as_ref().unwrap().replicas, Some(5));
    assert_ne!(objects.secrets, before.secrets, "the hashers are told");
}

#[test]
fn if_every_caller_is_disabled_the_resource_is_not_ready() {
    check(
        "{clients: [{name: shop, tokenSecretRef: {name: theirs}}]}",
        lose_token,
        expect![[r#"
            warning CallerDisabled: every caller is disabled, so all requests are refused: caller shop: Secret theirs does not exist
            Ready False CallerDisabled
            Reconciling True Progressing
            Stalled False Progressing
            waiting: every caller is disabled, so all requests are refused: caller shop: Secret theirs does not exist
            again in 15000 ms
        "#]],
    );
}
