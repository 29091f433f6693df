//! Limits as a caller meets them: a whole pod in this process, on ports of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where it fails, and waits with real bounds"
)]

#[path = "shared/pod.rs"]
mod pod;

use std::time::Duration;

use authcluster_contract::config::{HasherConfig, RateRule, RateScope};
use authcluster_hasher::start::{Place, Running, start_at};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::pod::{call, client, start};

const TOKEN: &str = "letmein-letmein-letmein-letmein-letmein";

/// printf %s letmein-letmein-letmein-letmein-letmein | sha256sum
const DIGEST: &str = "04c6f316186c159b0e20b215adfbf53f4e59a089cc5c0f2d5deb2e18264d2221";

/// A caller's file with the token of this digest.
fn caller(digest: &str) -> String {
    format!(
        "[[clients]]\nname = \"shop\"\nrealm = \"shop\"\nscopes = [\"Hash\", \"Login\"]\n\
         token_sha256 = [\"{digest}\"]\n"
    )
}

fn config(rules: &[(RateScope, u32, u32)]) -> HasherConfig {
    let rule = |&(scope, attempts, period_seconds)| RateRule { scope, attempts, period_seconds };
    let mut config = pod::config();
    config.limits.rules = rules.iter().map(rule).collect();
    config
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or("ok"))
    }

    /// The headers that say how the rates stand.
    fn rates(&self) -> Vec<String> {
        self.shape().2.into_iter().filter(|header| header.starts_with("ratelimit")).collect()
    }

    /// Everything that could tell two users apart, the time aside.
    fn shape(&self) -> (u16, Value, Vec<String>) {
        let said =
            |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
                let value = value.to_str().unwrap();
                // `t` counts seconds, and may differ by the one that passes in between.
                let value = value.split(";t=").next().unwrap_or_default();
                (name != "date" && name != "retry-after").then(|| format!("{name}: {value}"))
            };
        let mut body = self.body.clone();
        body["detail"] = Value::Null;
        (self.status, body, self.headers.iter().filter_map(said).collect())
    }
}

async fn post(pod: &Running, path: &str, forwarded: &[&str], body: Value) -> Answer {
    let mut request = call(&client(), pod, path, body.to_string());
    for field in forwarded {
        request = request.header("x-forwarded-for", *field);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap() }
}

/// What comes of trying again and again, within a minute.
async fn eventually<T>(once: impl AsyncFn() -> Option<T>) -> T {
    let tries = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            if let Some(found) = once().await {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), tries).await.unwrap()
}

async fn hash(pod: &Running) -> Value {
    post(pod, "/v1/hash", &[], json!({ "password": "right" })).await.body["encoded"].clone()
}

