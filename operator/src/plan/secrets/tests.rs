//! Which Secrets are made, and when one is made again.

use super::super::sample::{after, digest, now, secrets, wanted};
use super::*;
use crate::api::names::{LABEL_COMPONENT, LABEL_MANAGED_BY};

const DAY: i64 = 86_400;

/// `Secret reason` of each, after `change` and some days.
#[track_caller]
fn check(days: i64, change: fn(&mut BTreeMap<String, SecretSeen>), expect: &[&str]) {
    let wanted = wanted("{clients: [{name: web}, {name: app, tokenSecretRef: {name: theirs}}]}");
    let mut seen = secrets(&wanted);
    change(&mut seen);
    let said: Vec<String> = plan_secrets(&wanted, &seen, after(days * DAY))
        .iter()
        .map(|secret| format!("{} {:?}", secret.metadata.name.as_deref().unwrap(), secret.reason))
        .collect();
    assert_eq!(said, expect);
}

fn of<'a>(seen: &'a mut BTreeMap<String, SecretSeen>, name: &str) -> &'a mut SecretSeen {
    seen.get_mut(name).unwrap()
}

#[test]
fn all_is_made_once_authorities_first() {
    check(0, |_| {}, &[]);
    check(
        0,
        |seen| seen.clear(),
        &[
            "login-ca Missing",
            "login-hasher-tls Missing",
            "login-peer-tls Missing",
            "login-redis-users Missing",
            "login-user-key Missing",
            "login-token-web Missing",
        ],
    );
    check(0, |seen| drop(seen.remove("login-user-key")), &["login-user-key Missing"]);
    check(0, |seen| drop(seen.remove("login-token-web")), &["login-token-web Missing"]);
    // A Secret that a person names is theirs to make.
    check(0, |seen| drop(seen.remove("theirs")), &[]);
}

#[test]
fn secrets_that_are_there_are_never_made_again() {
    // Not even when they lack a key: what uses them says so.
    check(0, |seen| of(seen, "login-user-key").sha256.clear(), &[]);
    check(0, |seen| of(seen, "login-redis-users").sha256.clear(), &[]);
    check(
        100_000,
        |seen| seen.retain(|name, _| !name.contains("tls") && name != "login-ca"),
        &["login-ca Missing", "login-hasher-tls Missing", "login-peer-tls Missing"],
    );
}

#[test]
fn certificates_are_made_again_before_they_end() {
    let both = ["login-hasher-tls Due", "login-peer-tls Due"];
    check(60, |_| {}, &[]);
    check(61, |_| {}, &both);
    check(1000, |_| {}, &both);
    let all = ["login-ca Due", "login-hasher-tls Due", "login-peer-tls Due"];
    check(3650 - 364, |seen| of(seen, "login-peer-tls").not_after = None, &all);
    check(0, |seen| of(seen, "login-peer-tls").not_after = None, &["login-peer-tls Due"]);
    check(0, |seen| drop(of(seen, "login-ca").sha256.remove("tls.key")), &all);
    let lost: fn(&mut BTreeMap<String, SecretSeen>) =
        |seen| drop(of(seen, "login-hasher-tls").sha256.remove("ca.crt"));
    check(0, lost, &["login-hasher-tls Due"]);
}

#[test]
fn a_leaf_follows_its_authority() {
    let both = ["login-hasher-tls Due", "login-peer-tls Due"];
    let replaced: fn(&mut BTreeMap<String, SecretSeen>) =
        |seen| drop(of(seen, "login-ca").sha256.insert("tls.crt".to_owned(), digest("new")));
    check(0, replaced, &both);
    check(
        0,
        |seen| drop(seen.remove("login-ca")),
        &["login-ca Missing", "login-hasher-tls Due", "login-peer-tls Due"],
    );
}

#[test]
fn what_someone_else_put_there_is_theirs_to_renew() {
    let theirs: fn(&mut BTreeMap<String, SecretSeen>) = |seen| {
        seen.retain(|name, _| !name.contains("binding"));
        seen.remove("login-hasher-tls");
        seen.values_mut().for_each(|secret| secret.ours = false);
    };
    let missing = ["login-hasher-tls Missing"];
    check(0, theirs, &missing);
    check(100_000, theirs, &missing);
    check(
        100_000,
        |seen| of(seen, "login-ca").ours = false,
        &["login-hasher-tls Due", "login-peer-tls Due"],
    );
}

