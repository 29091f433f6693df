//! What every store must do with sessions.

#![expect(clippy::unwrap_used, reason = "a check stops where it fails")]

use std::time::Duration;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};

use super::Pass;
use crate::store::{Session, Store};

/// Long beside a call on a busy machine, short enough to wait for.
const IDLE: Duration = Duration::from_secs(2);

fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

fn session(absolute_timeout: Duration) -> Session {
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap();
    Session {
        user: keys.user(&realm("shop"), "alice").unwrap(),
        realm: realm("shop"),
        username: "Alice".to_owned(),
        data: "{\"role\":\"editor\"} \u{1f600} \r\n".to_owned(),
        idle_timeout: IDLE,
        absolute_timeout,
    }
}

pub(super) async fn check(store: &dyn Store, name: &str, pass: Pass<'_>) {
    a_session_may_be_created_anew(store, name).await;
    a_short_session_is_never_idle_longer(store, name, pass).await;
    a_session_is_given_back_as_it_was_kept(store, name).await;
    a_session_of_another_realm_is_not_there(store, name).await;
    a_revoked_session_is_gone(store, name).await;
    a_session_ends_when_it_is_idle(store, name, pass).await;
    a_session_ends_at_last(store, name, pass).await;
}

async fn a_session_is_given_back_as_it_was_kept(store: &dyn Store, name: &str) {
    let digest = SessionDigest::of(&format!("{name}-kept"));
    let kept = session(Duration::from_secs(60));
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
    store.create_session(&digest, &kept).await.unwrap();
    let live = store.introspect_session(&digest, &kept.realm).await.unwrap().unwrap();
    assert_eq!((live.username, live.data), (kept.username, kept.data));
    assert!(live.expires_in <= IDLE && live.expires_in > Duration::ZERO);
}

async fn a_session_of_another_realm_is_not_there(store: &dyn Store, name: &str) {
    let digest = SessionDigest::of(&format!("{name}-realm"));
    let kept = session(Duration::from_secs(60));
    store.create_session(&digest, &kept).await.unwrap();
    assert!(store.introspect_session(&digest, &realm("other")).await.unwrap().is_none());
    assert!(!store.revoke_session(&digest, &realm("other")).await.unwrap());
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_some());
}

async fn a_revoked_session_is_gone(store: &dyn Store, name: &str) {
    let digest = SessionDigest::of(&format!("{name}-revoked"));
    let kept = session(Duration::from_secs(60));
    store.create_session(&digest, &kept).await.unwrap();
    assert!(store.revoke_session(&digest, &kept.realm).await.unwrap());
    assert!(!store.revoke_session(&digest, &kept.realm).await.unwrap());
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
}

async fn a_session_ends_when_it_is_idle(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let digest = SessionDigest::of(&format!("{name}-idle"));
    let kept = session(Duration::from_secs(60));
    store.create_session(&digest, &kept).await.unwrap();
    for _ in 0..3 {
        pass(IDLE / 2).await;
        assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_some());
    }
    pass(IDLE + IDLE / 4).await;
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
}

async fn a_session_ends_at_last(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let digest = SessionDigest::of(&format!("{name}-absolute"));
    let kept = session(IDLE + IDLE / 2);
    store.create_session(&digest, &kept).await.unwrap();
    for _ in 0..2 {
        pass(IDLE / 2).await;
        assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_some());
    }
    pass(IDLE / 2 + IDLE / 4).await;
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
}

async fn a_session_may_be_created_anew(store: &dyn Store, name: &str) {
    let digest = SessionDigest::of(&format!("{name}-anew"));
    let first = session(Duration::from_secs(60));
    store.create_session(&digest, &first).await.unwrap();
    let second = Session { realm: realm("other"), data: String::new(), ..first.clone() };
    store.create_session(&digest, &second).await.unwrap();
    assert!(store.introspect_session(&digest, &first.realm).await.unwrap().is_none());
    let live = store.introspect_session(&digest, &second.realm).await.unwrap().unwrap();
    assert_eq!(live.data, "");
}

async fn a_short_session_is_never_idle_longer(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let digest = SessionDigest::of(&format!("{name}-short"));
    let kept = session(IDLE / 2);
    store.create_session(&digest, &kept).await.unwrap();
    let live = store.introspect_session(&digest, &kept.realm).await.unwrap().unwrap();
    assert!(live.expires_in <= IDLE / 2, "{:?}", live.expires_in);
    pass(IDLE * 3 / 4).await;
    assert!(store.introspect_session(&digest, &kept.realm).await.unwrap().is_none());
    assert!(!store.revoke_session(&digest, &kept.realm).await.unwrap());
}
