//! What every store must do with sessions, plain and critical ones.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a check stops where it fails")]

mod many;
mod rotation;

use std::time::Duration;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey, UserKeyMaker, UsernameCase};

use super::Pass;
use crate::store::{LiveSession, Session, Store};

/// Long beside a call on a busy machine, short enough to wait for.
const IDLE: Duration = Duration::from_secs(2);

/// Longer than any check.
const LONG: Duration = Duration::from_secs(60);

pub(super) fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

/// One run of one check, for one kind of session.
#[derive(Clone, Copy)]
struct Check<'a> {
    store: &'a dyn Store,
    name: &'a str,
    pass: Pass<'a>,
    critical: bool,
}

impl Check<'_> {
    fn digest(&self, of: &str) -> SessionDigest {
        SessionDigest::of(&format!("{}-{of}-{}", self.name, self.critical))
    }

    fn user(&self, name: &str) -> UserKey {
        let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap();
        keys.user(&realm("shop"), &format!("{}-{name}-{}", self.name, self.critical)).unwrap()
    }

    fn session(&self, user: &str) -> Session {
        Session {
            user: self.user(user),
            realm: realm("shop"),
            username: "Alice".to_owned(),
            user_id: "id \u{1f600} 7".to_owned(),
            data: "{\"role\":\"editor\"} \u{1f600} \r\n".to_owned(),
            idle_timeout: IDLE,
            absolute_timeout: LONG,
            critical: self.critical,
        }
    }

    async fn create(&self, of: &str, session: &Session) -> SessionDigest {
        let digest = self.digest(of);
        self.store.create_session(&digest, session).await.unwrap();
        digest
    }

    async fn live(&self, digest: &SessionDigest) -> Option<LiveSession> {
        self.store.introspect_session(digest, &realm("shop")).await.unwrap()
    }

    async fn is_live(&self, digest: &SessionDigest) -> bool {
        self.live(digest).await.is_some()
    }

    async fn revoke(&self, digest: &SessionDigest) -> bool {
        self.store.revoke_session(digest, &realm("shop")).await.unwrap()
    }

    /// Whether it was rotated.
    async fn rotate(&self, digest: &SessionDigest, successor: &SessionDigest) -> bool {
        self.store.rotate_session(digest, successor, &realm("shop")).await.unwrap().is_some()
    }
}

pub(super) async fn check(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let name = &format!("{name}-session");
    for critical in [false, true] {
        let check = Check { store, name, pass, critical };
        assert!(store.may_be_critical(&check.digest("any")).unwrap());
        a_session_may_be_created_anew(check).await;
        a_short_session_is_never_idle_longer(check).await;
        a_session_is_given_back_as_it_was_kept(check).await;
        a_session_of_another_realm_is_not_there(check).await;
        a_revoked_session_is_gone(check).await;
        a_session_ends_when_it_is_idle(check).await;
        a_session_ends_at_last(check).await;
        rotation::check(check).await;
        many::check(check).await;
    }
}

async fn a_session_is_given_back_as_it_was_kept(check: Check<'_>) {
    let kept = check.session("kept");
    assert!(!check.is_live(&check.digest("kept")).await);
    let digest = check.create("kept", &kept).await;
    let live = check.live(&digest).await.unwrap();
    assert_eq!((live.username, live.user_id, live.data), (kept.username, kept.user_id, kept.data));
    assert!(live.expires_in <= IDLE && live.expires_in > Duration::ZERO);
}

async fn a_session_of_another_realm_is_not_there(check: Check<'_>) {
    let digest = check.create("realm", &check.session("realm")).await;
    let other = realm("other");
    assert!(check.store.introspect_session(&digest, &other).await.unwrap().is_none());
    assert!(!check.store.revoke_session(&digest, &other).await.unwrap());
    let next = check.digest("realm-next");
    assert!(check.store.rotate_session(&digest, &next, &other).await.unwrap().is_none());
    assert!(check.is_live(&digest).await);
    assert!(!check.is_live(&next).await);
}

async fn a_revoked_session_is_gone(check: Check<'_>) {
    let digest = check.create("revoked", &check.session("revoked")).await;
    assert!(check.revoke(&digest).await);
    assert!(!check.revoke(&digest).await, "a second time there is nothing to end");
    assert!(!check.is_live(&digest).await);
    assert!(!check.rotate(&digest, &check.digest("revoked-next")).await);
    assert!(!check.revoke(&check.digest("never-created")).await);
}

async fn a_session_ends_when_it_is_idle(check: Check<'_>) {
    let digest = check.create("idle", &check.session("idle")).await;
    for _ in 0..3 {
        (check.pass)(IDLE / 2).await;
        assert!(check.is_live(&digest).await);
    }
    (check.pass)(IDLE + IDLE / 4).await;
    assert!(!check.is_live(&digest).await, "no backup outlives the idle timeout");
}

async fn a_session_ends_at_last(check: Check<'_>) {
    let absolute_timeout = IDLE + IDLE / 2;
    let kept = Session { absolute_timeout, ..check.session("absolute") };
    let digest = check.create("absolute", &kept).await;
    for _ in 0..2 {
        (check.pass)(IDLE / 2).await;
        assert!(check.is_live(&digest).await);
    }
    (check.pass)(IDLE / 2 + IDLE / 4).await;
    assert!(!check.is_live(&digest).await);
}

async fn a_session_may_be_created_anew(check: Check<'_>) {
    let first = check.session("anew");
    let digest = check.create("anew", &first).await;
    let second = Session { realm: realm("other"), data: String::new(), ..first.clone() };
    check.store.create_session(&digest, &second).await.unwrap();
    assert!(!check.is_live(&digest).await);
    let live = check.store.introspect_session(&digest, &second.realm).await.unwrap().unwrap();
    assert_eq!(live.data, "");
}

async fn a_short_session_is_never_idle_longer(check: Check<'_>) {
    let kept = Session { absolute_timeout: IDLE / 2, ..check.session("short") };
    let digest = check.create("short", &kept).await;
    let live = check.live(&digest).await.unwrap();
    assert!(live.expires_in <= IDLE / 2, "{:?}", live.expires_in);
    (check.pass)(IDLE * 3 / 4).await;
    assert!(!check.is_live(&digest).await);
    assert!(!check.revoke(&digest).await);
}
