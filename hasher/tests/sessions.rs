//! The calls about sessions as a caller meets them: a whole pod in this process, with its state in memory.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

#[path = "shared/pod.rs"]
mod pod;

use std::io::Write as _;

use authcluster_contract::config::{HasherConfig, SessionEncryption};
use authcluster_hasher::start::{Running, start};
use serde_json::{Value, json};

/// Of the realms `shop` and `blog`; `verify` of `shop` has another scope.
const TOKENS: [(&str, &str, &str, &str); 3] = [
    // printf %s shop-shop-shop-shop-shop-shop-shop-shop | sha256sum, and so on.
    ("shop", "Sessions", "shop-shop-shop-shop-shop-shop-shop-shop", SHOP),
    ("blog", "Sessions", "blog-blog-blog-blog-blog-blog-blog-blog", BLOG),
    ("shop", "Verify", "verify-verify-verify-verify-verify-verify-verify-verify", VERIFY),
];
const SHOP: &str = "73a9f7b5620033566ecff5c352eadaa92577535a840248f798a1d7a4966f7d87";
const BLOG: &str = "b6e6b78f8b3f6e6d69145dd78801a3c98ecdc8de1bc7f9404b1ef8a7d088811b";
const VERIFY: &str = "f0ee5eba6ca83767e2c082a8d6f326510f1a587028c8d5d214c84cbbbe9231c5";

struct World {
    pod: Running,
    client: reqwest::Client,
    _clients: tempfile::NamedTempFile,
}

impl World {
    async fn new(change: impl FnOnce(&mut HasherConfig)) -> Self {
        let mut clients = tempfile::NamedTempFile::new().unwrap();
        for (number, (realm, scope, _, digest)) in TOKENS.into_iter().enumerate() {
            writeln!(
                clients,
                "[[clients]]\nname = \"caller-{number}\"\nrealm = \"{realm}\"\nscopes = [\"{scope}\"]\n\
                 token_sha256 = [\"{digest}\"]"
            )
            .unwrap();
        }
        let clients_file = Some(clients.path().into());
        let mut config = HasherConfig { clients_file, ..pod::config() };
        change(&mut config);
        Self { pod: pod::start(&config).await, client: pod::client(), _clients: clients }
    }

