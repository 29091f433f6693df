//! Migrate: a user who has just shown the password gets a hash as the policy asks for.
//!
//! Nothing here fails a login: without the lock, without room or without a store there is no new hash, and a
//! later login gets one. Who has the lock and comes to no new hash gives it back, whichever way the request
//! ends. The new hash is work like any other: offered, priced and routed, within the request's deadline. It
//! is made in the name of somebody who is known, because whoever has shown the password is, and where the queue is
//! long it is left out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use authcluster_contract::http::{CommitReply, CommitRequest, Rehash};
use authcluster_contract::secret::Password;
use authcluster_contract::user::{MigrationDigest, UserKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Service;
use super::subject::Named;
use crate::auth::Caller;
use crate::clock;
use crate::error::ApiError;
use crate::formats::Stored;
use crate::policy::migration::{self, Begun, Claim, Committed};
use crate::store::Store;
use crate::telemetry::{MigrationEvent, Tasks, chain};
use crate::work::{Job, Outcome, Who, WorkError};

/// Random bytes of a token. It is good for one user for half a minute, so that nobody guesses 16.
const TOKEN_BYTES: usize = 16;

/// A hash that is weaker than the policy asks for, of a user who has shown the password.
pub(super) struct Due {
    pub(super) user: UserKey,
    pub(super) password: Password,
    pub(super) stored: Arc<Stored>,
}

/// A new hash. The lock is given back unless it is [kept](Self::keep).
pub(super) struct Offer {
    rehash: Rehash,
    lock: Lock,
}

impl Offer {
    /// The new hash, for an answer that is given.
    pub(super) fn keep(mut self) -> Rehash {
        self.lock.is_kept = true;
        self.rehash
    }
}

/// The right to migrate a user, until it is kept or given back.
struct Lock {
    store: Arc<dyn Store>,
    tasks: Tasks,
    user: UserKey,
    token: MigrationDigest,
    is_kept: bool,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A runtime that has ended takes no tasks. What is not given back ends with its time to live.
        if self.is_kept || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (store, user, token) = (Arc::clone(&self.store), self.user.clone(), self.token.clone());
        self.tasks.spawn("migration-release", async move {
            if let Err(error) = store.release_migration(&user, &token).await {
                tracing::debug!(error = chain(&error), "the lock of a migration ends by itself");
            }
        });
    }
}

impl Service {
    /// Makes a new hash, if it is this request's turn.
    pub(super) async fn migrate(
        &self,
        caller: &Caller,
        due: Due,
        deadline: Instant,
    ) -> Option<Offer> {
        if !self.migration.enabled {
            return None;
        }
        match self.new_hash(caller, due, deadline).await {
            Ok(offer) => {
                self.metrics.migration(MigrationEvent::Offered);
                Some(offer)
            }
            Err(why_not) => {
                self.metrics.migration(why_not);
                None
            }
        }
    }

    async fn new_hash(
        &self,
        caller: &Caller,
        due: Due,
        deadline: Instant,
    ) -> Result<Offer, MigrationEvent> {
        let Due { user, password, stored } = due;
        // Of what the old function never looked at, nobody knows whether it was typed as it was set.
        if !stored.counts_all_of(password.expose()) {
            return Err(MigrationEvent::Ambiguous);
        }
        self.store.standing().check().map_err(|_| MigrationEvent::StoreAway)?;
        let token = clock::random_bytes::<TOKEN_BYTES>().map_err(|_| MigrationEvent::Failed)?;
        let token = URL_SAFE_NO_PAD.encode(token);
        let lock = self.claim(user.clone(), &token, stored.encoded(), deadline).await?;
        let policy = migration::new_hash(&stored, &self.policy);
        let job = Job::Hash { password, policy };
        let service = self.work.quote(job.demand()).time;
        let job = self.offer(caller, job);
        let job = job.map_err(|_| MigrationEvent::NoRoom)?;
        let deadline = migration::hash_deadline(clock::now(), deadline, service);
        let who = Who { user, known: true };
        let encoded = match self.work.compute(Some(&who), job, deadline).await {
            Ok(Outcome::Hashed(encoded)) => encoded,
            Err(WorkError::Refused(_) | WorkError::UserBusy) => return Err(MigrationEvent::NoRoom),
            Err(error @ WorkError::Failed(_)) => {
                tracing::error!(error = chain(&error), "a new hash could not be made");
                return Err(MigrationEvent::Failed);
            }
            Ok(Outcome::Verified(_)) => return Err(MigrationEvent::Failed),
        };
        let replaces = stored.encoded().to_owned();
        Ok(Offer { rehash: Rehash { encoded, replaces, commit: token }, lock })
    }

    /// The right to migrate this user, if nobody else has it and the hash was not replaced already.
    async fn claim(
        &self,
        user: UserKey,
        token: &str,
        replaces: &str,
        deadline: Instant,
    ) -> Result<Lock, MigrationEvent> {
        let claim = Claim {
            token: self.keys.commit_token(&user, token),
            replaces: self.keys.stored_hash(&user, replaces),
        };
        // From here on, since a store that did not answer in time may have granted it.
        let mut lock = Lock {
            store: Arc::clone(&self.store),
            tasks: self.tasks.clone(),
            user: user.clone(),
            token: claim.token.clone(),
            is_kept: false,
        };
        let life = Duration::from_secs(self.migration.lock_seconds.into());
        let begun = self.store.begin_migration(&user, &claim, life);
        let Ok(Ok(begun)) = tokio::time::timeout_at(deadline.into(), begun).await else {
            return Err(MigrationEvent::StoreAway);
        };
        let why_not = match begun {
            Begun::Granted => return Ok(lock),
            Begun::Held => MigrationEvent::Held,
            Begun::Replaced => MigrationEvent::Replaced,
        };
        // It is another one's.
        lock.is_kept = true;
        Err(why_not)
    }

    /// The caller has written a new hash.
    ///
    /// # Errors
    /// A name that is none, or a store that cannot be reached: it may be sent again.
    pub async fn commit(
        &self,
        caller: &Caller,
        request: &CommitRequest,
    ) -> Result<CommitReply, ApiError> {
        let user = self.subject(caller, Named::new(&request.username, &request.user_id))?;
        let token = self.keys.commit_token(&user, request.commit.expose());
        let life = Duration::from_secs(self.migration.status_seconds.into());
        let committed = self.store.commit_migration(&user, &token, life).await;
        let committed = committed.map_err(ApiError::migrations_unavailable)?;
        self.metrics.migration(match committed {
            Committed::Committed => MigrationEvent::Committed,
            Committed::Replayed => MigrationEvent::CommittedAgain,
            Committed::Lost => MigrationEvent::CommitLost,
        });
        Ok(CommitReply { committed: committed != Committed::Lost })
    }
}