async fn login(pod: &Running, name: &str, password: &str, encoded: &Value) -> Answer {
    let body = json!({ "username": name, "password": password, "encoded": encoded });
    post(pod, "/v1/login", &[], body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_and_the_right_password_is_not() {
    let pod = start(&config(&[(RateScope::User, 2, 3_600)])).await;
    let encoded = hash(&pod).await;
    for _ in 0..5 {
        let right = login(&pod, "alice", "right", &encoded).await;
        assert_eq!((right.status, &right.body["match"]), (200, &json!(true)));
        assert_eq!(right.header("ratelimit-policy"), Some("\"user-3600\";q=2;w=3600"));
        assert_eq!(right.header("ratelimit"), Some("\"user-3600\";r=2;t=0"));
    }
    let wrong = login(&pod, "alice", "wrong", &encoded).await;
    assert_eq!((wrong.status, &wrong.body["match"]), (200, &json!(false)));
    assert_eq!(wrong.header("ratelimit"), Some("\"user-3600\";r=1;t=1800"));
    assert_eq!(login(&pod, "alice", "wrong", &encoded).await.status, 200);
    let denied = login(&pod, "alice", "right", &encoded).await;
    assert_eq!(denied.code(), (429, "throttled"));
    assert_eq!(denied.header("content-type"), Some("application/problem+json"));
    let wait: u64 = denied.header("retry-after").unwrap().parse().unwrap();
    assert!((1_700..=1_800).contains(&wait), "{wait}");
    assert_eq!(denied.header("ratelimit").unwrap(), format!("\"user-3600\";r=0;t={wait}"));
    let detail = denied.body["detail"].as_str().unwrap();
    assert_eq!(detail, format!("too many attempts for this user; try again in {wait} s"));
    // A flood is answered from memory, in the same words.
    assert_eq!(login(&pod, "alice", "right", &encoded).await.shape(), denied.shape());
    // Another one is not meant.
    assert_eq!(login(&pod, "bob", "right", &encoded).await.status, 200);
}

/// Vault CVE-2025-6004.
#[tokio::test(flavor = "multi_thread")]
async fn no_alias_of_a_name_has_a_rate_of_its_own() {
    let pod = start(&config(&[(RateScope::User, 3, 3_600)])).await;
    for name in ["Ren\u{e9}e", "  ren\u{e9}e ", "RENE\u{301}E"] {
        assert_eq!(login(&pod, name, "wrong", &Value::Null).await.status, 200, "{name}");
    }
    for name in ["rene\u{301}e", "REN\u{c9}E\t", "ren\u{e9}e"] {
        let answer = login(&pod, name, "wrong", &Value::Null).await;
        assert_eq!(answer.code(), (429, "throttled"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_does_not_exist_is_limited_alike() {
    let rules = [(RateScope::User, 3, 3_600), (RateScope::UserAndAddress, 50, 3_600)];
    let mut config = config(&rules);
    // At once the longest wait, so that it holds however slow this machine is.
    (config.limits.backoff.free_failures, config.limits.backoff.failures_max) = (2, 2);
    let pod = start(&config).await;
    let encoded = hash(&pod).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let there = login(&pod, "alice", "wrong", &encoded).await;
        let nobody = login(&pod, "nobody", "wrong", &Value::Null).await;
        assert_eq!(there.shape(), nobody.shape());
        statuses.push(there.status);
    }
    assert_eq!(statuses[..3], [200, 200, 429], "the failures in a row");
    let denied = login(&pod, "nobody", "wrong", &Value::Null).await;
    assert!(
        denied.body["detail"].as_str().unwrap().starts_with("too many failed attempts in a row")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_come_from_the_body_or_from_trusted_hops() {
    let mut config = config(&[(RateScope::Address, 1, 3_600)]);
    config.limits.trusted_hops = 2;
    let pod = start(&config).await;
    let attempt = async |name: &str, address: Option<&str>, forwarded: &[&str]| {
        let mut body = json!({ "username": name, "password": "p", "encoded": null });
        if let Some(address) = address {
            body["address"] = json!(address);
        }
        post(&pod, "/v1/login", forwarded, body).await
    };
    assert_eq!(attempt("a", Some("192.0.2.1"), &[]).await.status, 200);
    assert_eq!(attempt("b", Some("192.0.2.1"), &[]).await.status, 429);
    // The same one, by proxies; what the user wrote before it is nothing.
    assert_eq!(attempt("b", None, &["8.8.8.8, 192.0.2.1, 10.0.0.1"]).await.status, 429);
    assert_eq!(attempt("b", None, &["9.9.9.9", "192.0.2.1, 10.0.0.1"]).await.status, 429);
    assert_eq!(attempt("b", Some("::ffff:192.0.2.1"), &[]).await.status, 429, "the same address");
    assert_eq!(attempt("b", None, &["8.8.8.8, 192.0.2.2, 10.0.0.1"]).await.status, 200);
    // A /64 is one address.
    assert_eq!(attempt("c", Some("2001:db8::1"), &[]).await.status, 200);
    assert_eq!(attempt("d", Some("2001:db8::ffff:1"), &[]).await.status, 429);
    assert_eq!(attempt("d", Some("2001:db8:0:1::1"), &[]).await.status, 200);
    // Nobody knows where from.
    assert_eq!(attempt("e", None, &["192.0.2.1"]).await.status, 200);
    let metrics = client().get(format!("http://{}/metrics", pod.admin)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("\nauthcluster_hasher_logins_without_address_total 1\n"), "{metrics}");
    assert_eq!(attempt("e", Some(""), &[]).await.status, 200);
    assert_eq!(attempt("f", Some("192.0.2.1:80"), &[]).await.status, 429, "the same address");
    for wrong in ["hunter2", "192.0.2.1, 192.0.2.2", "192.0.2.01"] {
        let answer = attempt("f", Some(wrong), &[]).await;
        assert_eq!(answer.code(), (400, "malformed-request"), "{wrong}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("`address`") && !detail.contains("hunter2"), "{detail}");
    }
    let answer = attempt("f", None, &["hunter2, 10.0.0.1"]).await;
    assert_eq!(answer.code(), (400, "malformed-request"));
    assert!(!answer.body.to_string().contains("hunter2"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_trust_the_header_is_ignored() {
    let pod = start(&config(&[(RateScope::Address, 1, 3_600)])).await;
    for _ in 0..3 {
        let body = json!({ "username": "a", "password": "p", "encoded": null });
        assert_eq!(post(&pod, "/v1/login", &["192.0.2.1"], body).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_help_desk_lifts_a_users_limits() {
    let pod = start(&config(&[(RateScope::User, 1, 3_600)])).await;
    assert_eq!(login(&pod, "alice", "wrong", &Value::Null).await.status, 200);
    assert_eq!(login(&pod, "alice", "wrong", &Value::Null).await.status, 429);
    let reset = post(&pod, "/v1/limits/reset", &[], json!({ "username": "ALICE" })).await;
    assert_eq!((reset.status, reset.body), (200, json!({ "reset": true })));
    assert_eq!(login(&pod, "alice", "wrong", &Value::Null).await.status, 200);
    let reset = post(&pod, "/v1/limits/reset", &[], json!({ "username": "bob" })).await;
    assert_eq!(reset.body, json!({ "reset": false }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_makes_no_sense_is_no_attempt() {
    let pod = start(&config(&[(RateScope::User, 1, 3_600)])).await;
    let no_password = json!({ "username": "alice", "encoded": null });
    for _ in 0..2 {
        let answer = post(&pod, "/v1/login", &[], no_password.clone()).await;
        assert_eq!(answer.code(), (400, "malformed-request"));
    }
    assert_eq!(login(&pod, "alice", "p", &Value::Null).await.status, 200);
}

/// Otherwise limits and headers tell which users have a hash that cannot be verified, and each of their attempts is
/// free.
#[tokio::test(flavor = "multi_thread")]
async fn a_stored_hash_that_cannot_be_verified_is_charged_like_a_wrong_password() {
    let pod = start(&config(&[(RateScope::User, 2, 3_600)])).await;
    let unverifiable = [
        ("$no$such$format", (422, "unsupported-format")),
        ("x", (422, "unsupported-format")),
        (
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$9sTbSlTio3B",
            (422, "cost-out-of-bounds"),
        ),
        (
            "$argon2id$v=19$m=7168,t=1,p=1,keyid=MjAyNg$YWFhYWFhYWFhYWFhYWFhYQ$\
             YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE",
            (503, "pepper-unavailable"),
        ),
    ];
    let unknown = [
        login(&pod, "unknown", "p", &Value::Null).await,
        login(&pod, "unknown", "p", &Value::Null).await,
        login(&pod, "unknown", "p", &Value::Null).await,
    ];
    for (turn, (encoded, code)) in unverifiable.into_iter().enumerate() {
        let name = format!("user-{turn}");
        for unknown in &unknown[..2] {
            let answer = login(&pod, &name, "p", &json!(encoded)).await;
            assert_eq!(answer.code(), code);
            assert_eq!(answer.rates(), unknown.rates(), "{encoded}");
            assert_eq!(answer.rates().len(), 2, "{:?}", answer.rates());
        }
        let denied = login(&pod, &name, "p", &json!(encoded)).await;
        assert_eq!(denied.shape(), unknown[2].shape(), "{encoded}");
    }
}

/// The deadline cannot be met, so nothing is computed, and nothing was tried.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_pod_can_compute_is_given_back() {
    let mut config = config(&[(RateScope::User, 1, 3_600)]);
    config.routing.deadline_ms = 1;
    config.password.argon2id.memory_mib = 64;
    let pod = start(&config).await;
    for turn in 0..5 {
        // The refund runs in the background; a denial means that it has not yet.
        let answer = eventually(async || {
            let answer = login(&pod, "alice", "p", &Value::Null).await;
            (answer.status != 429).then_some(answer)
        });
        let answer = answer.await;
        assert_eq!(answer.code(), (503, "overloaded"), "{turn}");
        assert_eq!(answer.header("ratelimit"), Some("\"user-3600\";r=1;t=0"));
    }
}

/// The clients disconnect after 4 ms, while a hashing worker computes for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_during_its_hash_has_failed() {
    const ATTEMPTS: u64 = 15;
    let mut config = config(&[(RateScope::User, 15, 3_600)]);
    config.limits.backoff.free_failures = 100;
    let pod = start(&config).await;
    // Far more than 4 ms of work, and 320 work units.
    let long = json!(
        "$argon2id$v=19$m=16384,t=20,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ"
    );
    let body = json!({ "username": "alice", "password": "wrong", "encoded": long });
    let computed = || pod.local.done().unwanted.0 / 320;
    let mut sent = 0;
    while computed() < ATTEMPTS {
        assert!(sent < 1_000, "{} of {sent} were computed", computed());
        sent += 1;
        let attempt = post(&pod, "/v1/login", &[], body.clone());
        drop(tokio::time::timeout(Duration::from_millis(4), attempt).await);
        // One at a time. Attempts that were cancelled before a worker began are refunded.
        eventually(async || (pod.local.load().0 == 0).then_some(())).await;
    }
    let next = post(&pod, "/v1/login", &[], body).await;
    assert_eq!(next.code(), (429, "throttled"), "{sent} sent, {} computed", computed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_has_a_budget_of_work() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.toml");
    write(&file, &(caller(DIGEST) + "units_per_second = 1\n"));
    let mut config = config(&[]);
    config.clients_file = Some(file);
    let pod = start(&config).await;
    let hash = async || {
        let request = call(&client(), &pod, "/v1/hash", json!({ "password": "p" }).to_string());
        let response = request.bearer_auth(TOKEN).send().await.unwrap();
        let wait = response.headers().get("retry-after").map(|it| it.to_str().unwrap().to_owned());
        (response.status().as_u16(), wait)
    };
    assert_eq!(hash().await, (200, None));
    // Seven units were asked for, one may be owed.
    let (status, wait) = hash().await;
    assert_eq!(status, 429);
    assert!((4..=6).contains(&wait.unwrap().parse::<u32>().unwrap()));
}

/// Writes it over the last one, as a volume of Kubernetes does: at once.
fn write(file: &std::path::Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// Waits until the rates that a failed login is told are `expect`.
async fn rates_become(pod: &Running, expect: Option<&str>) {
    eventually(async || {
        let body = json!({ "username": "u", "password": "p", "encoded": null });
        let answer =
            call(&client(), pod, "/v1/login", body.to_string()).bearer_auth(TOKEN).send().await;
        let headers = answer.unwrap().headers().clone();
        let policy = headers.get("ratelimit-policy").map(|policy| policy.to_str().unwrap());
        (policy == expect).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_changed_file_is_in_force_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let [file, callers] = ["hasher.toml", "clients.toml"].map(|name| folder.path().join(name));
    let with = |attempts: u32| {
        let rules = [(RateScope::User, 1_000, 60), (RateScope::User, attempts, 3_600)];
        let mut config = config(&rules);
        config.limits.backoff.free_failures = 100;
        config.clients_file = Some(callers.clone());
        config
    };
    write(&callers, &caller(DIGEST));
    write(&file, &with(500).to_toml().unwrap());
    let place =
        Place { node: "pod".parse().unwrap(), pod_ip: None, config_file: Some(file.clone()) };
    let pod = start_at(&with(500), place).await.unwrap();
    let policy_of_500 = "\"user-60\";q=1000;w=60, \"user-3600\";q=500;w=3600";
    rates_become(&pod, Some(policy_of_500)).await;
    write(&file, &with(600).to_toml().unwrap());
    let policy_of_600 = "\"user-60\";q=1000;w=60, \"user-3600\";q=600;w=3600";
    rates_become(&pod, Some(policy_of_600)).await;

    // Settings that make no sense change nothing, and keep no token from being given or revoked.
    let becomes = async |expect: u16| {
        eventually(async || {
            let request = call(&client(), &pod, "/v1/hash", json!({ "password": "p" }).to_string());
            let answer = request.bearer_auth(TOKEN).send().await.unwrap();
            (answer.status().as_u16() == expect).then_some(())
        })
        .await;
    };
    write(&file, "limits.trusted_hops = 17\n");
    write(&callers, &caller(&DIGEST.replace('e', "f")));
    becomes(401).await;
    write(&callers, &caller(DIGEST));
    becomes(200).await;
    rates_become(&pod, Some(policy_of_600)).await;
    // Callers that make no sense change nothing, and hold no settings up.
    write(&callers, &caller("none"));
    write(&file, &config(&[]).to_toml().unwrap());
    rates_become(&pod, None).await;
}
