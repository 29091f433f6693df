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
        seeds: vec!["localhost:6379".to_owned()],
        username: username.map(str::to_owned),
        password_file: Some(file.into()),
        tls: None,
        acknowledgements: 1,
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
        seeds: vec!["localhost:6379".to_owned()],
        username: Some("hasher".to_owned()),
        password_file: Some(file.path().into()),
        tls: None,
        acknowledgements: 1,
    })
    .unwrap();
    assert_eq!(settings.password().unwrap().unwrap().as_str(), "hunter2");
    let shown = format!("{settings:?} {:?}", settings.client(&settings.seeds[0]).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn an_authority_is_checked_before_the_pod_starts() {
    let redis = |file: &std::path::Path| Redis {
        seeds: vec!["localhost:6379".to_owned()],
        username: None,
        password_file: None,
        tls: Some(RedisTls { ca_file: file.into() }),
        acknowledgements: 1,
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
