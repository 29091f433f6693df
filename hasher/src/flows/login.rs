//! Login: ask the limits, verify, and then create the session and migrate an old hash.

use std::sync::Arc;
use std::time::Instant;

use authcluster_contract::http::{LoginReply, LoginRequest, NewSession, Scheme};
use authcluster_contract::user::UserKey;
use http::HeaderMap;

use super::migrate::{Due, Offer};
use super::{Service, verified};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::formats::Stored;
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
    stored: Arc<Stored>,
    /// Whether there is such a user.
    known: bool,
    job: Job,
    username: String,
    session: Option<NewSession>,
    /// What is to be made anew if it is due, when the caller has asked for that.
    due: Option<Due>,
}

impl Service {
    /// Logs a user in.
    ///
    /// # Errors
    /// A request that makes no sense, a stored hash that cannot be worked on, too many attempts, no pod
    /// that can do it in time, or a session that could not be kept.
    pub async fn login(
        &self,
        caller: &Caller,
        request: LoginRequest,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<LoginAnswer, ApiError> {
        let address = self.limits.address(request.address.as_deref(), headers)?;
        let wanted = self.wanted(caller, request)?;
        let address = address.map(|address| self.keys.address(address));
        let attempt = self.limits.enter(&wanted.user, address).await?;
        let refunded = attempt.headers_when_refunded();
        let with_limits = |error: ApiError| error.with_limits(refunded.clone());
        let who = Who { user: wanted.user.clone(), known: attempt.is_known() };
        let job = self.offer(caller, wanted.job).map_err(with_limits)?;
        let computed = self.work.compute(Some(&who), job, deadline).await;
        let computed = computed.map_err(ApiError::from).and_then(|outcome| verified(&outcome));
        let matches = computed.map_err(with_limits)? & wanted.known;
        self.metrics.logged_in(match (wanted.known, matches) {
            (false, _) => LoginResult::UnknownUser,
            (true, false) => LoginResult::Mismatch,
            (true, true) => LoginResult::Match,
        });
        if !matches {
            return Ok(LoginAnswer { reply: mismatch(), limits: attempt.failed() });
        }
        let reasons = rehash_reasons(&wanted.stored, &self.policy);
        let create = async {
            let Some(session) = wanted.session else { return Ok(None) };
            let created = self.create_session(caller, wanted.user, wanted.username, session);
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

    /// Everything that can be wrong with the request, before anything is charged for it.
    fn wanted(&self, caller: &Caller, mut request: LoginRequest) -> Result<Wanted, ApiError> {
        let user = self.keys.user(&caller.realm, &request.username)?;
        let password = request.password()?;
        if let Some(session) = &request.session {
            self.check_session(session)?;
        }
        let encoded = request.encoded.as_ref();
        let stored = encoded.map(|it| Stored::parse(it.expose(), &self.bounds)).transpose()?;
        // A locked account costs nothing to refuse, and would be told from others by its time.
        let stored = stored.filter(|stored| stored.scheme() != Scheme::Unusable);
        let (stored, known) = match stored {
            Some(stored) => (Arc::new(stored), true),
            None => (Arc::clone(self.nobody.of(&user)), false),
        };
        let due = (known && request.migrate).then(|| Due {
            user: user.clone(),
            password: password.clone(),
            stored: Arc::clone(&stored),
        });
        let job = Job::Verify { password, stored: Arc::clone(&stored) };
        let LoginRequest { username, session, .. } = request;
        Ok(Wanted { user, stored, known, job, username, session, due })
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
