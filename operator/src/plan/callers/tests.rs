//! Which callers are enabled, and what is said of the others.

use super::super::sample::{digest, secrets, wanted};
use super::*;
use crate::plan::seen::SecretSeen;

/// A generated token, one in a Secret of a person, and two more to share it with.
const SPEC: &str = "{clients: [{name: web}, {name: app, tokenSecretRef: {name: theirs}}, \
                    {name: jobs, tokenSecretRef: {name: jobs, key: bearer}}]}";

/// The enabled callers and the message about each other one, after `change` of the Secrets.
#[track_caller]
fn check(change: impl FnOnce(&mut BTreeMap<String, SecretSeen>), enabled: &[&str], said: &[&str]) {
    let wanted = wanted(SPEC);
    let mut seen = secrets(&wanted);
    change(&mut seen);
    let digests = Digests::of_seen(&seen);
    let plan = plan_callers(&wanted.callers, &digests);
    let names: Vec<&str> = plan.enabled.iter().map(|(caller, _)| caller.name.as_str()).collect();
    assert_eq!(names, enabled);
    let messages: Vec<String> = plan.disabled.iter().map(ToString::to_string).collect();
    assert_eq!(messages, said);
}

fn refuse(seen: &mut BTreeMap<String, SecretSeen>, (secret, key): (&str, &str), why: TokenError) {
    let secret = seen.get_mut(secret).unwrap();
    assert!(secret.sha256.contains_key(key));
    secret.unusable_tokens.insert(key.to_owned(), why);
}

#[test]
fn one_unusable_token_disables_its_caller_alone() {
    check(|_| {}, &["web", "app", "jobs"], &[]);
    check(
        |seen| drop(seen.remove("theirs")),
        &["web", "jobs"],
        &["caller app: Secret theirs does not exist"],
    );
    check(
        |seen| seen.get_mut("jobs").unwrap().sha256.clear(),
        &["web", "app"],
        &["caller jobs: Secret jobs has no key bearer"],
    );
    check(
        |seen| refuse(seen, ("theirs", "token"), TokenError::Empty),
        &["web", "jobs"],
        &["caller app: the token is empty (Secret theirs, key token)"],
    );
    check(
        |seen| refuse(seen, ("login-token-web", "token"), TokenError::TooShort),
        &["app", "jobs"],
        &[
            "caller web: the token is shorter than 32 characters (Secret login-token-web, key token)",
        ],
    );
    check(
        |seen| {
            refuse(seen, ("jobs", "bearer"), TokenError::NotPrintable);
            seen.remove("theirs");
        },
        &["web"],
        &[
            "caller app: Secret theirs does not exist",
            "caller jobs: the token contains white space or a character that is not printable ASCII \
             (Secret jobs, key bearer)",
        ],
    );
}

#[test]
fn a_shared_token_disables_all_of_its_callers() {
    let same: fn(&mut BTreeMap<String, SecretSeen>) = |seen| {
        let values = &mut seen.get_mut("jobs").unwrap().sha256;
        values.insert("bearer".to_owned(), digest("theirs/token"));
    };
    check(
        same,
        &["web"],
        &[
            "caller app: its token is also that of jobs (Secret theirs, key token)",
            "caller jobs: its token is also that of app (Secret jobs, key bearer)",
        ],
    );
    let wanted = wanted(
        "{clients: [{name: a, tokenSecretRef: {name: one}}, {name: b, tokenSecretRef: {name: one}}, \
         {name: c, tokenSecretRef: {name: login-token-d}}, {name: d}, {name: e}]}",
    );
    let digests = Digests::of_seen(&secrets(&wanted));
    let plan = plan_callers(&wanted.callers, &digests);
    let names: Vec<&str> = plan.enabled.iter().map(|(caller, _)| caller.name.as_str()).collect();
    assert_eq!(names, ["e"]);
    assert_eq!(plan.disabled.len(), 4, "{:?}", plan.disabled);
}
