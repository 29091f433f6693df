//! What every store must do with migrations. The rules themselves are checked where they are decided.

#![expect(clippy::unwrap_used, reason = "a check stops where it fails")]

use std::time::Duration;

use authcluster_contract::user::{Realm, UserKey, UserKeyMaker, UsernameCase};
use futures::future::join_all;

use super::Pass;
use crate::policy::migration::{Begun, Claim, Committed};
use crate::store::Store;

/// Long beside a call on a busy machine, short enough to wait for.
const LOCK: Duration = Duration::from_secs(1);
const STATUS: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(600);

pub(super) async fn check(store: &dyn Store, name: &str, pass: Pass<'_>) {
    of_a_hundred_at_once_one_may(store, name).await;
    a_migration_is_committed_once_and_as_often_as_one_likes(store, name).await;
    what_was_given_up_may_be_tried_again(store, name).await;
    what_nobody_commits_may_be_tried_again(store, name, pass).await;
    a_replaced_hash_is_forgotten_in_the_end(store, name, pass).await;
}

fn keys() -> UserKeyMaker {
    UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap()
}

fn user(run: &str, name: &str) -> UserKey {
    keys().user(&Realm::new("shop").unwrap(), &format!("{run}-migrated-{name}")).unwrap()
}

fn claim(user: &UserKey, token: &str, replaces: &str) -> Claim {
    Claim { token: keys().commit_token(user, token), replaces: keys().stored_hash(user, replaces) }
}

async fn of_a_hundred_at_once_one_may(store: &dyn Store, name: &str) {
    let user = user(name, "hundred");
    let claims: Vec<Claim> = (0..100).map(|at| claim(&user, &at.to_string(), "old")).collect();
    let begun =
        join_all(claims.iter().map(|claim| store.begin_migration(&user, claim, LONG))).await;
    let count = |of| begun.iter().filter(|begun| *begun.as_ref().unwrap() == of).count();
    assert_eq!((count(Begun::Granted), count(Begun::Held)), (1, 99));
    // Another user's is another one.
    let other = self::user(name, "other");
    let begun = store.begin_migration(&other, &claim(&other, "1", "old"), LONG).await.unwrap();
    assert_eq!(begun, Begun::Granted);
}

async fn a_migration_is_committed_once_and_as_often_as_one_likes(store: &dyn Store, name: &str) {
    let user = user(name, "committed");
    let [first, second] = ["1", "2"].map(|token| claim(&user, token, "old"));
    let begin = async |claim: &Claim| store.begin_migration(&user, claim, LONG).await.unwrap();
    let commit = async |of: &Claim| store.commit_migration(&user, &of.token, LONG).await.unwrap();
    assert_eq!(commit(&first).await, Committed::Lost);
    assert_eq!(begin(&first).await, Begun::Granted);
    assert_eq!(begin(&first).await, Begun::Granted);
    assert_eq!(commit(&second).await, Committed::Lost);
    assert_eq!(commit(&first).await, Committed::Committed);
    assert_eq!(commit(&first).await, Committed::Replayed);
    assert_eq!(begin(&second).await, Begun::Replaced);
    assert_eq!(begin(&claim(&user, "3", "new")).await, Begun::Granted);
}

async fn what_was_given_up_may_be_tried_again(store: &dyn Store, name: &str) {
    let user = user(name, "given-up");
    let [first, second] = ["1", "2"].map(|token| claim(&user, token, "old"));
    let release = async |of: &Claim| store.release_migration(&user, &of.token).await.unwrap();
    assert!(!release(&first).await);
    store.begin_migration(&user, &first, LONG).await.unwrap();
    assert!(!release(&second).await);
    assert!(release(&first).await);
    let begun = store.begin_migration(&user, &second, LONG).await.unwrap();
    assert_eq!(begun, Begun::Granted);
}

async fn what_nobody_commits_may_be_tried_again(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let user = user(name, "forgotten");
    let [first, second] = ["1", "2"].map(|token| claim(&user, token, "old"));
    store.begin_migration(&user, &first, LOCK).await.unwrap();
    assert_eq!(store.begin_migration(&user, &second, LOCK).await.unwrap(), Begun::Held);
    pass(LOCK + Duration::from_millis(1)).await;
    assert_eq!(store.begin_migration(&user, &second, LONG).await.unwrap(), Begun::Granted);
    let late = store.commit_migration(&user, &first.token, LONG).await.unwrap();
    assert_eq!(late, Committed::Lost);
    assert_eq!(store.begin_migration(&user, &first, LONG).await.unwrap(), Begun::Held);
}

async fn a_replaced_hash_is_forgotten_in_the_end(store: &dyn Store, name: &str, pass: Pass<'_>) {
    let user = user(name, "restored");
    let [first, second] = ["1", "2"].map(|token| claim(&user, token, "old"));
    store.begin_migration(&user, &first, LONG).await.unwrap();
    store.commit_migration(&user, &first.token, STATUS).await.unwrap();
    assert_eq!(store.begin_migration(&user, &second, LONG).await.unwrap(), Begun::Replaced);
    pass(STATUS + Duration::from_millis(1)).await;
    assert_eq!(store.begin_migration(&user, &second, LONG).await.unwrap(), Begun::Granted);
}
