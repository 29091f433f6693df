//! Clear text is taken whole or refused, and never shown.

use super::*;

fn secret(text: &str) -> SecretString {
    SecretString::new(text.to_owned())
}

#[test]
fn exactly_one_form_is_taken() {
    let check = |text: Option<&str>, b64: Option<&str>, expect: Result<&[u8], PasswordError>| {
        let b64 = b64.map(secret);
        let got = Password::from_forms(text.map(secret), b64.as_ref());
        assert_eq!(got.as_ref().map(Password::expose).map_err(|error| *error), expect);
    };
    check(Some("pässword"), None, Ok("pässword".as_bytes()));
    check(None, Some("/w=="), Ok(&[0xff]));
    check(Some(""), None, Ok(b""));
    check(None, None, Err(PasswordError::NotExactlyOne));
    check(Some("a"), Some("YQ=="), Err(PasswordError::NotExactlyOne));
    check(None, Some("/w"), Err(PasswordError::NotBase64));
}

#[test]
fn a_long_password_is_refused_whole() {
    let at_limit = "x".repeat(PASSWORD_BYTES_MAX);
    assert!(Password::from_forms(Some(secret(&at_limit)), None).is_ok());
    let above = at_limit + "x";
    let got = Password::from_forms(Some(secret(&above)), None);
    assert_eq!(got.unwrap_err(), PasswordError::TooLong);
}

#[test]
fn debug_shows_nothing() {
    let password = Password::from_bytes(b"hunter2".to_vec()).unwrap();
    assert_eq!(format!("{password:?} {:?}", secret("hunter2")), "Password(..) SecretString(..)");
}
