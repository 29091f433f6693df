//! Hash and verify: no session, and no state but for a migration.

use std::sync::Arc;
use std::time::Instant;

use authcluster_contract::http::{
    Code, HashReply, HashRequest, Scheme, VerifyReply, VerifyRequest,
};

use super::migrate::{Due, Offer};
use super::subject::Named;
use super::{Service, WrongOutcome, verified};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::formats::Stored;
use crate::policy::rehash::rehash_reasons;
use crate::work::{Job, Outcome, Who};

impl Service {
    fn who(&self, caller: &Caller, named: Named<'_>) -> Result<Option<Who>, ApiError> {
        Ok(self.subject_if_named(caller, named)?.map(Who::unknown))
    }

    /// Makes a new hash.
    ///
    /// # Errors
    /// A request that makes no sense, or no pod that can do it in time.
    pub async fn hash(
        &self,
        caller: &Caller,
        mut request: HashRequest,
        deadline: Instant,
    ) -> Result<HashReply, ApiError> {
        let who = self.who(caller, Named::new(&request.username, &request.user_id))?;
        let job = Job::Hash { password: request.password()?, policy: self.policy.clone() };
        let job = self.offer(caller, job)?;
        match self.work.compute(who.as_ref(), job, deadline).await? {
            Outcome::Hashed(encoded) => Ok(HashReply { encoded }),
            Outcome::Verified(_) => Err(ApiError::internal(WrongOutcome)),
        }
    }

    /// Compares a password with a stored hash. A mismatch is an answer, not an error.
    ///
    /// # Errors
    /// As [`Self::hash`], a stored hash that cannot be worked on, or a migration of nobody.
    pub async fn verify(
        &self,
        caller: &Caller,
        mut request: VerifyRequest,
        deadline: Instant,
    ) -> Result<VerifyReply, ApiError> {
        let who = self.who(caller, Named::new(&request.username, &request.user_id))?;
        let migrates = match (&who, request.migrate) {
            (_, false) => None,
            (Some(who), true) => Some(who.user.clone()),
            (None, true) => return Err(migration_of_nobody()),
        };
        let password = request.password()?;
        let stored = Arc::new(Stored::parse(request.encoded.expose(), &self.bounds)?);
        let due = migrates.map(|user| Due {
            user,
            password: password.clone(),
            stored: Arc::clone(&stored),
        });
        // An account without a password takes the time of one that has a password. A hash that cannot be
        // verified is refused at once: a caller that has no limits here has a `/v1/login` for end users.
        let has_password = stored.scheme() != Scheme::Unusable;
        let user = who.as_ref().map(|who| &who.user);
        let computed = if has_password { &stored } else { self.nobody.for_user(user) };
        let job = Job::Verify { password, stored: Arc::clone(computed) };
        let job = self.offer(caller, job)?;
        let computed = self.work.compute(who.as_ref(), job, deadline).await?;
        let matches = verified(&computed)? & has_password;
        let reasons = if matches { rehash_reasons(&stored, &self.policy) } else { Vec::new() };
        let rehash = match due {
            Some(due) if !reasons.is_empty() => self.migrate(caller, due, deadline).await,
            Some(_) | None => None,
        };
        Ok(VerifyReply {
            matches,
            needs_rehash: !reasons.is_empty(),
            reasons,
            scheme: stored.scheme(),
            rehash: rehash.map(Offer::keep),
        })
    }
}

fn migration_of_nobody() -> ApiError {
    let detail = "`migrate` needs `user_id` or `username`: one user is migrated once";
    ApiError::new(Code::MalformedRequest, detail)
}
