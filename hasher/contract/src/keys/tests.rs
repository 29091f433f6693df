//! The spelling of every key, and which of them share a slot.

use super::*;
use crate::user::{Realm, UserKeyMaker, UsernameCase};

fn slot(key: &str) -> Slot {
    Slot::of_key(key.as_bytes())
}

#[test]
fn keys_are_spelled_as_documented() {
    let node: NodeId = "demo-hasher-0".parse().unwrap();
    assert_eq!(node_load(&node), "node_load:{demo-hasher-0}");
    assert_eq!(node_capacity(&node), "node_capacity:{demo-hasher-0}");
    let digest = SessionDigest::of("abc");
    assert_eq!(
        session(&digest),
        "session:{ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}"
    );
}

#[test]
fn rates_are_counted_for_whoever_they_name() {
    let maker = UserKeyMaker::new(vec![1; 32], UsernameCase::default()).unwrap();
    let realm = Realm::new("r").unwrap();
    let user = maker.user(&realm, "u").unwrap();
    let address = maker.address(&realm, [192, 0, 2, 1].into()).own;
    let (u, a) = (user.as_str(), address.as_str());
    let check = |subject, expect: String| assert_eq!(rate(subject), expect);
    check(RateSubject::User(&user), format!("rate:{{user:{u}}}"));
    check(RateSubject::Address(&address), format!("rate:{{address:{a}}}"));
    check(RateSubject::UserAndAddress(&user, &address), format!("rate:{{pair:{u}:{a}}}"));
}

#[test]
fn a_backup_lies_in_the_partner_slot() {
    for id in ["a", "b", "c", "d", "e"] {
        let digest = SessionDigest::of(id);
        assert_eq!(slot(&session_backup(&digest)), slot(&session(&digest)).partner());
    }
}

#[test]
fn what_one_script_touches_lies_in_one_slot() {
    let maker = UserKeyMaker::new(vec![1; 32], UsernameCase::default()).unwrap();
    let user = maker.user(&Realm::new("r").unwrap(), "u").unwrap();
    assert_eq!(slot(&migration_lock(&user)), slot(&migration_status(&user)));
    assert_eq!(slot(&user_sessions(&user)), slot(&user_generation(&user)));
    assert_eq!(slot(&known_pair(&user)), slot(&login_failures(&user)));
    let node: NodeId = "n".parse().unwrap();
    assert_eq!(slot(&node_load(&node)), slot(&node_capacity(&node)));
}

#[test]
fn only_a_digest_reads_as_one() {
    let digest = SessionDigest::of("a");
    assert_eq!(SessionDigest::parse(digest.as_str()), Some(digest.clone()));
    let upper = digest.as_str().to_uppercase();
    for none in ["", "abc", "}{", &format!("{}0", digest.as_str()), upper.as_str()] {
        assert_eq!(SessionDigest::parse(none), None, "{none}");
    }
}
