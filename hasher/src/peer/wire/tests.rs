//! What is written is read again, by newer and older versions too, and nothing secret shows.

use expect_test::{Expect, expect};

use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};

use super::*;

const STORED: &str = "$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$c2VjcmV0c2VjcmV0c2VjcmV0";

fn password(bytes: &[u8]) -> Password {
    Password::from_bytes(bytes.to_vec()).expect("short enough")
}

fn verify(bytes: &[u8]) -> Job {
    let stored = Stored::parse(STORED, &Bounds::default()).expect("a PHC string");
    Job::Verify { password: password(bytes), stored: Arc::new(stored) }
}

fn written(job: &Job, wait_max: Option<Duration>) -> Zeroizing<Vec<u8>> {
    let now = crate::clock::now();
    let terms = Terms { wait_max, ..Terms::until(now + Duration::from_micros(1_000_900)) };
    encode_job(&"node-0".parse().expect("a name"), (None, job), &terms, now)
        .expect("it can be written")
}

#[test]
fn a_job_is_read_as_it_was_written() {
    let cost = Cost { memory_kib: 19_456, iterations: 2, parallelism: 1 };
    // A password may be any bytes, line feeds and none at all included.
    for bytes in [b"" as &[u8], b"\n", b"{\"a\":1}\n\0\xff", "p\u{e4}ss".as_bytes()] {
        let policy = Policy { cost, pepper: None };
        let jobs = [Job::Hash { password: password(bytes), policy }, verify(bytes)];
        for job in jobs {
            for wait_max in [None, Some(Duration::from_millis(50))] {
                let asked = decode_job(&written(&job, wait_max), &Bounds::default()).expect("read");
                assert_eq!((asked.from.as_str(), asked.wait_max), ("node-0", wait_max));
                assert_eq!(asked.deadline, Duration::from_millis(1_000));
                assert_eq!(
                    (asked.job.demand(), asked.job.tries_max()),
                    (job.demand(), job.tries_max())
                );
                match asked.job {
                    Job::Hash { password, .. } | Job::Verify { password, .. } => {
                        assert_eq!(password.expose(), bytes);
                    }
                    Job::Wrap { .. } => panic!("another job"),
                }
            }
        }
    }
}

#[test]
fn whose_job_it_is_goes_along() {
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).expect("long enough");
    let user = keys.user(&Realm::new("shop").expect("a realm"), "alice").expect("a name");
    let (now, from) = (crate::clock::now(), "node-0".parse().expect("a name"));
    let terms = Terms::until(now);
    for who in
        [None, Some(Who { user: user.clone(), known: false }), Some(Who { user, known: true })]
    {
        let written = encode_job(&from, (who.as_ref(), &verify(b"pw")), &terms, now);
        let asked = decode_job(&written.expect("it can be written"), &Bounds::default());
        assert_eq!(asked.expect("read").who, who);
    }
    let reply = Reply { load: Units(7), answer: Answer::UserBusy };
    let written = encode_reply(reply).expect("it can be written");
    assert_eq!(String::from_utf8_lossy(&written), r#"{"load":7,"answer":"user_busy"}"#);
    assert!(matches!(decode_reply(&written).expect("read").answer, Answer::UserBusy));
}

