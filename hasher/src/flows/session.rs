//! Sessions: an id is 256 random bits that only its user has; the store knows its SHA-256.

use std::time::Duration;

use authcluster_contract::http::{
    Code, CreatedSession, IntrospectReply, NewSession, RevokeReply, SessionRequest,
};
use authcluster_contract::keys::SessionDigest;
use authcluster_contract::limits::SESSION_DATA_BYTES_MAX;
use authcluster_contract::user::UserKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Service;
use crate::auth::Caller;
use crate::clock;
use crate::error::{ApiError, whole_seconds};
use crate::store::Session;

/// Random bytes of a session id. OWASP asks for 8 at least; with 32 nobody need think of it again.
const ID_BYTES: usize = 32;

impl Service {
    pub(super) fn check_session(session: &NewSession) -> Result<(), ApiError> {
        if session.data.len() <= SESSION_DATA_BYTES_MAX {
            return Ok(());
        }
        let detail = format!("`session.data` is longer than {SESSION_DATA_BYTES_MAX} bytes");
        Err(ApiError::new(Code::MalformedRequest, detail))
    }

    pub(super) async fn create_session(
        &self,
        caller: &Caller,
        user: UserKey,
        username: String,
        session: NewSession,
    ) -> Result<CreatedSession, ApiError> {
        let id = URL_SAFE_NO_PAD.encode(clock::random_bytes::<ID_BYTES>()?);
        let absolute = u64::from(self.sessions.absolute_timeout_seconds);
        let session = Session {
            user,
            realm: caller.realm.clone(),
            username,
            data: session.data,
            idle_timeout: Duration::from_secs(u64::from(self.sessions.idle_timeout_seconds)),
            absolute_timeout: Duration::from_secs(absolute),
        };
        self.store.create_session(&SessionDigest::of(&id), &session).await?;
        Ok(CreatedSession { id, expires_in_seconds: absolute })
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
            username: Some(live.username),
            data: Some(live.data),
            expires_in_seconds: Some(whole_seconds(live.expires_in)),
        }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn revoke(
        &self,
        caller: &Caller,
        request: &SessionRequest,
    ) -> Result<RevokeReply, ApiError> {
        let digest = SessionDigest::of(request.session.expose());
        Ok(RevokeReply { revoked: self.store.revoke_session(&digest, &caller.realm).await? })
    }
}
