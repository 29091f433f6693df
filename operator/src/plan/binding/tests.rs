//! What a binding holds, and when it is made and made again.

use super::super::sample::{digest as other_digest, now, secrets, wanted};
use super::super::secrets::{SecretKind, plan_secrets};
use super::*;

const SPEC: &str =
    "{clients: [{name: web}, {name: app, tokenSecretRef: {name: theirs, key: bearer}}]}";

/// `Secret reason` of each binding that is made, after `change`.
#[track_caller]
fn check(change: fn(&mut BTreeMap<String, SecretSeen>), expect: &[&str]) {
    let wanted = wanted(SPEC);
    let mut seen = secrets(&wanted);
    change(&mut seen);
    let made: Vec<String> = plan_secrets(&wanted, &seen, now())
        .into_iter()
        .filter(|secret| matches!(secret.kind, SecretKind::Binding(_)))
        .map(|secret| format!("{} {:?}", secret.metadata.name.unwrap(), secret.reason))
        .collect();
    assert_eq!(made, expect);
}

fn touch(seen: &mut BTreeMap<String, SecretSeen>, secret: &str, key: &str) {
    let values = &mut seen.get_mut(secret).unwrap().sha256;
    assert!(
        values.insert(key.to_owned(), other_digest("other")).is_some(),
        "{secret} has no {key}"
    );
}

#[test]
fn it_holds_what_a_caller_needs() {
    let wanted = wanted(SPEC);
    let seen = secrets(&wanted);
    let [web, app] = wanted.callers.as_slice() else { panic!("two callers") };
    let binding = plan_binding(&wanted, web, &seen).unwrap();
    let said: Vec<_> = binding.said.iter().map(|(key, text)| format!("{key}={text}")).collect();
    assert_eq!(
        said,
        [
            "host=login-hasher.shop.svc",
            "port=8443",
            "provider=authcluster",
            "type=authcluster",
            "uri=https://login-hasher.shop.svc:8443",
        ]
    );
    let from = |binding: &Binding, key: &str| {
        let Repeated { secret, key, .. } = binding.repeated[key].clone();
        format!("{secret} {key}")
    };
    assert_eq!(from(&binding, "token"), "login-token-web token");
    assert_eq!(from(&binding, "ca.crt"), "login-hasher-tls ca.crt");
    let binding = plan_binding(&wanted, app, &seen).unwrap();
    assert_eq!(from(&binding, "token"), "theirs bearer");
    let names = names::api_dns("login", "shop");
    assert!(names.contains(&binding.said["host"]), "no certificate for it: {names:?}");
    let type_ = format!("servicebinding.io/{}", binding.said["type"]);
    assert_eq!(type_, SECRET_TYPE, "as the specification names Secrets");
}

#[test]
fn it_is_made_once_and_follows_what_it_repeats() {
    check(|_| {}, &[]);
    check(|seen| drop(seen.remove("login-binding-web")), &["login-binding-web Missing"]);
    check(|seen| touch(seen, "login-token-web", "token"), &["login-binding-web Due"]);
    check(|seen| touch(seen, "theirs", "bearer"), &["login-binding-app Due"]);
    check(
        |seen| touch(seen, "login-hasher-tls", "ca.crt"),
        &["login-binding-web Due", "login-binding-app Due"],
    );
    check(|seen| touch(seen, "login-binding-app", "uri"), &["login-binding-app Due"]);
    check(
        |seen| {
            let values = &mut seen.get_mut("login-binding-app").unwrap().sha256;
            values.insert("more".to_owned(), other_digest("more"));
        },
        &["login-binding-app Due"],
    );
}

#[test]
fn it_waits_for_what_it_repeats() {
    check(|seen| seen.clear(), &[]);
    check(
        |seen| {
            seen.retain(|name, _| !name.contains("binding"));
            seen.remove("theirs");
        },
        &["login-binding-web Missing"],
    );
}

#[test]
fn someone_elses_is_never_replaced() {
    // It is reported as taken: see `plan::next`.
    check(
        |seen| {
            let theirs = seen.get_mut("login-binding-web").unwrap();
            theirs.ours = false;
            theirs.sha256.clear();
        },
        &["login-binding-web Missing"],
    );
}

#[test]
fn digests_are_those_of_the_values() {
    // printf %s abc | sha256sum
    let expect = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest("abc"), expect);
}
