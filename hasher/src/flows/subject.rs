//! The user that a request is about: `user_id` is the subject of routing, limits, sessions and locks where it is sent, and the
//! canonical `username` otherwise.

use authcluster_contract::http::Code;
use authcluster_contract::user::UserKey;

use super::Service;
use crate::auth::Caller;
use crate::error::ApiError;

/// A user as a request names one.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    /// The name as typed.
    pub(super) username: Option<&'a str>,
    /// The caller's own id.
    pub(super) user_id: Option<&'a str>,
}

impl<'a> Named<'a> {
    pub(super) fn new(username: &'a Option<String>, user_id: &'a Option<String>) -> Self {
        Self { username: username.as_deref(), user_id: user_id.as_deref() }
    }
}

impl Service {
    /// The subject, if the request names a user. A username is checked beside a `user_id` too, so that a typed
    /// name gets the same refusal with and without a row.
    ///
    /// # Errors
    /// A username or an id that cannot be used.
    pub(super) fn subject_if_named(
        &self,
        caller: &Caller,
        named: Named<'_>,
    ) -> Result<Option<UserKey>, ApiError> {
        let Named { username, user_id } = named;
        let by_name = username.map(|name| self.keys.user(&caller.realm, name)).transpose()?;
        let by_id = user_id.map(|id| self.keys.user_of_id(&caller.realm, id)).transpose()?;
        Ok(by_id.or(by_name))
    }

    /// The subject of a request that is about a user.
    ///
    /// # Errors
    /// As [`Self::subject_if_named`], or neither is sent.
    pub(super) fn subject(&self, caller: &Caller, named: Named<'_>) -> Result<UserKey, ApiError> {
        self.subject_if_named(caller, named)?.ok_or_else(|| {
            let detail = "name the user: send `user_id`, or `username`";
            ApiError::new(Code::MalformedRequest, detail)
        })
    }

    /// The subject of a login; `has_row` says whether the caller found a row.
    ///
    /// # Errors
    /// As [`Self::subject`], or names that contradict the row.
    pub(super) fn subject_of_login(
        &self,
        caller: &Caller,
        named: Named<'_>,
        has_row: bool,
    ) -> Result<UserKey, ApiError> {
        if named.user_id.is_some() && !has_row {
            let detail = "`user_id` says that there is a row and `encoded: null` that there is none: leave \
                          `user_id` out where no row was found, and send `encoded` as \"\" for a row without a hash";
            return Err(ApiError::new(Code::MalformedRequest, detail));
        }
        if named.username.is_none() && !has_row {
            let detail =
                "send the name as typed as `username` where no row was found (`encoded: null`)";
            return Err(ApiError::new(Code::MalformedRequest, detail));
        }
        self.subject(caller, named)
    }
}
