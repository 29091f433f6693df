//! What a configuration may say.

use authcluster_contract::config::RedisTls;

use super::*;

#[test]
fn a_seed_is_a_host_and_a_port() {
    let check = |seed: &str, expect: Option<(&str, u16)>| {
        let expect = expect.map(|(host, port)| Address { host: host.to_owned(), port });
        assert_eq!(parse_seed(seed), expect, "{seed}");
    };
    check("my-redis:6379", Some(("my-redis", 6379)));
    check("10.0.0.1:1", Some(("10.0.0.1", 1)));
    check("[::1]:6379", Some(("::1", 6379)));
    check("::1:6379", None);
    check("my-redis", None);
    check("my-redis:0", None);
    check("my-redis:66000", None);
    check(":6379", None);
    check("redis://my-redis:6379", None);
    check("user@my-redis:6379", None);
}

#[test]
fn a_missing_password_is_said_before_the_pod_starts() {
    let redis = |username: Option<&str>, file: &str| Redis {
        username: username.map(str::to_owned),
        password_file: Some(file.into()),
        ..Redis::at(vec!["localhost:6379".to_owned()])
    };
    let error = Settings::of(&redis(None, "/nowhere")).unwrap_err();
    assert!(matches!(error, SettingsError::NoUsername));
    let error = Settings::of(&redis(Some("hasher"), "/nowhere")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read redis.password_file /nowhere");
}

#[test]
fn nothing_shows_the_password() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2\n").unwrap();
    let settings = Settings::of(&Redis {
        username: Some("hasher".to_owned()),
        password_file: Some(file.path().into()),
        ..Redis::at(vec!["localhost:6379".to_owned()])
    })
    .unwrap();
    assert_eq!(settings.password().unwrap().unwrap().as_str(), "hunter2");
    let shown = format!("{settings:?} {:?}", settings.client(&settings.seeds[0]).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn an_authority_is_checked_before_the_pod_starts() {
    let redis = |file: &Path| Redis {
        tls: Some(RedisTls { ca_file: file.into() }),
        ..Redis::at(vec!["localhost:6379".to_owned()])
    };
    let error = Settings::of(&redis("/nowhere".as_ref())).unwrap_err();
    assert_eq!(error.to_string(), "cannot read redis.tls.ca_file /nowhere");
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Settings::of(&redis(file.path())).unwrap_err();
    assert!(matches!(error, SettingsError::NoAuthority { .. }));
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    std::fs::write(file.path(), made.pem()).unwrap();
    assert!(Settings::of(&redis(file.path())).is_ok());
}

#[test]
fn a_call_has_time_for_an_answer_and_for_replicas() {
    let settings = |call_timeout_ms| {
        let at = Redis::at(vec!["localhost:6379".to_owned()]);
        Settings::of(&Redis { call_timeout_ms, ..at })
    };
    let check = |call_timeout_ms, expect: [u64; 3]| {
        let Bounds { call, response, replication } = settings(call_timeout_ms).unwrap().bounds;
        assert_eq!([call, response, replication], expect.map(Duration::from_millis));
    };
    check(500, [500, 150, 250]);
    check(50, [50, 15, 25]);
    for odd in [0, 49, 60_001] {
        let error = settings(odd).unwrap_err().to_string();
        assert_eq!(error, format!("redis.call_timeout_ms: {odd} is not from 50 to 60000"));
    }
}
