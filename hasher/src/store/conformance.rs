//! What every store must do, as checks over the trait: the store in memory runs them with a clock
//! that is moved by hand, a real Redis Cluster with time that passes.

mod limits;
mod migrations;
mod nodes;
mod sessions;

use std::time::Duration;

use futures::future::BoxFuture;

use super::{SessionSettings, Standing, Store};

/// Lets so much time pass for the store.
pub type Pass<'a> = &'a (dyn Fn(Duration) -> BoxFuture<'static, ()> + Sync);

/// For how long an old id must be good in these checks: long beside a call on a busy machine, short
/// enough to wait for.
const GRACE: Duration = Duration::from_secs(1);

/// Most sessions of a user in these checks.
const PER_USER_MAX: u32 = 8;

/// The settings that a store must have for these checks.
#[must_use]
pub fn session_settings() -> SessionSettings {
    let defaults = SessionSettings::default();
    SessionSettings { rotation_grace: GRACE, per_user_max: PER_USER_MAX, ..defaults }
}

/// Runs all checks on a store that answers. `name` keeps the sessions and nodes of two runs on one
/// store apart; a name of a node may start with it.
pub async fn check_all(store: &dyn Store, name: &str, pass: Pass<'_>) {
    assert_eq!(store.standing(), Standing::Reachable);
    sessions::check(store, name, pass).await;
    nodes::check(store, name, pass).await;
    limits::check(store, name, pass).await;
    migrations::check(store, name, pass).await;
}
