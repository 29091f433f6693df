//! Sessions: an id is 256 random bits that only its user has; the store knows its SHA-256.

use std::time::Duration;

use authcluster_contract::http::{
    Code, CreateSessionRequest, CreatedSession, IntrospectReply, ListSessionsReply, ListedSession,
    NewSession, RevokeAllReply, RevokeReply, RevokeRequest, RotateReply, SessionRequest,
    UserRequest,
};
use authcluster_contract::keys::SessionDigest;
use authcluster_contract::limits::SESSION_DATA_BYTES_MAX;
use authcluster_contract::user::UserKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Service;
use super::subject::Named;
use crate::auth::Caller;
use crate::clock;
use crate::error::{ApiError, whole_seconds};
use crate::policy::sessions::rfc_3339;
use crate::store::{Session, StoreError};

/// Random bytes of a session id. OWASP asks for 8 at least; with 32 nobody need think of it again.
const ID_BYTES: usize = 32;

/// Ids that are tried for one whose slots lie on shards that answer, and on different ones where there are two.
/// All are on different ones where the operator laid the cluster out; where somebody else did, half of them may
/// not.
const ID_TRIES: usize = 16;

impl Service {
    pub(super) fn check_session(&self, session: &NewSession) -> Result<(), ApiError> {
        if SESSION_DATA_BYTES_MAX < session.data.len() {
            let detail =
                format!("`data` of a session is longer than {SESSION_DATA_BYTES_MAX} bytes");
            return Err(ApiError::new(Code::MalformedRequest, detail));
        }
        // Refused before anyone has paid for a hash whose session could not be kept.
        self.store.standing().check()?;
        self.new_id(session.critical).map(drop)
    }

    /// A new id, under which the store can keep such a session: on shards that answer, if there are any, so
    /// that one which is away costs only those whose own keys lie there.
    fn new_id(&self, critical: bool) -> Result<String, ApiError> {
        let mut out_of_reach = None;
        for _ in 0..ID_TRIES {
            let id = URL_SAFE_NO_PAD.encode(clock::random_bytes::<ID_BYTES>()?);
            let digest = SessionDigest::of(&id);
            if critical && !self.store.may_be_critical(&digest)? {
                continue;
            }
            if self.store.has_room(&digest, critical) {
                return Ok(id);
            }
            out_of_reach = Some(id);
        }
        out_of_reach.ok_or_else(|| StoreError::CriticalUnavailable.into())
    }

    pub(super) async fn create_session(
        &self,
        caller: &Caller,
        user: UserKey,
        named: Named<'_>,
        session: NewSession,
    ) -> Result<CreatedSession, ApiError> {
        let NewSession { data, critical } = session;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let id = self.new_id(critical)?;
        let absolute = u64::from(self.sessions.absolute_timeout_seconds);
        let session = Session {
            user,
            realm: caller.realm.clone(),
            username: text(named.username),
            user_id: text(named.user_id),
            data,
            idle_timeout: Duration::from_secs(u64::from(self.sessions.idle_timeout_seconds)),
            absolute_timeout: Duration::from_secs(absolute),
            critical,
        };
        self.store.create_session(&SessionDigest::of(&id), &session).await?;
        Ok(CreatedSession { id, expires_in_seconds: absolute })
    }

    /// Creates a session for a user whom the caller has recognised by itself.
    ///
    /// # Errors
    /// A request that makes no sense, or a session that could not be kept.
    pub async fn create(
        &self,
        caller: &Caller,
        request: CreateSessionRequest,
    ) -> Result<CreatedSession, ApiError> {
        let CreateSessionRequest { username, user_id, data, critical } = request;
        let named = Named::new(&username, &user_id);
        let user = self.subject(caller, named)?;
        let session = NewSession { data, critical };
        self.check_session(&session)?;
        self.create_session(caller, user, named, session).await
    }

    /// Says whether a session is valid, and starts its idle timeout anew.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn introspect(
        &self,
        caller: &Caller,
        request: &SessionRequest,
    ) -> Result<IntrospectReply, ApiError> {
        let digest = SessionDigest::of(request.session.expose());
        let live = self.store.introspect_session(&digest, &caller.realm).await?;
        Ok(live.map_or_else(IntrospectReply::default, |live| IntrospectReply {
            active: true,
            username: sent(live.username),
            user_id: sent(live.user_id),
            data: Some(live.data),
            expires_in_seconds: Some(whole_seconds(live.expires_in)),
        }))
    }

    /// Gives a session another id.
    ///
    /// # Errors
    /// The store cannot be reached, or a critical session cannot be kept as such; the old id is still good
    /// then, as far as the store could tell.
    pub async fn rotate(
        &self,
        caller: &Caller,
        request: &SessionRequest,
    ) -> Result<RotateReply, ApiError> {
        let digest = SessionDigest::of(request.session.expose());
        // One that would do for a critical session does for every one. Where there is none, no session is
        // critical either.
        let id = match self.new_id(true) {
            Ok(id) => id,
            Err(_) => self.new_id(false)?,
        };
        let successor = SessionDigest::of(&id);
        let rotated = self.store.rotate_session(&digest, &successor, &caller.realm).await?;
        let session = rotated.map(|rotated| CreatedSession {
            id,
            expires_in_seconds: whole_seconds(rotated.ends_in),
        });
        Ok(RotateReply { rotated: session.is_some(), session })
    }

    /// Ends a session, by its id or its handle.
    ///
    /// # Errors
    /// Neither or both of them, a handle that is none, or a store that cannot be reached: then the session
    /// may be alive.
    pub async fn revoke(
        &self,
        caller: &Caller,
        request: RevokeRequest,
    ) -> Result<RevokeReply, ApiError> {
        let malformed = |detail| ApiError::new(Code::MalformedRequest, detail);
        let digest = match (request.session, request.handle) {
            (Some(session), None) => SessionDigest::of(session.expose()),
            (None, Some(handle)) => SessionDigest::parse(&handle)
                .ok_or_else(|| malformed("`handle` is not one from `/v1/sessions/list`"))?,
            (None, None) | (Some(_), Some(_)) => {
                return Err(malformed("send exactly one of `session` and `handle`"));
            }
        };
        Ok(RevokeReply { revoked: self.store.revoke_session(&digest, &caller.realm).await? })
    }

    /// The valid sessions of a user.
    ///
    /// # Errors
    /// A name that is none, or one of the sessions cannot be read.
    pub async fn list(
        &self,
        caller: &Caller,
        request: &UserRequest,
    ) -> Result<ListSessionsReply, ApiError> {
        let user = self.subject(caller, Named::new(&request.username, &request.user_id))?;
        let sessions = self.store.list_sessions(&user, &caller.realm).await?;
        let sessions = sessions.into_iter().map(|session| ListedSession {
            handle: session.digest.as_str().to_owned(),
            created_at: rfc_3339(session.created_ms),
            expires_in_seconds: whole_seconds(session.expires_in),
            critical: session.critical,
            data: session.data,
        });
        Ok(ListSessionsReply { sessions: sessions.collect() })
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// A name that is none, or a store that cannot be reached: then they may be alive.
    pub async fn revoke_all(
        &self,
        caller: &Caller,
        request: &UserRequest,
    ) -> Result<RevokeAllReply, ApiError> {
        let user = self.subject(caller, Named::new(&request.username, &request.user_id))?;
        Ok(RevokeAllReply { revoked: self.store.revoke_all_sessions(&user).await? })
    }
}

/// Neither a username nor an id is ever empty.
fn sent(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
