//! Stories of one user: `b1a` = token 1 begins to replace hash a, `c1` commits, `r1` gives up, `+9` lets time
//! pass. A lock lives for 30, a status for 100.

use authcluster_contract::cost::Cost;
use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};

use super::*;
use crate::formats::Bounds;

fn digest(name: &str) -> MigrationDigest {
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap();
    let user = keys.user(&Realm::new("shop").unwrap(), "alice").unwrap();
    keys.stored_hash(&user, name)
}

#[track_caller]
fn check(story: &str, expect: &str) {
    let (mut state, mut now_ms, mut said) = (State::default(), 0, Vec::new());
    for step in story.split_whitespace() {
        let (what, names) = step.split_at(1);
        let (token, replaces) = names.split_at(1);
        match what {
            "+" => now_ms += names.parse::<i64>().unwrap(),
            "b" => {
                let claim = Claim { token: digest(token), replaces: digest(replaces) };
                said.push(format!("{:?}", begin(&mut state, &claim, 30, now_ms)));
            }
            "c" => said.push(format!("{:?}", commit(&mut state, &digest(token), 100, now_ms))),
            "r" => said.push(format!("{:?}", release(&mut state, &digest(token), now_ms))),
            other => panic!("{other}"),
        }
    }
    assert_eq!(said.join(" "), expect, "{story}");
}

#[test]
fn one_login_migrates_and_the_others_do_not() {
    check("b1a b2a b3a", "Granted Held Held");
    check("b1a b1a", "Granted Granted");
    check("b1a c1 b2a b3b", "Granted Committed Replaced Granted");
    check("b1a r1 b2a", "Granted true Granted");
    check("b1a r2 b2a", "Granted false Held");
}

#[test]
fn what_nobody_commits_is_tried_again() {
    check("b1a +29 b2a +1 b2a", "Granted Held Granted");
    check("b1a +30 c1", "Granted Lost");
    // The one that was too slow changes nothing of the next one's (bsm/redislock#94).
    check("b1a +30 b2a c1 b3a c2 b3a", "Granted Granted Lost Held Committed Replaced");
    check("b1a +30 b2a r1 b3a", "Granted Granted false Held");
}

#[test]
fn a_commit_can_be_sent_again() {
    check("b1a c1 c1 +99 c1 +1 c1", "Granted Committed Replayed Replayed Lost");
    check("c1", "Lost");
    // Of two migrations the later one is remembered.
    check("b1a c1 b2b c2 c1 c2 b3a", "Granted Committed Granted Committed Lost Replayed Granted");
}

#[test]
fn a_replaced_hash_is_forgotten_in_the_end() {
    check("b1a c1 +99 b2a +1 b2a", "Granted Committed Replaced Granted");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
fn a_new_hash_leaves_half_of_the_queue_to_logins() {
    let now = Instant::now();
    let check = |left_ms: u64, service_ms: u64, expect_ms: u64| {
        let ms = Duration::from_millis;
        let by = hash_deadline(now, now + ms(left_ms), ms(service_ms));
        assert_eq!(by - now, ms(expect_ms), "{left_ms} {service_ms}");
    };
    check(1_000, 20, 500);
    // A hash that takes long is not given up for that.
    check(700, 300, 600);
    check(700, 400, 700);
    check(0, 20, 0);
    let by = hash_deadline(now + Duration::from_millis(1), now, Duration::from_millis(20));
    assert!(by <= now + Duration::from_millis(1), "it is too late for anything");
}

#[test]
fn a_new_hash_is_never_less_work_than_the_old_one() {
    let cost = Cost { memory_kib: 19_456, iterations: 2, parallelism: 1 };
    let policy = Policy { cost, pepper: None };
    let check = |parameters: &str, expect: (u32, u32)| {
        let encoded =
            format!("$argon2id$v=19${parameters}$YWFhYWFhYWFhYWFhYWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ");
        let stored = Stored::parse(&encoded, &Bounds::default()).unwrap();
        let Cost { memory_kib, iterations, parallelism } = new_hash(&stored, &policy).cost;
        assert_eq!((memory_kib, iterations, parallelism), (expect.0, expect.1, 1), "{parameters}");
    };
    check("m=7168,t=1,p=1", (19_456, 2));
    // OWASP's fifth set, as strong as its second: five passes of little memory are less work.
    check("m=7168,t=5,p=1", (19_456, 2));
    check("m=65536,t=1,p=4", (65_536, 2));
    check("m=8192,t=40,p=1", (19_456, 40));
    let bcrypt = "$2b$14$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";
    let stored = Stored::parse(bcrypt, &Bounds::default()).unwrap();
    assert_eq!(new_hash(&stored, &policy).cost, cost);
    // What bcrypt was wrapped in counts as if it stood alone.
    let setting = "$2b$14$abcdefghijklmnopqrstuu...............................";
    let argon2id = "$argon2id$v=19$m=65536,t=1,p=1$YWFhYWFhYWFhYWFhYWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ";
    let wrapped = authcluster_contract::wrapped::join(argon2id, setting);
    let cost = new_hash(&Stored::parse(&wrapped, &Bounds::default()).unwrap(), &policy).cost;
    assert_eq!((cost.memory_kib, cost.iterations), (65_536, 2));
}
