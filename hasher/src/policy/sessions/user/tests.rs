//! A user's generation and index.

use super::*;

const NOW: u64 = 1_000_000;

fn entry(digest: &str, left_ms: u64, entries_max: u64) -> Join {
    let digest = SessionDigest::of(digest);
    Join { candidate: format!("g-{left_ms}"), digest, left_ms, keep_ms: left_ms + 60, entries_max }
}

#[test]
fn a_generation_lives_as_long_as_any_session() {
    let mut keys = UserKeys::default();
    let first = join(&mut keys, &entry("a", 1_000, 9), NOW);
    assert_eq!(first, Joined { generation: "g-1000".to_owned(), count: 1 });
    assert_eq!(join(&mut keys, &entry("b", 500, 9), NOW).generation, "g-1000", "there is one");
    assert_eq!(keys.generation.as_ref().unwrap().expires_ms, NOW + 1_060, "never shorter");
    join(&mut keys, &entry("c", 5_000, 9), NOW);
    assert_eq!(keys.generation.as_ref().unwrap().expires_ms, NOW + 5_060);
    assert_eq!(keys.sessions.as_ref().unwrap().expires_ms, NOW + 5_000);
    assert_eq!(generation(&mut keys, NOW + 5_060), None);
}

#[test]
fn the_index_holds_what_has_not_ended_and_not_too_much() {
    let mut keys = UserKeys::default();
    for (digest, left_ms) in [("a", 1_000), ("b", 3_000), ("c", 2_000)] {
        join(&mut keys, &entry(digest, left_ms, 9), NOW);
    }
    let in_order = |digests: &[&str]| {
        digests.iter().map(|digest| SessionDigest::of(digest)).collect::<Vec<_>>()
    };
    assert_eq!(list(&mut keys, NOW).sessions, in_order(&["a", "c", "b"]));
    assert_eq!(list(&mut keys, NOW + 1_000).sessions, in_order(&["c", "b"]));
    assert_eq!(join(&mut keys, &entry("d", 9_000, 2), NOW + 1_000).count, 2);
    assert_eq!(list(&mut keys, NOW + 1_000).sessions, in_order(&["b", "d"]), "c ends first");
    leave(&mut keys, &in_order(&["b", "x"]), NOW + 1_000);
    assert_eq!(list(&mut keys, NOW + 1_000).sessions, in_order(&["d"]));
    leave(&mut keys, &in_order(&["d"]), NOW + 1_000);
    assert_eq!(keys.sessions, None);
}

#[test]
fn a_new_generation_leaves_no_session() {
    let mut keys = UserKeys::default();
    join(&mut keys, &entry("a", 1_000, 9), NOW);
    join(&mut keys, &entry("b", 5_000, 9), NOW);
    let new = Replace { generation: "new".to_owned(), keep_ms: 7_000 };
    assert_eq!(replace(&mut keys, &new, NOW + 1_000), 1, "one had ended");
    assert_eq!(generation(&mut keys, NOW + 1_000).as_deref(), Some("new"));
    assert_eq!(list(&mut keys, NOW + 1_000).sessions, []);
    assert_eq!(replace(&mut keys, &new, NOW + 1_000), 0);
}
