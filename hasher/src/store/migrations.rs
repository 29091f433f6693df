//! Who replaces a user's old hash, as every store keeps it.
//!
//! The rules are `policy::migration`: a store in memory calls them, the shared one runs scripts that do the
//! same. Neither password nor hash nor token reaches a store, only digests under the AuthCluster's key.

use std::time::Duration;

use authcluster_contract::user::{MigrationDigest, UserKey};

use super::StoreFuture;
use crate::policy::migration::{Begun, Claim, Committed};

/// Where migrations are known.
pub trait MigrationStore: Send + Sync + 'static {
    /// Whether this migration may begin; from then on no other one of the user's may for so long.
    fn begin_migration<'a>(
        &'a self,
        user: &'a UserKey,
        claim: &'a Claim,
        lock: Duration,
    ) -> StoreFuture<'a, Begun>;

    /// The new hash was written: for so long no other one is made for the old one.
    fn commit_migration<'a>(
        &'a self,
        user: &'a UserKey,
        token: &'a MigrationDigest,
        status: Duration,
    ) -> StoreFuture<'a, Committed>;

    /// There will be no new hash: another login may try. Says whether this migration was under way.
    fn release_migration<'a>(
        &'a self,
        user: &'a UserKey,
        token: &'a MigrationDigest,
    ) -> StoreFuture<'a, bool>;
}
