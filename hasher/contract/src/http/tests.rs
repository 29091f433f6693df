//! Requests are read strictly; problems look as documented.

use super::*;

#[test]
fn login_tells_an_unknown_user_from_a_forgotten_field() {
    let read = serde_json::from_str::<LoginRequest>;
    let unknown = read(r#"{"username":"a","password":"b","encoded":null}"#).unwrap();
    assert!(unknown.encoded.is_none());
    let error = read(r#"{"username":"a","password":"b"}"#).unwrap_err().to_string();
    assert!(error.contains("missing field `encoded`"), "{error}");
    let error = read(r#"{"username":"a","password":"b","encoded":null,"sesion":{}}"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `sesion`"), "{error}");
}

#[test]
fn requests_never_show_their_secrets() {
    let json = r#"{"username":"a","password":"hunter2","encoded":"$argon2id$x"}"#;
    let request: LoginRequest = serde_json::from_str(json).unwrap();
    let shown = format!("{request:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("argon2id"), "{shown}");
}

#[test]
fn a_problem_is_spelled_as_in_rfc_9457() {
    let problem = Code::Overloaded.problem("try again in 1 s");
    let json = serde_json::to_value(&problem).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "type": "urn:authcluster:problem:overloaded",
            "title": "Overloaded",
            "status": 503,
            "code": "overloaded",
            "detail": "try again in 1 s",
        })
    );
}

#[test]
fn codes_are_spelled_alike_in_json_and_metrics() {
    for code in Code::ALL.iter().copied() {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        assert_eq!(serde_json::from_value::<Code>(code.as_str().into()).unwrap(), code);
    }
}

#[test]
fn a_new_hash_is_made_only_for_who_asks_and_never_shown() {
    let read = serde_json::from_str::<LoginRequest>;
    assert!(!read(r#"{"username":"a","password":"b","encoded":null}"#).unwrap().migrate);
    assert!(
        read(r#"{"username":"a","password":"b","encoded":null,"migrate":true}"#).unwrap().migrate
    );
    let [encoded, replaces, commit] = ["$argon2id$x", "$1$y", "token"].map(str::to_owned);
    let rehash = Rehash { encoded, replaces, commit };
    assert_eq!(format!("{rehash:?}"), "Rehash(..)");
    let commit: CommitRequest =
        serde_json::from_str(r#"{"username":"a","commit":"token"}"#).unwrap();
    assert!(!format!("{commit:?}").contains("token"));
}

#[test]
fn the_numbers_in_words_are_those_in_force() {
    let longest = format!("longer than {} bytes", crate::limits::PASSWORD_BYTES_MAX);
    assert!(Code::PasswordTooLong.meaning().contains(&longest));
    let largest = format!("at most {} KiB", crate::limits::BODY_BYTES_MAX / 1024);
    assert!(Code::PayloadTooLarge.remedy().contains(&largest));
}