#[test]
fn each_says_what_goes_into_it_and_whose_it_is() {
    let wanted = wanted("");
    let made = plan_secrets(&wanted, &[].into(), now());
    for secret in &made {
        let owners = secret.metadata.owner_references.as_deref().unwrap();
        assert_eq!((owners.len(), owners[0].uid.as_str()), (1, "u-1"));
        let labels = secret.metadata.labels.as_ref().unwrap();
        assert_eq!(labels[LABEL_MANAGED_BY], "authcluster-operator");
        let component = if secret.kind == SecretKind::RedisUsers { "redis" } else { "hasher" };
        assert_eq!(labels[LABEL_COMPONENT], component);
        assert_eq!(secret.metadata.namespace.as_deref(), Some("shop"));
    }
    let ca = SecretKind::Ca { common_name: "AuthCluster shop/login".to_owned(), valid_days: 3650 };
    let leaf = |names: &[&str], client| SecretKind::Leaf {
        ca_secret: "login-ca".to_owned(),
        dns_names: names.iter().map(|name| (*name).to_owned()).collect(),
        client,
        valid_days: 90,
    };
    let api = [
        "login-hasher",
        "login-hasher.shop",
        "login-hasher.shop.svc",
        "login-hasher.shop.svc.cluster.local",
        "localhost",
    ];
    let kinds: Vec<SecretKind> = made.into_iter().map(|secret| secret.kind).collect();
    let peer = leaf(&["hasher.login.shop.authcluster.dev"], true);
    let rest = [SecretKind::RedisUsers, SecretKind::UserKey, SecretKind::ClientToken];
    assert_eq!(kinds, [&[ca, leaf(&api, false), peer], rest.as_slice()].concat());
}

/// Values of the Secret of peppers and of the hashers' copy, as `key=value ...`, and what becomes of the copy: the
/// keys that it is to have, or why it is left alone.
#[track_caller]
fn check_peppers(source: &str, copy: Option<&str>, expect: &str) {
    let wanted = wanted("{password: {pepperSecretRef: {name: theirs, currentKey: \"2026\"}}}");
    let values = |text: &str| -> BTreeMap<String, String> {
        let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(key, value)| (key.to_owned(), digest(value))).collect()
    };
    let mut seen = secrets(&wanted);
    let theirs = of(&mut seen, "theirs");
    theirs.sha256 = values(source);
    theirs.peppers = theirs.sha256.keys().cloned().collect();
    seen.remove("login-hasher-peppers");
    if let Some(copy) = copy {
        let copy = SecretSeen { sha256: values(copy), ours: true, ..SecretSeen::default() };
        seen.insert("login-hasher-peppers".to_owned(), copy);
    }
    let made = plan_secrets(&wanted, &seen, now());
    let said = made.into_iter().map(|secret| match secret.kind {
        SecretKind::Peppers(values) => {
            assert_eq!(secret.metadata.name.as_deref(), Some("login-hasher-peppers"));
            assert!(values.iter().all(|(key, from)| (&from.key, &*from.secret) == (key, "theirs")));
            let keys: Vec<String> = values.into_keys().collect();
            format!("{:?} {}", secret.reason, keys.join(" "))
        }
        other => panic!("{other:?}"),
    });
    let peppers = wanted.peppers.as_ref().unwrap();
    let digests = Digests::of_seen(&seen);
    let refused = digests.of_peppers("login", peppers).err().map(|error| error.to_string());
    assert_eq!(said.chain(refused).collect::<String>(), expect);
}

#[test]
fn the_copy_of_the_peppers_follows_their_keys_and_keeps_their_values() {
    check_peppers("2026=a", None, "Missing 2026");
    check_peppers("2026=a", Some("2026=a"), "");
    check_peppers("2025=b 2026=a", Some("2026=a"), "Due 2025 2026");
    check_peppers("2026=a", Some("2025=b 2026=a"), "Due 2026");
    let changed = "Secret theirs has another value for 2025 than the hashers, and hashes that were made with it \
                   would match nobody: put the old value back, and give the new one a key id of its own";
    check_peppers("2025=c 2026=a", Some("2025=b 2026=a"), changed);
    // Nor does any other key get in meanwhile.
    check_peppers("2025=c 2026=a 2027=d", Some("2025=b 2026=a"), changed);
    check_peppers("2025=b", Some("2025=b"), "Secret theirs is not there, or has no key 2026");
    // Once it was away, a key is free.
    check_peppers("2025=c 2026=a", Some("2026=a"), "Due 2025 2026");
}

#[test]
fn someone_elses_secret_in_the_place_of_the_copy_is_in_the_way_and_no_record() {
    let wanted = wanted("{password: {pepperSecretRef: {name: theirs, currentKey: \"2026\"}}}");
    let mut seen = secrets(&wanted);
    let copy = of(&mut seen, "login-hasher-peppers");
    copy.sha256.insert("2026".to_owned(), digest("theirs"));
    copy.ours = false;
    let made = plan_secrets(&wanted, &seen, now());
    let said = made.iter().map(|it| (it.metadata.name.as_deref().unwrap(), it.reason));
    assert_eq!(said.collect::<Vec<_>>(), [("login-hasher-peppers", MissingReason::Missing)]);
}