#[test]
fn the_form_is_fixed() {
    let check = |job: &Job, wait_max, form: Expect| {
        form.assert_eq(&String::from_utf8_lossy(&written(job, wait_max)));
    };
    check(
        &verify(b"secret"),
        None,
        expect![[r#"
            {"from":"node-0","deadline_ms":1000,"job":{"verify":{"encoded":"$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$c2VjcmV0c2VjcmV0c2VjcmV0"}}}
            secret"#]],
    );
    let cost = Cost { memory_kib: 19_456, iterations: 2, parallelism: 1 };
    check(
        &Job::Hash { password: password(b"secret"), policy: Policy { cost, pepper: None } },
        Some(Duration::from_millis(50)),
        expect![[r#"
            {"from":"node-0","deadline_ms":1000,"wait_max_ms":50,"job":{"hash":{"memory_kib":19456,"iterations":2,"parallelism":1}}}
            secret"#]],
    );
    // Of the pepper its name alone.
    check(
        &Job::Hash {
            password: password(b"secret"),
            policy: Policy { cost, pepper: Some(pepper()) },
        },
        None,
        expect![[r#"
            {"from":"node-0","deadline_ms":1000,"job":{"hash_peppered":{"cost":{"memory_kib":19456,"iterations":2,"parallelism":1},"key":"2026"}}}
            secret"#]],
    );
}

fn pepper() -> Pepper {
    Pepper::new("2026".parse().expect("a key id"), b"cGVwcGVyIHBlcHBlciBwZXBwZXI=").expect("one")
}

#[test]
fn a_pod_without_the_pepper_cannot_and_one_with_it_makes_the_hash_with_it() {
    let cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
    let policy = Policy { cost, pepper: Some(pepper()) };
    let made = written(&Job::Hash { password: password(b"secret"), policy }, None);
    let with = Bounds { peppers: [pepper()].into_iter().collect(), ..Bounds::default() };
    match decode_job(&made, &with).expect("read").job {
        Job::Hash { policy, .. } => {
            assert_eq!(policy.pepper.map(|it| it.id()), Some(pepper().id()))
        }
        Job::Verify { .. } | Job::Wrap { .. } => panic!("another job"),
    }
    let error = decode_job(&made, &Bounds::default()).expect_err("without the pepper");
    assert_eq!(error.to_string(), "pepper 2026 is not here");
    let encoded = STORED.replace("p=1", "p=1,keyid=MjAyNg");
    let stored = Arc::new(Stored::parse(&encoded, &with).expect("a PHC string"));
    let verify = written(&Job::Verify { password: password(b"secret"), stored }, None);
    assert!(decode_job(&verify, &with).is_ok());
    let error = decode_job(&verify, &Bounds::default()).expect_err("without the pepper");
    assert_eq!(error.to_string(), "the stored hash was made with pepper 2026, which is not here");
}

#[test]
fn other_versions_are_understood_or_told_so() {
    let check = |head: &str, expect: &str| {
        let seen = match decode_job(format!("{head}\nsecret").as_bytes(), &Bounds::default()) {
            Ok(asked) => format!("{asked:?}"),
            Err(error) => error.to_string(),
        };
        assert!(!seen.contains("secret") && !seen.contains("c2Fs"), "{seen}");
        assert!(seen.starts_with(expect), "{head}: {seen}");
    };
    let hash = |m: u32, t: u32, p: u32| {
        format!(
            r#"{{"from":"n","deadline_ms":9,"trace":"x","job":{{"hash":{{"memory_kib":{m},"iterations":{t},"parallelism":{p},"data":1}}}}}}"#
        )
    };
    check(&hash(8, 1, 1), "Asked");
    check(&hash(7, 1, 1), "the new hash costs more");
    check(&hash(64, 1, 0), "the new hash costs more");
    check(&hash(u32::MAX, 1, 1), "the new hash costs more");
    check(&hash(8, 1025, 1), "the new hash costs more");
    check(&hash(1024 * 1024, 33, 1), "the new hash costs more");
    check(&hash(1024, 1, u32::MAX), "the new hash costs more");
    let verify = |encoded: &str| {
        format!(r#"{{"from":"n","deadline_ms":9,"job":{{"verify":{{"encoded":"{encoded}"}}}}}}"#)
    };
    check(&verify(STORED), "Asked");
    check(&verify(&STORED.replace("t=1,", "t=2000,")), "the stored hash has t 2000");
    check(&verify("secret"), "the stored hash is of no supported format");
    let unknown = "this version does not know such a job";
    check(r#"{"from":"n","deadline_ms":9,"job":{"bcrypt":{"encoded":"secret"}}}"#, unknown);
    check(r#"{"from":"n","deadline_ms":"secret","job":"secret"}"#, unknown);
    check("", unknown);
    assert!(matches!(decode_job(b"no line feed", &Bounds::default()), Err(CannotError::Unknown)));
    let long = [b"{}\n".as_slice(), &[b'x'; PASSWORD_BYTES_MAX + 1]].concat();
    assert!(matches!(decode_job(&long, &Bounds::default()), Err(CannotError::Unknown)));
}

#[test]
fn an_answer_is_read_as_it_was_written() {
    let check = |answer: Answer, form: &str| {
        let written = encode_reply(Reply { load: Units(7), answer }).expect("it can be written");
        assert_eq!(String::from_utf8_lossy(&written), form);
        let read = decode_reply(&written).expect("it can be read");
        assert_eq!(encode_reply(read).expect("again"), written);
    };
    check(
        Answer::Done(Outcome::Hashed("$x".to_owned())),
        r#"{"load":7,"answer":{"hashed":{"encoded":"$x"}}}"#,
    );
    check(
        Answer::Done(Outcome::Verified(true)),
        r#"{"load":7,"answer":{"verified":{"matches":true}}}"#,
    );
    check(
        Answer::Refused(Refused { wait: Duration::from_millis(90) }),
        r#"{"load":7,"answer":{"refused":{"wait_ms":90}}}"#,
    );
    check(Answer::Cannot("no".to_owned()), r#"{"load":7,"answer":{"cannot":{"why":"no"}}}"#);
    check(Answer::Failed("no".to_owned()), r#"{"load":7,"answer":{"failed":{"why":"no"}}}"#);
    let newer = br#"{"load":7,"lanes":2,"answer":{"refused":{"wait_ms":90,"queue":3}}}"#;
    assert!(matches!(decode_reply(newer), Some(Reply { answer: Answer::Refused(_), .. })));
    assert!(decode_reply(br#"{"load":7,"answer":{"postponed":{}}}"#).is_none());
    assert!(decode_reply(b"<html>").is_none());
}
