//! The conformance checks on paused time, and the bound.

use std::time::Duration;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};
use futures::FutureExt as _;

use super::*;
use crate::store::conformance::check_all;
use crate::store::{Session, SessionStore as _, StoreError};

#[tokio::test(start_paused = true)]
async fn it_does_what_every_store_must() {
    let store = MemoryStore::new();
    check_all(&store, "memory", &|time| tokio::time::advance(time).boxed()).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_store_refuses_and_never_evicts_a_valid_session() {
    let store = MemoryStore::with_room_for(2);
    let realm = Realm::new("shop").unwrap();
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap();
    let session = |idle: u64| Session {
        user: keys.user(&realm, "alice").unwrap(),
        realm: realm.clone(),
        username: "alice".to_owned(),
        data: String::new(),
        idle_timeout: Duration::from_secs(idle),
        absolute_timeout: Duration::from_secs(100),
    };
    let digest = SessionDigest::of;
    store.create_session(&digest("long"), &session(50)).await.unwrap();
    store.create_session(&digest("short"), &session(10)).await.unwrap();
    let full = store.create_session(&digest("more"), &session(10)).await;
    assert!(matches!(full, Err(StoreError::Full)));
    tokio::time::advance(Duration::from_secs(11)).await;
    store.create_session(&digest("more"), &session(10)).await.unwrap();
    assert!(store.introspect_session(&digest("long"), &realm).await.unwrap().is_some());
    assert!(store.introspect_session(&digest("short"), &realm).await.unwrap().is_none());
}
