//! A file is read whole or refused in words that say what to do.

use super::*;
use crate::formats::Family;

fn refused(text: &str) -> String {
    HasherConfig::from_toml(text).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_a_pod_alone_on_loopback() {
    let config = HasherConfig::from_toml("").unwrap();
    assert_eq!(config, HasherConfig::default());
    assert!(config.listen.api.ip().is_loopback());
}

#[test]
fn what_is_written_reads_back() {
    let tls =
        Tls { certificate_file: "/tls/tls.crt".into(), private_key_file: "/tls/tls.key".into() };
    let config = HasherConfig {
        listen: Listen { api: ([0, 0, 0, 0], 8443).into(), admin: ([0, 0, 0, 0], 9090).into() },
        tls: Some(tls.clone()),
        clients_file: Some("/clients/clients.toml".into()),
        lanes: Some(2),
        users: Users { key_file: Some("/keys/user".into()), case: UsernameCase::Sensitive },
        redis: Some(Redis {
            seeds: vec!["demo-redis:6379".to_owned()],
            username: Some("hasher".to_owned()),
            password_file: Some("/redis/hasher".into()),
            tls: Some(RedisTls { ca_file: "/redis/ca.crt".into() }),
            acknowledgements: 2,
            call_timeout_ms: 700,
        }),
        peers: Some(Peers {
            listen: ([0, 0, 0, 0], 8444).into(),
            tls,
            ca_file: "/peer/ca.crt".into(),
            name: "hasher.demo.default.authcluster.dev".to_owned(),
        }),
        password: PasswordPolicy {
            legacy: Some(Legacy { accept: vec![Family::Bcrypt, Family::Nt], ..Legacy::default() }),
            pepper: Some(PepperFolder {
                folder: "/peppers".into(),
                current: Some("2026".parse().unwrap()),
            }),
            ..PasswordPolicy::default()
        },
        ..HasherConfig::default()
    };
    assert_eq!(HasherConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn a_typo_is_an_error_that_names_it() {
    let error = refused("[password.argon2id]\nmemory_mb = 19\n");
    assert!(error.contains("unknown field `memory_mb`"), "{error}");
    assert!(error.contains("memory_mib"), "{error}");
}

#[test]
fn what_makes_no_sense_says_what_to_do() {
    let check = |text: &str, expect: &str| assert_eq!(refused(text), expect);
    check(
        "[listen]\napi = \"0.0.0.0:8080\"\n",
        "listen.api is 0.0.0.0:8080, which others can reach: set clients_file, or listen on loopback",
    );
    check(
        "clients_file = \"c\"\n[listen]\napi = \"0.0.0.0:8080\"\n",
        "listen.api is 0.0.0.0:8080, which others can reach: set tls, or listen on loopback",
    );
    check(
        "[redis]\nseeds = [\"a:6379\"]\n",
        "redis needs users.key_file: pods must agree on the keys of users",
    );
    check(
        "[users]\nkey_file = \"k\"\n[redis]\nseeds = []\n",
        "redis.seeds is empty: name at least one node as host:port",
    );
    check(
        "[sessions]\nidle_timeout_seconds = 10\nabsolute_timeout_seconds = 9\n",
        "sessions: 0 < idle_timeout_seconds <= absolute_timeout_seconds must hold",
    );
    check("[breaker]\nfailures = 0\n", "breaker: failures and recovery_seconds must be at least 1");
    check(
        "[routing]\njobs_per_user_max = 0\n",
        "routing.jobs_per_user_max is 0: nobody could log in",
    );
    check("[breaker]\nfailures = 0\n", "breaker: failures and recovery_seconds must be at least 1");
    check(
        "[password.argon2id]\nmemory_mib = 4\n",
        "password.argon2id.memory_mib is 4, and must be between 7 and 2048",
    );
    check(
        "[password.legacy]\nbcrypt_cost_max = 32\n",
        "password.legacy.bcrypt_cost_max must be between 4 and 31",
    );
    let error = refused("[password.pepper]\nfolder = \"/peppers\"\ncurrent = \"of-next-year\"\n");
    assert!(error.contains("a pepper's key id is 1 to 8 of"), "{error}");
}

#[test]
fn rules_of_sessions_are_bounded() {
    let check = |text: &str, expect: &str| {
        assert_eq!(refused(&format!("[sessions]\n{text}\n")), expect);
    };
    check(
        "rotation_grace_seconds = 301",
        "sessions.rotation_grace_seconds is 301, and must be at most 300",
    );
    check("per_user_max = 0", "sessions.per_user_max is 0, and must be between 1 and 1000");
    check("per_user_max = 1001", "sessions.per_user_max is 1001, and must be between 1 and 1000");
    check(
        "[sessions.encryption]\nkeys_folder = \"/keys\"\ncurrent_key = \"\"",
        "sessions.encryption.current_key is empty: name the file of a key",
    );
    let sealed = "[sessions.encryption]\nkeys_folder = \"/keys\"\ncurrent_key = \"2026\"\n";
    let config = HasherConfig::from_toml(sealed).unwrap();
    assert_eq!(HasherConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
    let none = HasherConfig::from_toml("[sessions]\nrotation_grace_seconds = 0\n").unwrap();
    assert_eq!(none.sessions.rotation_grace_seconds, 0);
}

#[test]
fn a_caller_without_scopes_may_do_what_a_login_service_does() {
    let caller = |scopes: &str| {
        let text = format!("[[clients]]\nname = \"a\"\nrealm = \"a\"\n{scopes}token_sha256 = []\n");
        let read: Clients = toml::from_str(&text).unwrap();
        read.clients.into_iter().next().unwrap().scopes
    };
    assert_eq!(caller(""), [Scope::Hash, Scope::Login, Scope::Sessions]);
    assert_eq!(caller("scopes = [\"Verify\"]\n"), [Scope::Verify]);
    assert_eq!(caller("scopes = []\n"), []);
}
