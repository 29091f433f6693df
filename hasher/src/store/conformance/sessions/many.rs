//! All sessions of a user at once.

use authcluster_contract::keys::SessionDigest;

use super::{Check, IDLE, realm};
use crate::store::conformance::PER_USER_MAX;
use crate::store::{ListedSession, Session};

pub(super) async fn check(check: Check<'_>) {
    valid_sessions_are_listed_and_no_others(check).await;
    a_list_touches_nothing(check).await;
    all_sessions_end_at_once(check).await;
    the_oldest_of_too_many_is_ended(check).await;
    a_session_that_is_over_takes_no_place(check).await;
}

async fn listed(check: Check<'_>, user: &str) -> Vec<ListedSession> {
    check.store.list_sessions(&check.user(user), &realm("shop")).await.unwrap()
}

async fn digests(check: Check<'_>, user: &str) -> Vec<SessionDigest> {
    listed(check, user).await.into_iter().map(|one| one.digest).collect()
}

async fn valid_sessions_are_listed_and_no_others(check: Check<'_>) {
    let kept = check.session("listed");
    assert!(listed(check, "listed").await.is_empty());
    let sooner = Session { absolute_timeout: IDLE * 10, data: "b".to_owned(), ..kept.clone() };
    let (a, b) = (check.create("listed-a", &kept).await, check.create("listed-b", &sooner).await);
    let c = check.create("listed-c", &kept).await;
    check.create("listed-of-another", &check.session("another")).await;
    assert!(check.revoke(&c).await);
    let sessions = listed(check, "listed").await;
    let seen: Vec<_> = sessions.iter().map(|one| (&one.digest, one.data.as_str())).collect();
    assert_eq!(seen, [(&b, "b"), (&a, kept.data.as_str())], "the one that ends first is first");
    for one in &sessions {
        assert_eq!(one.critical, check.critical);
        assert!(one.expires_in <= IDLE);
        // After the year 2020, and before the year 2200.
        assert!((1_577_836_800_000..7_258_118_400_000).contains(&one.created_ms));
    }
    // A handle from the list ends it.
    assert!(check.revoke(&sessions[0].digest).await);
    assert_eq!(digests(check, "listed").await, [a]);
    let other = check.store.list_sessions(&check.user("listed"), &realm("other")).await.unwrap();
    assert!(other.is_empty(), "another realm's sessions are not listed");
}

async fn a_list_touches_nothing(check: Check<'_>) {
    let digest = check.create("untouched", &check.session("untouched")).await;
    (check.pass)(IDLE * 3 / 4).await;
    assert_eq!(digests(check, "untouched").await, [digest]);
    (check.pass)(IDLE / 2).await;
    assert!(digests(check, "untouched").await.is_empty());
}

async fn all_sessions_end_at_once(check: Check<'_>) {
    let (user, kept) = (check.user("all"), check.session("all"));
    assert_eq!(check.store.revoke_all_sessions(&user).await.unwrap(), 0);
    let (a, b) = (check.create("all-a", &kept).await, check.create("all-b", &kept).await);
    let of_another = check.create("all-other", &check.session("all-other")).await;
    assert_eq!(check.store.revoke_all_sessions(&user).await.unwrap(), 2);
    for digest in [&a, &b] {
        assert!(!check.is_live(digest).await);
        assert!(!check.rotate(digest, &check.digest("all-next")).await);
    }
    assert!(!check.is_live(&check.digest("all-next")).await);
    assert!(digests(check, "all").await.is_empty());
    assert!(check.is_live(&of_another).await);
    let next = check.create("all-c", &kept).await;
    assert!(check.is_live(&next).await);
    assert_eq!(digests(check, "all").await, [next]);
}

/// Sessions of one user that end in the order of their creation.
async fn fill(check: Check<'_>, user: &str, count: u32) -> Vec<SessionDigest> {
    let mut digests = Vec::new();
    for number in 0..count {
        let session = Session { absolute_timeout: IDLE * (10 + number), ..check.session(user) };
        digests.push(check.create(&format!("{user}-{number}"), &session).await);
    }
    digests
}

async fn the_oldest_of_too_many_is_ended(check: Check<'_>) {
    let digests = fill(check, "many", PER_USER_MAX + 2).await;
    for (number, digest) in digests.iter().enumerate() {
        assert_eq!(check.is_live(digest).await, 2 <= number, "session {number}");
    }
}

async fn a_session_that_is_over_takes_no_place(check: Check<'_>) {
    let digests = fill(check, "places", PER_USER_MAX).await;
    // Idle ones stay in the index until their end.
    (check.pass)(IDLE / 2).await;
    assert!(check.is_live(&digests[0]).await);
    (check.pass)(IDLE * 3 / 4).await;
    let kept = check.session("places");
    let more = check.create("places-more", &kept).await;
    assert!(check.is_live(&digests[0]).await, "the oldest is ended only for sessions that live");
    assert!(check.is_live(&more).await);
}
