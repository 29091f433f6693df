//! Migration as a caller meets it: a whole pod in this process, and a user table beside it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, and waits with real bounds"
)]

#[path = "shared/pod.rs"]
mod pod;

use std::io::Write as _;
use std::time::{Duration, Instant};

use authcluster_contract::config::{HasherConfig, Migration};
use authcluster_contract::pepper::PepperFolder;
use authcluster_hasher::start::Running;
use serde_json::{Value, json};

/// From the test suites of `crypt_blowfish` and passlib.
const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";
const DES_OF_21_CHARACTERS: &str = "um.Wguz3eVCx2";

const BOUND: Duration = Duration::from_secs(30);

fn config() -> HasherConfig {
    let migration = Migration { lock_seconds: 600, ..Migration::default() };
    HasherConfig { migration, ..pod::config() }
}

/// A pod, and how to speak to it.
struct World {
    pod: Running,
    client: reqwest::Client,
}

impl World {
    async fn start(config: &HasherConfig) -> Self {
        Self { pod: pod::start(config).await, client: pod::client() }
    }

    fn request(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        pod::call(&self.client, &self.pod, path, body.to_string())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    async fn call(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(self.request(path, &body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn login(&self, name: &str, password: &str, encoded: &str) -> Value {
        self.call("/v1/login", login(name, password, encoded)).await
    }

    async fn commit(&self, name: &str, token: &Value) -> Value {
        let body = json!({ "username": name, "commit": token });
        self.call("/v1/migrations/commit", body).await["committed"].clone()
    }

    /// How often something became of a migration.
    async fn count(&self, event: &str) -> u64 {
        let url = format!("http://{}/metrics", self.pod.admin);
        let text = self.client.get(url).send().await.unwrap().text().await.unwrap();
        let name = format!("authcluster_hasher_migrations_total{{event=\"{event}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

fn login(name: &str, password: &str, encoded: &str) -> Value {
    json!({ "username": name, "password": password, "encoded": encoded, "migrate": true })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_hash_is_replaced_once_and_its_commit_can_be_sent_again() {
    let world = World::start(&config()).await;
    let answer = world.login("alice", "a", BCRYPT).await;
    assert_eq!((&answer["match"], &answer["needs_rehash"]), (&json!(true), &json!(true)));
    let rehash = &answer["rehash"];
    assert_eq!(rehash["replaces"], BCRYPT, "byte for byte as it was sent");
    let encoded = rehash["encoded"].as_str().unwrap();
    assert!(encoded.starts_with("$argon2id$v=19$m=7168,t=1,p=1$"), "{encoded}");
    // Until it is committed, nobody else makes another one.
    let second = world.login("alice", "a", BCRYPT).await;
    assert_eq!((&second["match"], second.get("rehash")), (&json!(true), None), "{second}");
    // The token is this user's alone.
    assert_eq!(world.commit("bob", &rehash["commit"]).await, false);
    assert_eq!(world.commit("alice", &json!("x")).await, false);
    assert_eq!(world.commit(" ALICE ", &rehash["commit"]).await, true, "another spelling of it");
    assert_eq!(world.commit("alice", &rehash["commit"]).await, true);
    // Who still has the old row gets no other one; who has the new one needs none.
    let stale = world.login("alice", "a", BCRYPT).await;
    assert_eq!((&stale["needs_rehash"], stale.get("rehash")), (&json!(true), None));
    let fresh = world.login("alice", "a", encoded).await;
    assert_eq!(fresh, json!({ "match": true, "needs_rehash": false, "reasons": [] }));
    let counted = [("offered", 1), ("held", 1), ("replaced", 1), ("committed", 1)];
    for (event, times) in counted.into_iter().chain([("committed-again", 1), ("commit-lost", 2)]) {
        assert_eq!(world.count(event).await, times, "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_migrated_unasked_or_without_the_password() {
    let world = World::start(&config()).await;
    let unasked = json!({ "username": "alice", "password": "a", "encoded": BCRYPT });
    assert_eq!(world.call("/v1/login", unasked).await.get("rehash"), None);
    let wrong = world.login("alice", "b", BCRYPT).await;
    assert_eq!(wrong, json!({ "match": false, "needs_rehash": false, "reasons": [] }));
    let mut unknown = login("alice", "a", "");
    unknown["encoded"] = Value::Null;
    assert_eq!(world.call("/v1/login", unknown).await, wrong);
    assert_eq!(world.login("alice", "a", "!").await, wrong);
    // None of them has taken the lock.
    assert!(world.login("alice", "a", BCRYPT).await.get("rehash").is_some());
    let off = Migration { enabled: false, ..Migration::default() };
    let world = World::start(&HasherConfig { migration: off, ..config() }).await;
    assert_eq!(world.login("alice", "a", BCRYPT).await.get("rehash"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verify_migrates_whoever_it_names() {
    let world = World::start(&config()).await;
    let mut verify = json!({ "password": "a", "encoded": BCRYPT, "migrate": true });
    let (status, problem) = world.send(world.request("/v1/verify", &verify)).await;
    assert_eq!((status, &problem["code"]), (400, &json!("malformed-request")));
    assert_eq!(
        problem["detail"],
        "`migrate` needs `user_id` or `username`: one user is migrated once"
    );
    verify["username"] = json!("alice");
    verify["password"] = json!("wrong");
    assert_eq!(world.call("/v1/verify", verify.clone()).await.get("rehash"), None);
    verify["password"] = json!("a");
    let answer = world.call("/v1/verify", verify.clone()).await;
    assert_eq!(
        (&answer["scheme"], &answer["rehash"]["replaces"]),
        (&json!("bcrypt"), &json!(BCRYPT))
    );
    verify["migrate"] = json!(false);
    verify["encoded"] = answer["rehash"]["encoded"].clone();
    let expect =
        json!({ "match": true, "needs_rehash": false, "reasons": [], "scheme": "argon2id" });
    assert_eq!(world.call("/v1/verify", verify).await, expect);
    // A login and a verify of one user share the lock.
    assert_eq!(world.login("alice", "a", BCRYPT).await.get("rehash"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stronger_hash_stays_as_it_is() {
    let mut strong = config();
    strong.password.argon2id.iterations = 3;
    let strong = World::start(&strong).await;
    let made = strong.call("/v1/hash", json!({ "password": "p" })).await;
    let encoded = made["encoded"].as_str().unwrap();
    let answer = World::start(&config()).await.login("alice", "p", encoded).await;
    assert_eq!(answer, json!({ "match": true, "needs_rehash": false, "reasons": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_time_for_a_new_hash_the_login_is_answered_and_the_lock_is_free() {
    let mut config = config();
    // More than a quarter of a second on the fastest path, next to a few milliseconds of the old hash.
    config.password.argon2id.memory_mib = 64;
    config.password.argon2id.iterations = 64;
    let world = World::start(&config).await;
    let begun = Instant::now();
    let answer = loop {
        let request = world.request("/v1/login", &login("alice", "a", BCRYPT));
        let (status, answer) = world.send(request.header("Authcluster-Deadline-Ms", "200")).await;
        // A machine that is busy may not even have time for the old one.
        if status == 200 {
            break answer;
        }
        assert!(begun.elapsed() < BOUND, "{answer}");
    };
    assert_eq!((&answer["match"], answer.get("rehash")), (&json!(true), None), "{answer}");
    assert_eq!(world.count("no-room").await, 1);
    offered_again(&world, "alice").await;
}

/// A login gets a new hash long before a lock ends by itself.
async fn offered_again(world: &World, name: &str) {
    let begun = Instant::now();
    while world.login(name, "a", BCRYPT).await.get("rehash").is_none() {
        assert!(begun.elapsed() < BOUND, "the lock is still held");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_leaves_no_lock_behind() {
    let mut config = config();
    config.password.argon2id.memory_mib = 64;
    config.password.argon2id.iterations = 32;
    let world = World::start(&config).await;
    let call = tokio::spawn(world.request("/v1/login", &login("alice", "a", BCRYPT)).send());
    // The new hash has been asked for, and so the lock is held.
    let begun = Instant::now();
    while world.pod.local.offered().total().0 < 64 * 32 {
        assert!(begun.elapsed() < BOUND, "no new hash was asked for");
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.is_err(), "the login was faster");
    offered_again(&world, "alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_ignored_the_end_of_the_password_is_kept() {
    let world = World::start(&config()).await;
    let typed = "Compl3X AlphaNu3meric";
    // Both are right, and nobody knows which of them the user has set.
    for typed in [typed, "Compl3X Typing error"] {
        let answer = world.login("alice", typed, DES_OF_21_CHARACTERS).await;
        assert_eq!((&answer["match"], answer.get("rehash")), (&json!(true), None), "{answer}");
        assert_eq!(answer["needs_rehash"], true);
    }
    // Wrapping it changes nothing of that.
    let rows = json!({ "rows": [{ "encoded": DES_OF_21_CHARACTERS }] });
    let wrapped = world.call("/v1/migrations/wrap", rows).await["rows"][0]["encoded"].clone();
    let answer = world.login("alice", "Compl3X Typing error", wrapped.as_str().unwrap()).await;
    assert_eq!((&answer["match"], answer.get("rehash")), (&json!(true), None), "{answer}");
    assert_eq!(world.count("ambiguous").await, 3);
    let short = world.login("bob", "dragon", "CCcMgHKAHJ1SA").await;
    assert!(short.get("rehash").is_some(), "{short}");
}

/// What was wrapped without a password (NixOS/hydra#916), or made without the pepper of today, ends as a plain
/// hash with it.
#[tokio::test(flavor = "multi_thread")]
async fn wrapped_and_unpeppered_hashes_become_plain_ones_with_the_pepper() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("2026"), "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
        .unwrap();
    let mut peppered = config();
    let current = "2026".parse().ok();
    peppered.password.pepper = Some(PepperFolder { folder: folder.path().into(), current });
    let (without, with) = (World::start(&config()).await, World::start(&peppered).await);
    let rows = json!({ "rows": [{ "encoded": BCRYPT }] });
    let wrapped = without.call("/v1/migrations/wrap", rows).await["rows"][0]["encoded"].clone();
    let plain = without.call("/v1/hash", json!({ "password": "a" })).await["encoded"].clone();
    for (name, encoded, reason) in [("alice", &wrapped, "wrapped"), ("bob", &plain, "pepper")] {
        let encoded = encoded.as_str().unwrap();
        let answer = with.login(name, "a", encoded).await;
        assert_eq!(answer["reasons"], json!([reason]), "{answer}");
        assert_eq!(answer["rehash"]["replaces"], encoded);
        let new = answer["rehash"]["encoded"].as_str().unwrap();
        assert!(new.starts_with("$argon2id$v=19$m=7168,t=1,p=1,keyid="), "{new}");
        assert_eq!(with.commit(name, &answer["rehash"]["commit"]).await, true);
        assert_eq!(with.login(name, "a", new).await["needs_rehash"], false);
    }
    // And where there is no pepper, a wrapped one is plain.
    let answer = without.login("carol", "a", wrapped.as_str().unwrap()).await;
    let new = answer["rehash"]["encoded"].as_str().unwrap();
    assert!(new.starts_with("$argon2id$v=19$m=7168,t=1,p=1$"), "{new}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_be_offered_a_hash_may_commit_it_in_its_realm() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let caller = |name: &str, realm: &str, scopes: &str| {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(name.repeat(8));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "[[clients]]\nname = \"{name}\"\nrealm = \"{realm}\"\nscopes = [{scopes}]\ntoken_sha256 = [\"{digest}\"]\n"
        )
    };
    for (name, realm, scopes) in [
        ("login", "shop", "\"Login\""),
        ("verify", "shop", "\"Verify\""),
        ("hash", "shop", "\"Hash\""),
        ("other", "other", "\"Login\""),
    ] {
        file.write_all(caller(name, realm, scopes).as_bytes()).unwrap();
    }
    let config = HasherConfig { clients_file: Some(file.path().into()), ..config() };
    let world = World::start(&config).await;
    let call = async |caller: &str, path: &str, body: Value| {
        world.send(world.request(path, &body).bearer_auth(caller.repeat(8))).await
    };
    let (_, answer) = call("login", "/v1/login", login("alice", "a", BCRYPT)).await;
    let commit = json!({ "username": "alice", "commit": answer["rehash"]["commit"] });
    let path = "/v1/migrations/commit";
    let (status, problem) = call("hash", path, commit.clone()).await;
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
    assert_eq!(problem["detail"], "caller hash lacks the scope Login or Verify");
    let other = call("other", path, commit.clone()).await;
    assert_eq!(other, (200, json!({ "committed": false })));
    assert_eq!(call("verify", path, commit).await, (200, json!({ "committed": true })));
}
