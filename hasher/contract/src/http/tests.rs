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
    for code in [
        Code::MalformedRequest,
        Code::Unauthenticated,
        Code::Forbidden,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::CriticalUnavailable,
        Code::PayloadTooLarge,
        Code::UnsupportedMediaType,
        Code::UnsupportedFormat,
        Code::CostOutOfBounds,
        Code::PasswordTooLong,
        Code::Throttled,
        Code::Internal,
        Code::Overloaded,
        Code::SessionsUnavailable,
        Code::LimitsUnavailable,
    ] {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}
