//! Limits are lifted by hand: for a user who is locked out, by the team's help desk.

use authcluster_contract::http::{LimitsResetReply, LimitsResetRequest};

use super::Service;
use super::subject::Named;
use crate::auth::Caller;
use crate::error::ApiError;

impl Service {
    /// Lifts the limits of a user.
    ///
    /// # Errors
    /// A name that is none, or the store cannot be reached.
    pub async fn reset_limits(
        &self,
        caller: &Caller,
        request: &LimitsResetRequest,
    ) -> Result<LimitsResetReply, ApiError> {
        let user = self.subject(caller, Named::new(&request.username, &request.user_id))?;
        let reset = self.limits.reset(&user).await.map_err(ApiError::limits_unavailable)?;
        tracing::info!(caller = &*caller.name, reset, "the limits of a user were lifted");
        Ok(LimitsResetReply { reset })
    }
}
