//! Login: ask the limits, verify, and then create the session and migrate an old hash.
//!
//! Equal treatment: limits and work come before any answer about the stored hash. Where no password can be right (no
//! row, a blank or locked one) and where the stored hash cannot be verified here, the job is a dummy
//! verification, and the attempt stays charged like one with a wrong password.

use std::sync::Arc;
use std::time::Instant;

use authcluster_contract::http::{LoginReply, LoginRequest, NewSession, Scheme};
use authcluster_contract::secret::SecretString;
use authcluster_contract::user::UserKey;
use http::HeaderMap;

use super::migrate::{Due, Offer};
use super::subject::Named;
use super::{Service, verified};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::formats::{FormatError, Stored};
use crate::limits::LimitHeaders;
use crate::policy::rehash::rehash_reasons;
use crate::store::StoreError;
use crate::telemetry::LoginResult;
use crate::work::{Job, Who};

/// The request's time was over before the store had answered.
#[derive(Debug, thiserror::Error)]
#[error("no answer within the request's time")]
struct OutOfTime;

/// The reply to a login, and what goes with it.
pub struct LoginAnswer {
    /// The body.
    pub reply: LoginReply,
    /// How the rates stand.
    pub limits: LimitHeaders,
}

/// What a login is about, once it has been read.
struct Wanted {
    user: UserKey,
    /// The hash that is computed: the user's own, or the dummy user's.
    stored: Arc<Stored>,
    row: Row,
    job: Job,
    username: Option<String>,
    user_id: Option<String>,
    session: Option<NewSession>,
    /// What is to be made anew if it is due, when the caller has asked for that.
    due: Option<Due>,
}

/// What the request says of the user's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// It holds a hash that is verified here.
    Verifiable,
    /// No password is right: there is no row, or its hash is blank or locked.
    WithoutPassword,
    /// Its hash cannot be verified here. The caller learns why after the dummy verification.
    Unverifiable(FormatError),
}

impl Service {
    /// Logs a user in.
    ///
    /// # Errors
    /// A request that makes no sense, too many attempts, no pod that can do it in time, a stored hash that
    /// cannot be verified (after equal work), or a session that could not be kept.
    pub async fn login(
        &self,
        caller: &Caller,
        request: LoginRequest,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<LoginAnswer, ApiError> {
        let address = self.limits.address(request.address.as_deref(), headers)?;
        let wanted = self.wanted(caller, request)?;
        let address = address.map(|address| self.keys.address(&caller.realm, address));
        let attempt = self.limits.enter(&wanted.user, address).await?;
        let refunded = attempt.headers_when_refunded();
        let with_limits = |error: ApiError| error.with_limits(refunded.clone());
        let who = Who { user: wanted.user.clone(), known: attempt.is_known() };
        let job = self.offer(caller, wanted.job).map_err(with_limits)?;
        let started = attempt.started();
        let computed = self.work.compute_marking(Some(&who), job, deadline, started).await;
        let computed = computed.map_err(ApiError::from).and_then(|outcome| verified(&outcome));
        let computed = computed.map_err(|error| error.with_limits(attempt.headers_if_dropped()));
        // An example of the mix may have a known password, so a match of a dummy verification is no match.
        let matches = computed? & (wanted.row == Row::Verifiable);
        if let Row::Unverifiable(error) = wanted.row {
            return Err(ApiError::from(error).with_limits(attempt.failed()));
        }
        self.metrics.logged_in(if matches { LoginResult::Match } else { LoginResult::Mismatch });
        if !matches {
            return Ok(LoginAnswer { reply: mismatch(), limits: attempt.failed() });
        }
        let reasons = rehash_reasons(&wanted.stored, &self.policy);
        let create = async {
            let Some(session) = wanted.session else { return Ok(None) };
            let named = Named::new(&wanted.username, &wanted.user_id);
            let created = self.create_session(caller, wanted.user, named, session);
            // Of a store that hangs, the caller waits no longer than for a pod that does.
            let in_time = tokio::time::timeout_at(deadline.into(), created).await;
            in_time.map_err(|_| StoreError::Unreachable(OutOfTime.into()))?.map(Some)
        };
        let migrate = async {
            let due = wanted.due.filter(|_| !reasons.is_empty())?;
            self.migrate(caller, due, deadline).await
        };
        // The right password counts for nothing against the user, whatever becomes of the session. A
        // session that fails gives back the lock of the new hash.
        let ((), session, rehash) = futures::join!(attempt.succeeded(), create, migrate);
        let session = session.map_err(with_limits)?;
        let (needs_rehash, rehash) = (!reasons.is_empty(), rehash.map(Offer::keep));
        let reply = LoginReply { matches: true, needs_rehash, reasons, session, rehash };
        Ok(LoginAnswer { reply, limits: refunded })
    }

    /// Everything that can be wrong with the request itself, whoever the user is, before anything is charged.
    fn wanted(&self, caller: &Caller, mut request: LoginRequest) -> Result<Wanted, ApiError> {
        let named = Named::new(&request.username, &request.user_id);
        let user = self.subject_of_login(caller, named, request.encoded.is_some())?;
        let password = request.password()?;
        if let Some(session) = &request.session {
            self.check_session(session)?;
        }
        let (row, stored) = self.row(request.encoded.as_ref());
        let stored = stored.unwrap_or_else(|| Arc::clone(self.nobody.of(&user)));
        let due = (row == Row::Verifiable && request.migrate).then(|| Due {
            user: user.clone(),
            password: password.clone(),
            stored: Arc::clone(&stored),
        });
        let job = Job::Verify { password, stored: Arc::clone(&stored) };
        let LoginRequest { username, user_id, session, .. } = request;
        Ok(Wanted { user, stored, row, job, username, user_id, session, due })
    }

    /// Reads the stored hash; without one that can be verified the dummy user's is computed.
    fn row(&self, encoded: Option<&SecretString>) -> (Row, Option<Arc<Stored>>) {
        let Some(encoded) = encoded else { return (Row::WithoutPassword, None) };
        match Stored::parse(encoded.expose(), &self.bounds) {
            Ok(stored) if stored.scheme() == Scheme::Unusable => (Row::WithoutPassword, None),
            Ok(stored) => (Row::Verifiable, Some(Arc::new(stored))),
            Err(error) => (Row::Unverifiable(error), None),
        }
    }
}

/// The same for a wrong password and for a user that does not exist.
fn mismatch() -> LoginReply {
    LoginReply {
        matches: false,
        needs_rehash: false,
        reasons: Vec::new(),
        session: None,
        rehash: None,
    }
}
