//! The scripts of migrations, what goes into them and what comes out. No I/O: the test that compares each
//! with its twin in `policy` speaks the same.

use std::time::Duration;

use authcluster_contract::user::MigrationDigest;

use crate::policy::migration::{Begun, Claim, Committed};

/// [`crate::policy::migration::begin`].
pub const BEGIN_MIGRATION: &str = include_str!("../scripts/begin_migration.lua");
/// [`crate::policy::migration::commit`].
pub const COMMIT_MIGRATION: &str = include_str!("../scripts/commit_migration.lua");
/// [`crate::policy::migration::release`].
pub const RELEASE_MIGRATION: &str = include_str!("../scripts/release_migration.lua");

/// Arguments of [`BEGIN_MIGRATION`].
#[must_use]
pub fn begin(claim: &Claim, lock: Duration) -> Vec<String> {
    let Claim { token, replaces } = claim;
    vec![token.as_str().to_owned(), replaces.as_str().to_owned(), lock.as_millis().to_string()]
}

/// Arguments of [`COMMIT_MIGRATION`].
#[must_use]
pub fn commit(token: &MigrationDigest, status: Duration) -> Vec<String> {
    vec![token.as_str().to_owned(), status.as_millis().to_string()]
}

/// Arguments of [`RELEASE_MIGRATION`].
#[must_use]
pub fn release(token: &MigrationDigest) -> Vec<String> {
    vec![token.as_str().to_owned()]
}

/// Answer of [`BEGIN_MIGRATION`]; `None` = the script never answers so.
#[must_use]
pub fn begun(answer: &str) -> Option<Begun> {
    match answer {
        "granted" => Some(Begun::Granted),
        "replaced" => Some(Begun::Replaced),
        "held" => Some(Begun::Held),
        _ => None,
    }
}

/// Answer of [`COMMIT_MIGRATION`]; `None` = the script never answers so.
#[must_use]
pub fn committed(answer: &str) -> Option<Committed> {
    match answer {
        "committed" => Some(Committed::Committed),
        "replayed" => Some(Committed::Replayed),
        "lost" => Some(Committed::Lost),
        _ => None,
    }
}
