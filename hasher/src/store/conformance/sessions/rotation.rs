//! Another id for a session that goes on, and what becomes of the old one.

use std::time::Duration;

use super::{Check, IDLE, realm};
use crate::store::Session;
use crate::store::conformance::GRACE;

pub(super) async fn check(check: Check<'_>) {
    a_session_goes_on_under_its_new_id(check).await;
    a_second_rotation_in_the_grace_harms_nothing(check).await;
    a_late_use_ends_the_session(check).await;
    a_late_rotation_ends_the_session(check).await;
    a_late_use_ends_the_end_of_a_chain(check).await;
    a_logout_under_an_old_id_ends_the_session(check).await;
    no_rotation_moves_the_end(check).await;
}

async fn a_session_goes_on_under_its_new_id(check: Check<'_>) {
    let kept = check.session("rotated");
    let old = check.create("rotated", &kept).await;
    let new = check.digest("rotated-new");
    assert!(check.rotate(&old, &new).await);
    let live = check.live(&new).await.unwrap();
    assert_eq!((live.username, live.data), (kept.username.clone(), kept.data.clone()));
    assert_eq!(live.user_id, kept.user_id);
    let under_way = check.live(&old).await.unwrap();
    assert_eq!(under_way.data, kept.data, "a request that was under way is answered");
    let listed = check.store.list_sessions(&kept.user, &realm("shop")).await.unwrap();
    assert_eq!(listed.iter().map(|one| &one.digest).collect::<Vec<_>>(), [&new]);
    assert!(check.revoke(&new).await);
    assert!(!check.is_live(&old).await, "an old id leads to nothing else");
}

async fn a_second_rotation_in_the_grace_harms_nothing(check: Check<'_>) {
    let old = check.create("twice", &check.session("twice")).await;
    let (first, second) = (check.digest("twice-first"), check.digest("twice-second"));
    let realm = realm("shop");
    let (one, other) = futures::future::join(
        check.store.rotate_session(&old, &first, &realm),
        check.store.rotate_session(&old, &second, &realm),
    )
    .await;
    let (one, other) = (one.unwrap().is_some(), other.unwrap().is_some());
    assert!(one != other, "exactly one of two: {one} {other}");
    assert_eq!((check.is_live(&first).await, check.is_live(&second).await), (one, other));
    assert!(!check.rotate(&old, &check.digest("twice-third")).await);
    assert_eq!((check.is_live(&first).await, check.is_live(&second).await), (one, other));
}

async fn a_late_use_ends_the_session(check: Check<'_>) {
    let old = check.create("reused", &check.session("reused")).await;
    let new = check.digest("reused-new");
    assert!(check.rotate(&old, &new).await);
    (check.pass)(GRACE + Duration::from_millis(100)).await;
    assert!(check.is_live(&new).await);
    assert!(!check.is_live(&old).await);
    assert!(!check.is_live(&new).await, "user and thief are not told apart, so both lose it");
    assert!(!check.is_live(&old).await);
    assert!(!check.revoke(&new).await);
}

async fn a_late_rotation_ends_the_session(check: Check<'_>) {
    let old = check.create("late", &check.session("late")).await;
    let new = check.digest("late-new");
    assert!(check.rotate(&old, &new).await);
    (check.pass)(GRACE + Duration::from_millis(100)).await;
    assert!(!check.rotate(&old, &check.digest("late-thief")).await);
    assert!(!check.is_live(&new).await);
    assert!(!check.is_live(&check.digest("late-thief")).await);
}

async fn a_late_use_ends_the_end_of_a_chain(check: Check<'_>) {
    let first = check.create("chain", &check.session("chain")).await;
    let mut last = first.clone();
    // One more than a revoke follows.
    for number in 0..66 {
        let next = check.digest(&format!("chain-{number}"));
        assert!(check.rotate(&last, &next).await);
        last = next;
    }
    (check.pass)(GRACE + Duration::from_millis(100)).await;
    assert!(check.is_live(&last).await);
    assert!(!check.is_live(&first).await);
    assert!(!check.is_live(&last).await);
}

async fn a_logout_under_an_old_id_ends_the_session(check: Check<'_>) {
    let old = check.create("logout", &check.session("logout")).await;
    let new = check.digest("logout-new");
    assert!(check.rotate(&old, &new).await);
    assert!(check.revoke(&old).await);
    assert!(!check.is_live(&new).await);
    assert!(!check.is_live(&old).await);
    assert!(!check.revoke(&old).await);
}

async fn no_rotation_moves_the_end(check: Check<'_>) {
    let absolute_timeout = IDLE + IDLE / 2;
    let kept = Session { absolute_timeout, ..check.session("end") };
    let first = check.create("end", &kept).await;
    (check.pass)(IDLE / 2).await;
    let second = check.digest("end-second");
    let realm = realm("shop");
    let rotated = check.store.rotate_session(&first, &second, &realm).await.unwrap().unwrap();
    assert!(rotated.ends_in <= IDLE, "{:?}", rotated.ends_in);
    (check.pass)(IDLE / 2).await;
    assert!(check.is_live(&second).await);
    (check.pass)(IDLE / 2 + IDLE / 4).await;
    assert!(!check.is_live(&second).await);
}
