//! Migrations: each call is one script over the keys of one user.
//!
//! None waits for replicas: what a failover loses costs a hash (`policy::migration`). A script that ran twice
//! answers as it did the first time.

pub mod wire;

use std::time::Duration;

use authcluster_contract::keys;
use authcluster_contract::user::{MigrationDigest, UserKey};
use futures::FutureExt as _;

use super::script::{BEGIN_MIGRATION, COMMIT_MIGRATION, RELEASE_MIGRATION, Script};
use super::{RedisStore, corrupt};
use crate::policy::migration::{Begun, Claim, Committed};
use crate::store::{MigrationStore, StoreError, StoreFuture};

impl RedisStore {
    /// Over the lock and the status of a user.
    async fn of_migration<T>(
        &self,
        script: &Script,
        user: &UserKey,
        arguments: Vec<String>,
        read: fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let status = keys::migration_status(user);
        let arguments: Vec<&str> =
            std::iter::once(&status).chain(&arguments).map(String::as_str).collect();
        let answer: String = self.link.run(script, &keys::migration_lock(user), &arguments).await?;
        read(&answer).ok_or_else(|| corrupt("a script answered with what cannot be".into()))
    }

    async fn release(&self, user: &UserKey, token: &MigrationDigest) -> Result<bool, StoreError> {
        let arguments = wire::release(token);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.link.run(&RELEASE_MIGRATION, &keys::migration_lock(user), &arguments).await
    }
}

impl MigrationStore for RedisStore {
    fn begin_migration<'a>(
        &'a self,
        user: &'a UserKey,
        claim: &'a Claim,
        lock: Duration,
    ) -> StoreFuture<'a, Begun> {
        self.of_migration(&BEGIN_MIGRATION, user, wire::begin(claim, lock), wire::begun).boxed()
    }

    fn commit_migration<'a>(
        &'a self,
        user: &'a UserKey,
        token: &'a MigrationDigest,
        status: Duration,
    ) -> StoreFuture<'a, Committed> {
        let arguments = wire::commit(token, status);
        self.of_migration(&COMMIT_MIGRATION, user, arguments, wire::committed).boxed()
    }

    fn release_migration<'a>(
        &'a self,
        user: &'a UserKey,
        token: &'a MigrationDigest,
    ) -> StoreFuture<'a, bool> {
        self.release(user, token).boxed()
    }
}
