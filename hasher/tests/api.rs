//! The API as a caller meets it: a whole pod in this process, on ports of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, and waits with real bounds"
)]

#[path = "shared/pod.rs"]
mod pod;

use std::io::Write as _;
use std::time::Duration;

use authcluster_contract::config::{HasherConfig, Tls};
use authcluster_contract::formats::{Family, Legacy};
use authcluster_hasher::start::Running;
use serde_json::{Value, json};

use crate::pod::{call, client, config, start};

struct Answer {
    status: u16,
    retry_after: Option<String>,
    node: Option<String>,
    kind: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn problem(&self) -> (u16, String) {
        assert_eq!(self.node.as_deref(), Some("pod"), "every answer says who gave it");
        assert_eq!(self.kind, "application/problem+json", "{}", self.body);
        (self.status, self.json()["code"].as_str().unwrap().to_owned())
    }
}

async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (retry_after, kind) = (header("retry-after"), header("content-type").unwrap_or_default());
    let status = response.status().as_u16();
    let node = header("authcluster-node");
    Answer { status, retry_after, node, kind, body: response.text().await.unwrap() }
}

async fn post(pod: &Running, path: &str, body: impl ToString) -> Answer {
    send(call(&client(), pod, path, body.to_string())).await
}

async fn hash(pod: &Running, password: &str) -> String {
    let answer = post(pod, "/v1/hash", json!({ "password": password })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["encoded"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_gives_a_session_that_ends_when_it_is_revoked() {
    let pod = start(&config()).await;
    let encoded = hash(&pod, "correct horse").await;
    assert!(encoded.starts_with("$argon2id$v=19$m=7168,t=1,p=1$"), "{encoded}");
    let login = json!({ "username": "alice", "password": "correct horse", "encoded": encoded,
                        "session": { "data": "editor" } });
    let answer = post(&pod, "/v1/login", login).await.json();
    assert_eq!(answer["match"], true);
    assert_eq!(answer["needs_rehash"], false);
    let session = json!({ "session": answer["session"]["id"] });
    let live = post(&pod, "/v1/sessions/introspect", &session).await.json();
    assert_eq!(live["active"], true);
    assert_eq!((&live["username"], &live["data"]), (&json!("alice"), &json!("editor")));
    let revoke = post(&pod, "/v1/sessions/revoke", &session).await.json();
    assert_eq!(revoke, json!({ "revoked": true }));
    let gone = post(&pod, "/v1/sessions/introspect", &session).await;
    assert_eq!(gone.json(), json!({ "active": false }));
    assert!(pod.shut_down().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let mut config = config();
    // More wrong passwords follow than the default rule by user lets through.
    config.limits.backoff.free_failures = 100;
    config.limits.rules.clear();
    let pod = start(&config).await;
    let encoded = hash(&pod, "right").await;
    let login = |encoded: Value| json!({ "username": "alice", "password": "wrong", "encoded": encoded, "session": {} });
    let wrong = post(&pod, "/v1/login", login(json!(encoded))).await;
    let unknown = post(&pod, "/v1/login", login(Value::Null)).await;
    assert_eq!((wrong.status, &wrong.body), (unknown.status, &unknown.body));
    assert_eq!(wrong.json(), json!({ "match": false, "needs_rehash": false, "reasons": [] }));
    let metrics = async || send(client().get(format!("http://{}/metrics", pod.admin))).await.body;
    let count = async |metric: &str| {
        let metrics = metrics().await;
        let of = |line: &str| line.strip_prefix(metric)?.trim().parse().ok();
        metrics.lines().find_map(of).unwrap_or(0_u64)
    };
    let offered = async || count("authcluster_hasher_offered_units_total").await;
    let work_of = async |path: &str, body: Value| {
        let before = offered().await;
        let answer = post(&pod, path, body).await;
        (answer, offered().await - before)
    };
    let (_, work_of_unknown) = work_of("/v1/login", login(Value::Null)).await;
    assert_ne!(work_of_unknown, 0);
    // Nor is an account without a password told from others, by the answer or by the work that it takes.
    let marks = [
        "",
        "!",
        "!!",
        "!*",
        "*",
        "*LK*",
        "*NP*",
        "NP",
        "*LOCKED*$6$a$b",
        "{CRYPT}!",
        &format!("!{encoded}"),
    ];
    for mark in marks {
        let (locked, work) = work_of("/v1/login", login(json!(mark))).await;
        assert_eq!((locked.status, &locked.body), (wrong.status, &wrong.body), "{mark}");
        assert_eq!(work, work_of_unknown, "{mark}");
        let verify = json!({ "password": "right", "encoded": mark });
        let (locked, work) = work_of("/v1/verify", verify).await;
        assert_eq!((locked.status, &locked.json()["match"]), (200, &json!(false)), "{mark}");
        assert_eq!(work, work_of_unknown, "{mark}");
    }
    // Metrics are read by others than those who may log users in.
    let logins = 3 + u64::try_from(marks.len()).unwrap();
    assert_eq!(count("authcluster_hasher_logins_total{result=\"mismatch\"}").await, logins);
    assert_eq!(metrics().await.matches("authcluster_hasher_logins_total{").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weaker_hash_says_why_it_should_be_made_anew() {
    let pod = start(&config()).await;
    // From the test suite of the reference implementation: version 1.0, 64 MiB, "password".
    let encoded =
        "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ";
    let verify = json!({ "password": "password", "encoded": encoded });
    let answer = post(&pod, "/v1/verify", verify).await.json();
    assert_eq!(answer["scheme"], "argon2i", "{answer}");
    assert_eq!(answer["match"], true, "{answer}");
    assert_eq!(answer["reasons"], json!(["scheme", "version", "salt-length"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_hashes_verify_and_say_what_they_are() {
    let pod = start(&config()).await;
    // From the test suites of crypt_blowfish and of passlib.
    let bcrypt = "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";
    let scrypt =
        "$scrypt$ln=8,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA";
    for (encoded, password, scheme) in [(bcrypt, "a", "bcrypt"), (scrypt, "test", "scrypt")] {
        let verify = |password| json!({ "password": password, "encoded": encoded });
        let answer = post(&pod, "/v1/verify", verify(password)).await.json();
        let expect =
            json!({ "match": true, "needs_rehash": true, "reasons": ["scheme"], "scheme": scheme });
        assert_eq!(answer, expect);
        assert_eq!(post(&pod, "/v1/verify", verify("wrong")).await.json()["match"], false);
    }
    let answer = post(&pod, "/v1/inspect", json!({ "encoded": scrypt })).await;
    for part in ["wlhLyX", "mTpvG8"] {
        assert!(!answer.body.contains(part), "{}", answer.body);
    }
    let said = answer.json();
    assert_eq!((&said["format"], &said["scheme"]), (&json!("scrypt"), &json!("scrypt")));
    assert_eq!(said["parameters"], json!({ "N": "256", "r": "8", "p": "1" }));
    assert_eq!((&said["needs_rehash"], &said["memory_kib"]), (&json!(true), &json!(259)));
    let refused = post(&pod, "/v1/inspect", json!({ "encoded": "$nothing$" })).await;
    assert_eq!(refused.problem(), (422, "unsupported-format".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_narrows_what_is_verified() {
    let mut config = config();
    config.password.legacy =
        Some(Legacy { accept: vec![Family::Bcrypt], bcrypt_cost_max: 11, ..Legacy::default() });
    let pod = start(&config).await;
    let code = async |encoded: &str| {
        let answer = post(&pod, "/v1/inspect", json!({ "encoded": encoded })).await;
        answer.json()["code"].as_str().map(ToOwned::to_owned)
    };
    let bcrypt =
        |cost: u32| format!("$2b${cost}$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK");
    assert_eq!(code(&bcrypt(11)).await, None);
    assert_eq!(code(&bcrypt(12)).await.as_deref(), Some("cost-out-of-bounds"));
    let md5 = code("5f4dcc3b5aa765d61d8327deb882cf99").await;
    assert_eq!(md5.as_deref(), Some("unsupported-format"));
    let own = hash(&pod, "p").await;
    assert_eq!(code(&own).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_a_clear_error_that_quotes_nothing() {
    let pod = start(&config()).await;
    let check = async |path: &str, body: String, expect: (u16, &str)| {
        let answer = post(&pod, path, &body).await;
        assert_eq!(answer.problem(), (expect.0, expect.1.to_owned()), "{path} {body:.80}");
        assert!(!answer.body.contains("hunter2"), "{}", answer.body);
    };
    let malformed = (400, "malformed-request");
    check("/v1/hash", "{\"password\":\"hunter2\"".to_owned(), malformed).await;
    check("/v1/hash", json!({ "password": { "hunter2": 1 } }).to_string(), malformed).await;
    check("/v1/hash", json!({ "password": "hunter2", "pasword": "" }).to_string(), malformed).await;
    check("/v1/hash", json!("hunter2").to_string(), malformed).await;
    check("/v1/hash", json!({}).to_string(), malformed).await;
    let long = "hunter2".repeat(200);
    check("/v1/hash", json!({ "password": long }).to_string(), (422, "password-too-long")).await;
    check("/v1/hash", "x".repeat(70_000), (413, "payload-too-large")).await;
    check("/v1/login", json!({ "username": "a", "password": "hunter2" }).to_string(), malformed)
        .await;
    check("/nowhere", json!({}).to_string(), (404, "not-found")).await;
    check("/v1/nodes", json!({}).to_string(), (405, "method-not-allowed")).await;
    let verify = |encoded: &str| json!({ "password": "hunter2", "encoded": encoded }).to_string();
    check("/v1/verify", verify("$2b$12$hunter2"), (422, "unsupported-format")).await;
    for bomb in
        ["m=4294967295,t=1,p=1", "m=64,t=4294967295,p=1", "m=64,t=1,p=4294967295", "m=64,t=0,p=1"]
    {
        let encoded = format!("$argon2id$v=19${bomb}$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlA");
        check("/v1/verify", verify(&encoded), (422, "cost-out-of-bounds")).await;
    }
    let url = format!("http://{}/v1/hash", pod.api);
    let text = send(client().post(url).body("{}")).await;
    assert_eq!(text.problem(), (415, "unsupported-media-type".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_work_is_refused_at_once_with_a_time_to_come_back() {
    let mut config = config();
    config.routing.deadline_ms = 1;
    config.password.argon2id.memory_mib = 64;
    let pod = start(&config).await;
    let answer = post(&pod, "/v1/hash", json!({ "password": "p" })).await;
    assert_eq!(answer.problem(), (503, "overloaded".to_owned()));
    assert_eq!(answer.retry_after.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_give_a_request_less_time_but_not_more() {
    let mut config = config();
    config.password.argon2id.memory_mib = 64;
    config.password.argon2id.iterations = 4;
    let pod = start(&config).await;
    let within = async |deadline_ms: &str| {
        let request = call(&client(), &pod, "/v1/hash", json!({ "password": "p" }).to_string());
        send(request.header("Authcluster-Deadline-Ms", deadline_ms)).await
    };
    assert_eq!(within("1").await.problem(), (503, "overloaded".to_owned()));
    assert_eq!(within("29999").await.status, 200);
    assert_eq!(within("soon").await.problem(), (400, "malformed-request".to_owned()));
    config.routing.deadline_ms = 1;
    let pod = start(&config).await;
    let request = call(&client(), &pod, "/v1/hash", json!({ "password": "p" }).to_string());
    let answer = send(request.header("Authcluster-Deadline-Ms", "60000")).await;
    assert_eq!(answer.problem(), (503, "overloaded".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_has_two_requests_at_once_and_others_are_not_kept_waiting() {
    let mut config = config();
    // A quarter of a second on the fastest path: all of them are there before the first one is answered.
    (config.password.argon2id.memory_mib, config.password.argon2id.iterations) = (28, 64);
    let pod = start(&config).await;
    let login = |name: &str| json!({ "username": name, "password": "p", "encoded": null });
    let client = client();
    let at_once = [(); 6].map(|()| call(&client, &pod, "/v1/login", login("alice").to_string()));
    let mut answers = Vec::new();
    for answer in futures::future::join_all(at_once.map(send)).await {
        if answer.status == 200 {
            answers.push(200);
        } else {
            assert_eq!(answer.problem(), (429, "user-busy".to_owned()));
            assert_eq!(answer.retry_after.as_deref(), Some("1"));
            answers.push(429);
        }
    }
    answers.sort_unstable();
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 2, "{answers:?}");
    assert_eq!(post(&pod, "/v1/login", login("bob")).await.status, 200);
    assert_eq!(post(&pod, "/v1/login", login("alice")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_need_a_known_token_with_the_scope() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    // printf %s letmein-letmein-letmein-letmein-letmein | sha256sum
    let digest = "04c6f316186c159b0e20b215adfbf53f4e59a089cc5c0f2d5deb2e18264d2221";
    writeln!(
        file,
        "[[clients]]\nname = \"shop\"\nrealm = \"shop\"\nscopes = [\"Hash\"]\ntoken_sha256 = [\"{digest}\"]"
    )
    .unwrap();
    let config = HasherConfig { clients_file: Some(file.path().into()), ..config() };
    let pod = start(&config).await;
    let send_as = async |path: &str, token: Option<&str>| {
        let request = call(&client(), &pod, path, json!({ "password": "p" }).to_string());
        send(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
        .await
    };
    let good = Some("letmein-letmein-letmein-letmein-letmein");
    assert_eq!(send_as("/v1/hash", good).await.status, 200);
    assert_eq!(send_as("/v1/hash", None).await.problem(), (401, "unauthenticated".to_owned()));
    assert_eq!(
        send_as("/v1/hash", Some("wrong")).await.problem(),
        (401, "unauthenticated".to_owned())
    );
    assert_eq!(send_as("/v1/login", good).await.problem(), (403, "forbidden".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate_file = folder.path().join("tls.crt");
    let private_key_file = folder.path().join("tls.key");
    std::fs::write(&certificate_file, made.cert.pem()).unwrap();
    std::fs::write(&private_key_file, made.signing_key.serialize_pem()).unwrap();
    let config = HasherConfig { tls: Some(Tls { certificate_file, private_key_file }), ..config() };
    let pod = start(&config).await;
    drop(client());
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let url = format!("https://localhost:{}/v1/nodes", pod.api.port());
    let answer = send(client.get(url)).await;
    assert_eq!(answer.json()["nodes"][0]["node"], "pod");
}

#[tokio::test(flavor = "multi_thread")]
async fn admitted_work_is_finished_while_probes_say_that_the_pod_drains() {
    let mut config = config();
    // Half a second of work on the fastest path, so that the drain is seen on a busy machine.
    config.password.argon2id.iterations = 64;
    let pod = start(&config).await;
    let (client, readyz) = (client(), format!("http://{}/readyz", pod.admin));
    let body = json!({ "password": "p" }).to_string();
    let calls: Vec<_> =
        (0..8).map(|_| tokio::spawn(send(call(&client, &pod, "/v1/hash", body.clone())))).collect();
    // All of it is admitted before the pod is told to end.
    let local = std::sync::Arc::clone(&pod.local);
    let began = tokio::time::Instant::now();
    while local.offered().total().0 < 8 * 7 * 64 {
        assert!(began.elapsed() < Duration::from_secs(30), "not all calls arrived");
        tokio::task::yield_now().await;
    }
    assert_eq!(send(client.get(&readyz)).await.status, 200);
    let ended = tokio::spawn(pod.shut_down());
    while send(client.get(&readyz)).await.body != "draining\n" {
        assert!(began.elapsed() < Duration::from_secs(30), "the drain was not seen");
    }
    assert!(ended.await.unwrap());
    for call in calls {
        assert_eq!(call.await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_to_leave_before_their_connections_are_closed() {
    let pod = start(&config()).await;
    let (client, url) = (client(), format!("http://{}/v1/nodes", pod.api));
    let keeps = async || {
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.headers().get("connection").is_none_or(|it| it != "close")
    };
    assert!(keeps().await);
    let ended = tokio::spawn(pod.shut_down());
    // Each of them is answered, on the connection that was open or, after the farewell, on none.
    let told = async { while keeps().await {} };
    tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
    assert!(ended.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_metrics_are_on_their_own_port() {
    let pod = start(&config()).await;
    hash(&pod, "p").await;
    let get = async |path: &str| send(client().get(format!("http://{}{path}", pod.admin))).await;
    assert_eq!(get("/livez").await.status, 200);
    assert_eq!(get("/readyz").await.status, 200);
    let metrics = get("/metrics").await.body;
    let line = "authcluster_hasher_requests_total{route=\"/v1/hash\",code=\"ok\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lanes_measured_at_start_is_there_once_the_pod_is_ready() {
    let pod = start(&config()).await;
    let admin = async |path: &str| send(client().get(format!("http://{}{path}", pod.admin))).await;
    assert_eq!(admin("/readyz").await.status, 200);
    hash(&pod, "p").await;
    let metrics = admin("/metrics").await.body;
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        value.unwrap_or_else(|| panic!("{name} is not in {metrics}"))
    };
    for step in ["argon2-first", "argon2-next", "bcrypt", "md5", "sha256", "des", "scrypt", "map"] {
        let ps = value(&format!("authcluster_hasher_step_picoseconds{{step=\"{step}\""));
        assert!(ps > 1.0, "{step} takes {ps} ps");
    }
    let [busy, cpu] =
        ["busy", "cpu"].map(|it| value(&format!("authcluster_hasher_lane_{it}_seconds_total")));
    assert!(0.0 < cpu && cpu < busy * 1.1, "{cpu} s of {busy} s");
    // Priced by that: a cost more is twice the work.
    let units = async |cost: u32| {
        let encoded = format!("$2b${cost}$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK");
        let said = post(&pod, "/v1/inspect", json!({ "encoded": encoded })).await.json();
        assert!(said["estimated_ms"].as_u64() > Some(0), "{said}");
        said["units"].as_u64().unwrap()
    };
    let (ten, eleven) = (units(10).await, units(11).await);
    assert!((2 * ten - 2..=2 * ten).contains(&eleven), "{ten} and {eleven} units");
}
