//! What is written, what comes back, and what it asks for.

use expect_test::{Expect, expect};
use redis::parse_redis_value;

use super::super::script::REVOKE_SESSION;
use super::*;

/// An answer as a server writes it.
fn said(line: &str) -> Value {
    parse_redis_value(format!("{line}\r\n").as_bytes()).unwrap()
}

fn error(line: &str) -> Failure {
    Failure::Answer(said(line).extract_error().unwrap_err())
}

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value")]
fn check(failure: Failure, expect: Expect) {
    let advice = |once| format!("{:?}", failure.advice("asked", once));
    let shown = match (advice(false), advice(true)) {
        (twice, once) if twice == once => twice,
        (twice, once) => format!("{twice}, once: {once}"),
    };
    let marks = [
        (failure.is_away(), "away"),
        (failure.is_corrupt(), "corrupt"),
        (failure.is_full(), "full"),
    ];
    let marks: Vec<_> = marks.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    expect.assert_eq(&format!("{shown} {}", marks.join(" ")));
}

#[test]
fn each_refusal_has_its_answer() {
    check(
        error("-MOVED 3999 10.0.0.1:6381"),
        expect![[r#"Moved(Address { host: "10.0.0.1", port: 6381 }) away"#]],
    );
    check(
        error("-MOVED 3999 :6381"),
        expect![[r#"Moved(Address { host: "asked", port: 6381 }) away"#]],
    );
    check(error("-MOVED 3999 nonsense"), expect!["Again away"]);
    check(
        error("-ASK 3999 10.0.0.1:6381"),
        expect![[r#"Ask(Address { host: "10.0.0.1", port: 6381 }) away"#]],
    );
    check(error("-NOSCRIPT No matching script."), expect!["SendText away"]);
    check(error("-READONLY You can't write against a read only replica."), expect!["Again away"]);
    check(error("-TRYAGAIN Multiple keys request during rehashing of slot"), expect!["Again away"]);
    check(error("-CLUSTERDOWN Hash slot not served"), expect!["GiveUp away"]);
    check(error("-LOADING Redis is loading the dataset in memory"), expect!["GiveUp away"]);
    check(error("-OOM command not allowed"), expect!["GiveUp full"]);
    check(error("-WRONGTYPE Operation against a key"), expect!["GiveUp corrupt"]);
    check(error("-CORRUPT a session without a realm"), expect!["GiveUp corrupt"]);
    check(Failure::Refused("x".to_owned()), expect!["GiveUp away"]);
    check(Failure::Silent("x".to_owned()), expect!["GiveUp away"]);
    let broken = (ErrorKind::Io, "gone").into();
    check(Failure::Broken("x".to_owned(), broken), expect!["Reconnect, once: GiveUp away"]);
    check(Failure::NotReplicated { wanted: 1, got: 0 }, expect!["GiveUp "]);
}

#[test]
fn what_asks_for_a_slot_on_its_way_is_one_piece_with_the_call() {
    let order = Order::Script { script: &REVOKE_SESSION, key: "session:{a}", arguments: &["shop"] };
    let words = |packed: &[u8]| {
        let text = std::str::from_utf8(packed).unwrap();
        let words = text.split("\r\n").filter(|word| !word.starts_with(['*', '$']));
        let words = words.filter(|word| word.len() < 40 && !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    };
    let plain = order.packed(Form::Digest, false).get_packed_pipeline();
    assert_eq!(words(&plain), "EVALSHA 1 session:{a} shop");
    let asking = order.packed(Form::Digest, true).get_packed_pipeline();
    assert_eq!(words(&asking), "ASKING EVALSHA 1 session:{a} shop");
    let wait = |time| words(&acknowledgement(2, time).get_packed_command());
    assert_eq!(wait(Duration::from_millis(250)), "WAIT 2 250");
    assert_eq!(wait(Duration::ZERO), "WAIT 2 1");
}

#[test]
fn the_answer_is_the_last_one() {
    let ends = |answers: &[&str]| match unpacked(answers.iter().map(|line| said(line)).collect()) {
        Ok(value) => format!("{value:?}"),
        Err(Failure::Answer(error)) => error.code().unwrap_or("nonsense").to_owned(),
        Err(other) => other.to_string(),
    };
    assert_eq!(ends(&[":7"]), "int(7)");
    assert_eq!(ends(&["+OK", ":7"]), "int(7)");
    assert_eq!(ends(&["+OK", "-MOVED 1 a:1"]), "MOVED");
    assert_eq!(ends(&[]), "nonsense");
}
