//! How a request names its user: by the caller's own id, or by the name as typed. A whole pod in this process.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

#[path = "shared/pod.rs"]
mod pod;

use authcluster_contract::config::{HasherConfig, RateRule, RateScope};
use authcluster_hasher::start::Running;
use serde_json::{Value, json};

/// Spellings that find the row `alice` under `utf8mb4_0900_ai_ci`, and an email address of that row.
const SPELLINGS: [&str; 4] =
    ["alice", "\u{e1}lice", "\u{ff41}\u{ff4c}\u{ff49}\u{ff43}\u{ff45}", "alice@example.com"];

/// A traditional digest of "right", which a login migrates.
const OLD: &str = "7c4f29407893c334a6cb7a87bf045c0d";

struct World {
    pod: Running,
    client: reqwest::Client,
}

impl World {
    async fn start(config: &HasherConfig) -> Self {
        Self { pod: pod::start(config).await, client: pod::client() }
    }

    async fn call(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = pod::call(&self.client, &self.pod, path, body.to_string()).send().await;
        let answer = answer.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap())
    }

    async fn ask(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(path, &body).await;
        assert_eq!(status, 200, "{path} {body} {answer}");
        answer
    }

    async fn hash(&self) -> Value {
        self.ask("/v1/hash", json!({ "password": "right" })).await["encoded"].clone()
    }

    async fn sessions_of(&self, user: Value) -> usize {
        self.ask("/v1/sessions/list", user).await["sessions"].as_array().unwrap().len()
    }
}

fn config(attempts: u32) -> HasherConfig {
    let mut config = pod::config();
    config.limits.rules =
        vec![RateRule { scope: RateScope::User, attempts, period_seconds: 3_600 }];
    config
}

