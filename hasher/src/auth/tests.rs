//! Who is known, and what they may do.

use super::*;

const TOKEN: &str = "secret-token-secret-token-secret-token";

fn digest(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn auth(scopes: &str) -> Auth {
    let digest = digest(TOKEN);
    let text = format!(
        "[[clients]]\nname = \"shop\"\nrealm = \"shop\"\nscopes = [{scopes}]\n\
         token_sha256 = [\"{}\", \"{digest}\"]\n",
        "0".repeat(64)
    );
    Auth::from_toml(&text).unwrap()
}

fn ask(auth: &Auth, authorization: Option<&str>) -> Result<String, Code> {
    let mut headers = HeaderMap::new();
    if let Some(value) = authorization {
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
    }
    let caller = auth.authenticate(&headers);
    let may = caller.and_then(|caller| caller.require(Scope::Login).map(|()| caller));
    may.map(|caller| caller.realm.as_str().to_owned()).map_err(|error| error.code())
}

#[test]
fn a_token_gives_realm_and_scopes() {
    let auth = auth("\"Login\"");
    assert_eq!(ask(&auth, Some(&format!("Bearer {TOKEN}"))), Ok("shop".to_owned()));
    assert_eq!(ask(&auth, Some(&format!("bearer {TOKEN} "))), Ok("shop".to_owned()));
    let wrong = format!("Bearer {}", TOKEN.replace('n', "m"));
    for wrong in [None, Some(wrong.as_str()), Some("Bearer "), Some(TOKEN), Some("")] {
        assert_eq!(ask(&auth, wrong), Err(Code::Unauthenticated), "{wrong:?}");
    }
}

#[test]
fn an_empty_or_short_token_is_refused_without_comparing_it() {
    // No file loads with the digest of an empty token, so the list is built by hand.
    let caller = Caller::everyone("shop").unwrap();
    let known = ["", "short-token"].map(|token| (Sha256::digest(token).into(), caller.clone()));
    let auth = Auth(ArcSwap::from_pointee(Known::Listed(known.into())));
    for wrong in ["Bearer ", "Bearer  ", "bearer \t", "Bearer short-token"] {
        assert_eq!(ask(&auth, Some(wrong)), Err(Code::Unauthenticated), "{wrong:?}");
    }
}

#[test]
fn a_scope_that_is_missing_is_another_answer() {
    assert_eq!(ask(&auth("\"Hash\""), Some(&format!("Bearer {TOKEN}"))), Err(Code::Forbidden));
    assert_eq!(ask(&auth(""), Some(&format!("Bearer {TOKEN}"))), Err(Code::Forbidden));
}

#[test]
fn without_a_file_everyone_is_the_local_caller() {
    assert_eq!(ask(&Auth::everyone().unwrap(), None), Ok("default".to_owned()));
}

#[test]
fn a_bad_file_is_refused_in_words_without_its_digests_and_replaces_nothing() {
    let auth = auth("\"Login\"");
    let check = |text: &str, expect: &str| {
        assert_eq!(auth.replace(text).unwrap_err().to_string(), expect);
        assert_eq!(ask(&auth, Some(&format!("Bearer {TOKEN}"))), Ok("shop".to_owned()));
    };
    let one = |digests: &str| {
        format!(
            "[[clients]]\nname = \"a\"\nrealm = \"a\"\nscopes = []\ntoken_sha256 = [{digests}]\n"
        )
    };
    check(&one("\"abc\""), "caller a: each of token_sha256 must be 64 hexadecimal digits");
    check(
        &one(&format!("\"{}\"", "g".repeat(64))),
        "caller a: each of token_sha256 must be 64 hexadecimal digits",
    );
    check(&one(""), "caller a has no token_sha256");
    check(
        &one(&format!("\"{}\"", digest(""))),
        "caller a: one of token_sha256 is the digest of an empty token",
    );
    let shared = one(&format!("\"{}\"", digest(TOKEN)));
    check(
        &format!("{shared}{}", shared.replace("\"a\"", "\"b\"")),
        "callers a and b have the same token: each of token_sha256 must be unique",
    );
    let upper = digest(TOKEN).to_uppercase();
    check(
        &one(&format!("\"{}\", \"{upper}\"", digest(TOKEN))),
        "callers a and a have the same token: each of token_sha256 must be unique",
    );
    check("[[clients]]\nname = 1\n", "the file of callers is not of the documented shape (line 2)");
    auth.replace("").unwrap();
    assert_eq!(ask(&auth, Some(&format!("Bearer {TOKEN}"))), Err(Code::Unauthenticated));
}
