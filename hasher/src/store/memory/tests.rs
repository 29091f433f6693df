//! The conformance checks on paused time, and the bound.

use std::time::Duration;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};
use futures::FutureExt as _;

use super::*;
use crate::store::conformance::{check_all, session_settings};
use crate::store::{Session, SessionStore as _, StoreError};

#[tokio::test(start_paused = true)]
async fn it_does_what_every_store_must() {
    let store = MemoryStore::with(session_settings(), SESSION_BYTES_MAX);
    check_all(&store, "memory", &|time| tokio::time::advance(time).boxed()).await;
}

fn session(user: &str, idle: u64) -> Session {
    let realm = Realm::new("shop").unwrap();
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap();
    Session {
        user: keys.user(&realm, user).unwrap(),
        realm,
        username: user.to_owned(),
        user_id: String::new(),
        data: "x".repeat(4_000),
        idle_timeout: Duration::from_secs(idle),
        absolute_timeout: Duration::from_secs(100),
        critical: false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_store_refuses_and_never_evicts_what_counts() {
    let store = MemoryStore::with(SessionSettings::default(), 1_000_000);
    let realm = Realm::new("shop").unwrap();
    let digest = SessionDigest::of;
    store.create_session(&digest("first"), &session("alice", 50)).await.unwrap();
    store.create_session(&digest("revoked"), &session("alice", 50)).await.unwrap();
    assert!(store.revoke_session(&digest("revoked"), &realm).await.unwrap());
    let mut kept = 0;
    let refusal = loop {
        let (name, session) = (format!("user-{kept}"), session(&format!("user-{kept}"), 10));
        match store.create_session(&digest(&name), &session).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, StoreError::Full), "{refusal}");
    // Each takes its data, two fixed parts and a place in the index.
    assert!((180..=230).contains(&kept), "{kept} of 4,000 bytes in a megabyte");
    for number in 0..kept {
        let found = store.introspect_session(&digest(&format!("user-{number}")), &realm).await;
        assert!(found.unwrap().is_some(), "{number}");
    }
    tokio::time::advance(Duration::from_secs(11)).await;
    store.create_session(&digest("more"), &session("bob", 10)).await.unwrap();
    assert!(store.introspect_session(&digest("first"), &realm).await.unwrap().is_some());
    assert!(store.introspect_session(&digest("user-0"), &realm).await.unwrap().is_none());
    // The tombstone was not cleared away.
    assert!(store.introspect_session(&digest("revoked"), &realm).await.unwrap().is_none());
    assert!(!store.revoke_session(&digest("revoked"), &realm).await.unwrap());
    assert_eq!(store.list_sessions(&session("alice", 50).user, &realm).await.unwrap().len(), 1);
}