/// Authelia CVE-2025-24806, Vault CVE-2025-6004.
#[tokio::test(flavor = "multi_thread")]
async fn spellings_that_find_one_row_have_one_set_of_limits_and_sessions() {
    let world = World::start(&config(3)).await;
    let encoded = world.hash().await;
    let login = |name: &str, password: &str| json!({ "user_id": "7", "username": name, "password": password, "encoded": encoded, "session": {} });
    for name in SPELLINGS {
        assert_eq!(world.ask("/v1/login", login(name, "right")).await["match"], true, "{name}");
    }
    assert_eq!(world.sessions_of(json!({ "user_id": "7" })).await, SPELLINGS.len());
    let ended = world.ask("/v1/sessions/revoke-all", json!({ "user_id": "7" })).await;
    assert_eq!(ended, json!({ "revoked": SPELLINGS.len() }));
    for (turn, name) in SPELLINGS.into_iter().enumerate() {
        let (status, _) = world.call("/v1/login", &login(name, "wrong")).await;
        assert_eq!(status, if turn < 3 { 200 } else { 429 }, "{name}");
    }
    // The name as such has used up nothing, nor has another user.
    for other in [json!({ "username": "alice" }), json!({ "username": "alice", "user_id": "8" })] {
        let mut body = login("", "wrong");
        body["user_id"] = other["user_id"].clone();
        body["username"] = other["username"].clone();
        assert_eq!(world.call("/v1/login", &body).await.0, 200, "{other}");
    }
    let reset = world.ask("/v1/limits/reset", json!({ "user_id": "7" })).await;
    assert_eq!(reset, json!({ "reset": true }));
    assert_eq!(world.call("/v1/login", &login("alice", "wrong")).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_and_a_name_of_the_same_letters_are_two_users() {
    let world = World::start(&config(1)).await;
    let (by_id, by_name) = (json!({ "user_id": "alice" }), json!({ "username": "alice" }));
    world.ask("/v1/sessions", by_id.clone()).await;
    assert_eq!(world.sessions_of(by_name.clone()).await, 0);
    world.ask("/v1/sessions", by_name.clone()).await;
    assert_eq!(world.ask("/v1/sessions/revoke-all", by_name).await, json!({ "revoked": 1 }));
    assert_eq!(world.sessions_of(by_id).await, 1);
    // An id is taken byte for byte.
    for other in ["Alice", " alice", "alice ", "\u{e1}lice"] {
        assert_eq!(world.sessions_of(json!({ "user_id": other })).await, 0, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_names_its_user_as_it_was_created() {
    let world = World::start(&config(100)).await;
    let encoded = world.hash().await;
    for named in [
        json!({ "username": " Alice " }),
        json!({ "user_id": "7" }),
        json!({ "username": "Alice", "user_id": "7" }),
    ] {
        let mut login = json!({ "password": "right", "encoded": encoded, "session": {} });
        login.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
        let by_login = world.ask("/v1/login", login).await["session"]["id"].clone();
        let created = world.ask("/v1/sessions", named.clone()).await["id"].clone();
        let rotated = world.ask("/v1/sessions/rotate", json!({ "session": created })).await;
        for session in [by_login, rotated["session"]["id"].clone()] {
            let live = world.ask("/v1/sessions/introspect", json!({ "session": session })).await;
            assert_eq!(live["active"], true);
            for field in ["username", "user_id"] {
                assert_eq!(live.get(field), named.get(field), "{named} {live}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_is_of_the_user_with_the_id() {
    let world = World::start(&config(100)).await;
    let login = json!({ "username": "alice", "user_id": "7", "password": "right", "encoded": OLD, "migrate": true });
    let commit = world.ask("/v1/login", login).await["rehash"]["commit"].clone();
    assert!(commit.is_string());
    for (named, committed) in [("username", false), ("user_id", true)] {
        let mut body = json!({ "commit": commit });
        body[named] = json!(if committed { "7" } else { "alice" });
        let answer = world.ask("/v1/migrations/commit", body).await;
        assert_eq!(answer, json!({ "committed": committed }));
    }
    let verify = json!({ "user_id": "8", "password": "right", "encoded": OLD, "migrate": true });
    assert!(world.ask("/v1/verify", verify).await["rehash"].is_object());
    world.ask("/v1/hash", json!({ "user_id": "8", "password": "right" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_contradict_the_row_or_each_other_are_refused_and_charged_nothing() {
    let world = World::start(&config(1)).await;
    let refused = async |path: &str, body: Value, expect: &str| {
        let (status, answer) = world.call(path, &body).await;
        assert_eq!((status, &answer["code"]), (400, &json!("malformed-request")), "{path} {body}");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains(expect), "{path} {body} {detail}");
        assert!(!detail.contains("hunter2"), "{detail}");
    };
    let login = |named: Value, encoded: Value| {
        let mut body = json!({ "password": "wrong", "encoded": encoded });
        body.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
        body
    };
    let both = json!({ "username": "alice", "user_id": "7" });
    refused("/v1/login", login(both, Value::Null), "leave `user_id` out where no row").await;
    refused("/v1/login", login(json!({}), Value::Null), "as typed as `username`").await;
    refused("/v1/login", login(json!({}), json!(OLD)), "send `user_id`, or `username`").await;
    for path in ["/v1/sessions", "/v1/sessions/list", "/v1/sessions/revoke-all", "/v1/limits/reset"]
    {
        refused(path, json!({}), "send `user_id`, or `username`").await;
        refused(path, json!({ "user_id": "" }), "the user_id is empty").await;
        refused(path, json!({ "user_id": "hunter2\n" }), "the user_id holds a control").await;
        refused(path, json!({ "user_id": "x".repeat(513) }), "longer than 512 bytes").await;
        refused(path, json!({ "user_id": 7 }), "wrong type").await;
        let name = json!({ "username": "hunter2\u{200b}", "user_id": "7" });
        refused(path, name, "a format character").await;
    }
    refused("/v1/migrations/commit", json!({ "commit": "x" }), "send `user_id`").await;
    let verify = json!({ "password": "p", "encoded": OLD, "migrate": true });
    refused("/v1/verify", verify, "`migrate` needs `user_id` or `username`").await;
    // The answer is the same with and without a row.
    for character in ["\u{200b}", "\u{200d}", "\u{feff}", "\u{ad}", "\u{202e}", "\u{fe0f}"] {
        let typed = format!("ali{character}ce");
        let with_row = json!({ "username": typed, "user_id": "7" });
        refused("/v1/login", login(with_row, json!(OLD)), "a format character").await;
        let without = json!({ "username": typed });
        refused("/v1/login", login(without, Value::Null), "a format character").await;
    }
    let alice = login(json!({ "username": "alice" }), Value::Null);
    assert_eq!(world.call("/v1/login", &alice).await.0, 200);
    // A row whose hash is missing.
    let blank = login(json!({ "username": "alice", "user_id": "7" }), json!(""));
    assert_eq!(world.ask("/v1/login", blank).await["match"], false);
}
