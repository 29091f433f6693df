//! What becomes of a copy, row by row: what is there, what is done, what is said and what is left.

use authcluster_contract::user::{UserKeyMaker, UsernameCase};

use super::*;

const NOW: u64 = 1_000_000;

fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

fn user() -> UserKey {
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap();
    keys.user(&realm("shop"), "alice").unwrap()
}

fn a_put(over: Over) -> Put {
    Put {
        realm: realm("shop"),
        user: user(),
        content: Content {
            username: "a".to_owned(),
            user_id: "7".to_owned(),
            data: "b".to_owned(),
            key: String::new(),
        },
        idle_ms: 16_000,
        spare_ms: 0,
        left_ms: 60_000,
        created_ms: None,
        generation: "g".to_owned(),
        critical: true,
        over,
    }
}

/// Makes what a word says.
fn there(word: &str) -> At<Kept> {
    let mut at = None;
    if word == "nothing" {
        return at;
    }
    assert!(put(&mut at, &a_put(Over::Nothing), NOW));
    match word {
        "live" => {}
        "rotated" => assert!(rotate(&mut at, &realm("shop"), &SessionDigest::of("new"), NOW)),
        "revoked" => {
            let revoked = Revoke { realm: realm("shop"), bury_ms: 0, rotated_too: false };
            assert!(matches!(revoke(&mut at, &revoked, NOW), RevokeReply::Ended { .. }));
        }
        _ => panic!("{word}"),
    }
    at
}

fn word(at: &At<Kept>, now_ms: u64) -> String {
    match at {
        None => "nothing".to_owned(),
        Some(kept) => {
            let kind = match kept.value {
                Kept::Live(_) => "live",
                Kept::Rotated(_) => "rotated",
                Kept::Revoked(_) => "revoked",
            };
            format!("{kind} for {}", kept.expires_ms - now_ms)
        }
    }
}

#[test]
fn a_session_takes_only_its_own_place() {
    let check = |before: &str, over: Over, expect: &str| {
        let mut at = there(before);
        let kept = put(&mut at, &a_put(over), NOW);
        assert_eq!(format!("{kept}: {}", word(&at, NOW)), expect, "{before}");
    };
    let to = |id: &str| Over::Rotation(SessionDigest::of(id));
    check("nothing", Over::Nothing, "true: live for 16000");
    check("live", Over::Nothing, "false: live for 16000");
    check("revoked", Over::Nothing, "false: revoked for 60000");
    check("rotated", Over::Nothing, "false: rotated for 60000");
    check("rotated", to("new"), "true: live for 16000");
    check("rotated", to("other"), "false: rotated for 60000");
    check("revoked", to("new"), "false: revoked for 60000");
    check("revoked", Over::Anything, "true: live for 16000");
}

#[test]
fn a_touch_is_bounded_and_raises_nothing() {
    let check = |before: &str, later_ms: u64, touch: bool, expect: &str| {
        let mut at = there(before);
        let now_ms = NOW + later_ms;
        let how = Read { realm: realm("shop"), grace_ms: 10_000, touch };
        let said = match read(&mut at, &how, now_ms) {
            ReadReply::Live(found) => {
                format!("live {} {} {}", found.expires_in_ms, found.left_ms, found.backup_due)
            }
            ReadReply::Rotated { in_grace, .. } => format!("rotated {in_grace}"),
            other => format!("{other:?}"),
        };
        assert_eq!(format!("{said}: {}", word(&at, now_ms)), expect, "{before} {later_ms}");
    };
    check("nothing", 0, true, "Missing: nothing");
    check("live", 999, true, "live 16000 59001 false: live for 16000");
    check("live", 1_000, true, "live 16000 59000 true: live for 16000");
    check("live", 1_000, false, "live 15000 59000 false: live for 15000");
    check("live", 16_000, true, "Missing: nothing");
    check("revoked", 1_000, true, "Revoked: revoked for 59000");
    check("rotated", 9_999, true, "rotated true: rotated for 50001");
    check("rotated", 10_000, true, "rotated false: rotated for 50000");
    check("rotated", 60_000, true, "Missing: nothing");
    let mut at = there("live");
    for _ in 0..4 {
        let how = Read { realm: realm("shop"), grace_ms: 0, touch: true };
        let later_ms = at.as_ref().unwrap().expires_ms - 1;
        assert!(matches!(read(&mut at, &how, later_ms), ReadReply::Live(_) | ReadReply::Missing));
    }
    assert_eq!(at.as_ref().map(|kept| kept.expires_ms), Some(NOW + 60_000), "never beyond its end");
}

#[test]
fn an_end_leaves_a_tombstone_for_as_long_as_the_session_had() {
    let check = |before: &str, bury_ms: u64, rotated_too: bool, expect: &str| {
        let mut at = there(before);
        let how = Revoke { realm: realm("shop"), bury_ms, rotated_too };
        let said = match revoke(&mut at, &how, NOW + 1_000) {
            RevokeReply::Ended { left_ms, .. } => format!("Ended {left_ms}"),
            RevokeReply::Rotated(_) => "Rotated".to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(format!("{said}: {}", word(&at, NOW + 1_000)), expect, "{before}");
    };
    check("nothing", 0, false, "Missing: nothing");
    check("nothing", 5_000, false, "Missing: revoked for 5000");
    check("live", 5_000, false, "Ended 59000: revoked for 59000");
    check("revoked", 0, false, "Revoked { critical: true }: revoked for 59000");
    check("rotated", 0, false, "Rotated: rotated for 59000");
    check("rotated", 0, true, "Rotated: revoked for 59000");
}

#[test]
fn another_realm_sees_and_changes_nothing() {
    for before in ["live", "rotated", "revoked"] {
        let mut at = there(before);
        let other = realm("other");
        let how = Read { realm: other.clone(), grace_ms: 10_000, touch: true };
        assert_eq!(read(&mut at, &how, NOW), ReadReply::OtherRealm);
        let how = Revoke { realm: other.clone(), bury_ms: 5_000, rotated_too: true };
        assert_eq!(revoke(&mut at, &how, NOW), RevokeReply::OtherRealm);
        assert!(!rotate(&mut at, &other, &SessionDigest::of("new"), NOW));
        assert!(at == there(before));
    }
}

#[test]
fn of_two_rotations_one_is_first_and_may_ask_again() {
    let (first, second) = (SessionDigest::of("first"), SessionDigest::of("second"));
    let mut at = there("live");
    assert!(rotate(&mut at, &realm("shop"), &first, NOW));
    assert!(!rotate(&mut at, &realm("shop"), &second, NOW));
    assert!(rotate(&mut at, &realm("shop"), &first, NOW), "the same call, sent twice");
    assert!(!rotate(&mut there("revoked"), &realm("shop"), &first, NOW));
    assert!(!rotate(&mut None, &realm("shop"), &first, NOW));
}
