//! What every store must do, as checks over the trait: the store in memory runs them with a clock
//! that is moved by hand, a real Redis Cluster with time that passes.

mod limits;
mod nodes;
mod sessions;

use std::time::Duration;

use futures::future::BoxFuture;

use super::{Standing, Store};

/// Lets so much time pass for the store.
pub type Pass<'a> = &'a (dyn Fn(Duration) -> BoxFuture<'static, ()> + Sync);

/// Runs all checks on a store that answers. `name` keeps the sessions and nodes of two runs on one
/// store apart; a name of a node may start with it.
pub async fn check_all(store: &dyn Store, name: &str, pass: Pass<'_>) {
    assert_eq!(store.standing(), Standing::Reachable);
    sessions::check(store, name, pass).await;
    nodes::check(store, name, pass).await;
    limits::check(store, name, pass).await;
}