    /// Calls as the caller with this token.
    async fn call(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let request =
            pod::call(&self.client, &self.pod, &format!("/v1/sessions{path}"), body.to_string());
        let answer = request.bearer_auth(token).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// Calls as `shop`, and is answered.
    async fn ask(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(TOKENS[0].2, path, &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn create(&self, body: Value) -> String {
        let created = self.ask("", body).await;
        assert_eq!(created["expires_in_seconds"], 43_200);
        created["id"].as_str().unwrap().to_owned()
    }

    async fn active(&self, id: &str) -> bool {
        self.ask("/introspect", json!({ "session": id })).await["active"] == true
    }

    async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.pod.admin);
        self.client.get(url).send().await.unwrap().text().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_needs_no_password_where_the_caller_knows_the_user() {
    let world = World::new(|_| ()).await;
    let id =
        world.create(json!({ "username": "Alice", "data": "via sso", "critical": true })).await;
    // 32 bytes in base64url, which say nothing of the session.
    assert_eq!(id.len(), 43);
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{id}");
    let live = world.ask("/introspect", json!({ "session": id })).await;
    let expect = json!({ "active": true, "username": "Alice", "data": "via sso", "expires_in_seconds": 3600 });
    assert_eq!(live, expect);
    let unknown = world.ask("/introspect", json!({ "session": "no-such-id" })).await;
    assert_eq!(unknown, json!({ "active": false }), "and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_rotated_and_its_late_use_ends_the_session() {
    let world = World::new(|config| config.sessions.rotation_grace_seconds = 0).await;
    let old = world.create(json!({ "username": "alice", "data": "d" })).await;
    let answer = world.ask("/rotate", json!({ "session": old })).await;
    assert_eq!(answer["rotated"], true);
    let new = answer["session"]["id"].as_str().unwrap().to_owned();
    assert_ne!(new, old);
    let left = answer["session"]["expires_in_seconds"].as_u64().unwrap();
    assert!((43_190..=43_200).contains(&left), "{left}");
    let live = world.ask("/introspect", json!({ "session": new })).await;
    assert_eq!((&live["username"], &live["data"]), (&json!("alice"), &json!("d")));
    let again = world.ask("/rotate", json!({ "session": old })).await;
    assert_eq!(again, json!({ "rotated": false }));
    assert!(!world.active(&new).await, "whoever has the old id may have stolen it");
    let metrics = world.metrics().await;
    for event in ["rotated", "reused"] {
        let line = format!("authcluster_hasher_sessions_total{{event=\"{event}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
    let route = "authcluster_hasher_requests_total{route=\"/v1/sessions/rotate\",code=\"ok\"} 2";
    assert!(metrics.contains(route), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_answered_during_the_grace() {
    let world = World::new(|config| config.sessions.rotation_grace_seconds = 300).await;
    let old = world.create(json!({ "username": "alice" })).await;
    let new = world.ask("/rotate", json!({ "session": old })).await["session"]["id"].clone();
    assert!(world.active(&old).await);
    assert!(world.active(new.as_str().unwrap()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_sessions_are_listed_and_ended_one_by_one_or_at_once() {
    let world = World::new(|config| config.sessions.per_user_max = 3).await;
    let alice = |data: &str| json!({ "username": "alice", "data": data });
    let (a, b) = (world.create(alice("a")).await, world.create(alice("b")).await);
    let other = world.create(json!({ "username": "bob" })).await;
    // One user, however the name is spelled.
    let listed = world.ask("/list", json!({ "username": " ALICE" })).await;
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    for session in sessions {
        let created = session["created_at"].as_str().unwrap();
        assert!(created.starts_with("20") && created.ends_with('Z'), "{created}");
        assert_eq!(session["critical"], false);
        assert_eq!(session["expires_in_seconds"], 3_600);
        assert!(!listed.to_string().contains(&a) && !listed.to_string().contains(&b));
    }
    let of_a = sessions.iter().find(|session| session["data"] == "a").unwrap();
    // A handle is no id.
    assert!(!world.active(of_a["handle"].as_str().unwrap()).await);
    let handle = json!({ "handle": of_a["handle"] });
    assert_eq!(world.ask("/revoke", handle.clone()).await, json!({ "revoked": true }));
    assert_eq!(world.ask("/revoke", handle).await, json!({ "revoked": false }));
    assert!(!world.active(&a).await);
    assert!(world.active(&b).await);
    for data in ["c", "d", "e"] {
        world.create(alice(data)).await;
    }
    assert!(!world.active(&b).await, "the oldest made room");
    let ended = world.ask("/revoke-all", json!({ "username": "alice" })).await;
    assert_eq!(ended, json!({ "revoked": 3 }));
    let listed = world.ask("/list", json!({ "username": "alice" })).await;
    assert_eq!(listed, json!({ "sessions": [] }));
    assert!(world.active(&other).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_realm_never_meets_a_session() {
    let world = World::new(|_| ()).await;
    let id = world.create(json!({ "username": "alice" })).await;
    let handle =
        world.ask("/list", json!({ "username": "alice" })).await["sessions"][0]["handle"].clone();
    let as_blog = async |path: &str, body: Value, expect: Value| {
        let (status, answer) = world.call(TOKENS[1].2, path, &body).await;
        assert_eq!((status, answer), (200, expect), "{path}");
    };
    as_blog("/introspect", json!({ "session": id }), json!({ "active": false })).await;
    as_blog("/rotate", json!({ "session": id }), json!({ "rotated": false })).await;
    as_blog("/revoke", json!({ "session": id }), json!({ "revoked": false })).await;
    as_blog("/revoke", json!({ "handle": handle }), json!({ "revoked": false })).await;
    as_blog("/list", json!({ "username": "alice" }), json!({ "sessions": [] })).await;
    as_blog("/revoke-all", json!({ "username": "alice" }), json!({ "revoked": 0 })).await;
    assert!(world.active(&id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let world = World::new(|_| ()).await;
    let check = async |path: &str, body: Value, expect: &str| {
        let (status, problem) = world.call(TOKENS[0].2, path, &body).await;
        assert_eq!((status, &problem["code"]), (400, &json!("malformed-request")), "{path}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(expect), "{detail}");
    };
    let long = "x".repeat(4_097);
    check("", json!({ "username": "a", "data": long }), "longer than 4096 bytes").await;
    check("", json!({ "username": "" }), "empty").await;
    check("", json!({ "username": "x".repeat(513) }), "longer than 512 bytes").await;
    check("", json!({ "username": "a", "critcal": true }), "unknown field `critcal`").await;
    check("", json!({}), "send `user_id`, or `username`").await;
    check("/rotate", json!({ "session": "a", "data": "b" }), "unknown field `data`").await;
    check("/revoke", json!({}), "exactly one of").await;
    check("/revoke", json!({ "session": "a", "handle": "b" }), "exactly one of").await;
    check("/revoke", json!({ "handle": "}{" }), "`handle` is not one").await;
    check("/list", json!({ "username": "a", "all": true }), "unknown field `all`").await;
    check("/revoke-all", json!({ "user": "a" }), "unknown field `user`").await;
    for path in ["", "/introspect", "/rotate", "/revoke", "/list", "/revoke-all"] {
        let (status, problem) = world.call(TOKENS[2].2, path, &json!({})).await;
        assert_eq!((status, &problem["code"]), (403, &json!("forbidden")), "{path}");
        let (status, problem) = world.call("nobody-nobody-nobody", path, &json!({})).await;
        assert_eq!((status, &problem["code"]), (401, &json!("unauthenticated")), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_sealed_with_the_keys_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let encryption =
        SessionEncryption { keys_folder: folder.path().to_owned(), current_key: "2026".to_owned() };
    let mut sealed = pod::config();
    sealed.sessions.encryption = Some(encryption.clone());
    let Err(error) = start(&sealed, "pod".parse().unwrap()).await else { unreachable!("no key") };
    assert!(format!("{error:#}").contains("has no such file: add it"), "{error:#}");
    let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    std::fs::write(folder.path().join("2026"), key).unwrap();
    let world = World::new(|config| config.sessions.encryption = Some(encryption)).await;
    let id = world.create(json!({ "username": "alice", "data": "d" })).await;
    let new = world.ask("/rotate", json!({ "session": id })).await["session"]["id"].clone();
    let live = world.ask("/introspect", json!({ "session": new })).await;
    assert_eq!((&live["username"], &live["data"]), (&json!("alice"), &json!("d")));
    let listed = world.ask("/list", json!({ "username": "alice" })).await;
    assert_eq!(listed["sessions"][0]["data"], "d");
}
