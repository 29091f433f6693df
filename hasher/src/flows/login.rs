//! Login: verify, and then create the session.

use std::sync::Arc;

use authcluster_contract::http::{LoginReply, LoginRequest};

use super::{Service, verified};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::formats::Stored;
use crate::policy::rehash::rehash_reasons;
use crate::store::StoreError;
use crate::telemetry::LoginResult;
use crate::work::Job;

/// The request's time was over before the store had answered.
#[derive(Debug, thiserror::Error)]
#[error("no answer within the request's time")]
struct OutOfTime;

impl Service {
    /// Logs a user in.
    ///
    /// # Errors
    /// A request that makes no sense, a stored hash that cannot be worked on, no pod that can do it
    /// in time, or a session that could not be kept.
    pub async fn login(
        &self,
        caller: &Caller,
        mut request: LoginRequest,
    ) -> Result<LoginReply, ApiError> {
        let user = self.keys.user(&caller.realm, &request.username)?;
        let password = request.password()?;
        if let Some(session) = &request.session {
            self.check_session(session)?;
        }
        let (stored, known) = match &request.encoded {
            Some(encoded) => (Arc::new(Stored::parse(encoded.expose(), &self.bounds)?), true),
            None => (Arc::clone(&self.nobody), false),
        };
        let job = self.offer(Job::Verify { password, stored: Arc::clone(&stored) });
        let deadline = self.deadline();
        let verified = verified(&self.work.compute(Some(&user), job, deadline).await?)?;
        let matches = verified & known;
        self.metrics.logged_in(match (known, matches) {
            (false, _) => LoginResult::UnknownUser,
            (true, false) => LoginResult::Mismatch,
            (true, true) => LoginResult::Match,
        });
        if !matches {
            return Ok(LoginReply {
                matches: false,
                needs_rehash: false,
                reasons: Vec::new(),
                session: None,
            });
        }
        let reasons = rehash_reasons(&stored, self.cost);
        let session = match request.session {
            None => None,
            Some(session) => {
                // Of a store that hangs, the caller waits no longer than for a pod that does.
                let created = self.create_session(caller, user, request.username, session);
                let in_time = tokio::time::timeout_at(deadline.into(), created).await;
                Some(in_time.map_err(|_| StoreError::Unreachable(OutOfTime.into()))??)
            }
        };
        Ok(LoginReply { matches: true, needs_rehash: !reasons.is_empty(), reasons, session })
    }
}
