//! Wrap: Argon2id around stored hashes, without anyone's password. Each row is a job of its own, offered,
//! priced and admitted as every other, and none of them fails the rest.

use std::time::Instant;

use authcluster_contract::http::{Code, WrapReply, WrapRequest, WrapVerdict};
use authcluster_contract::limits::WRAP_ROWS_MAX;
use futures::{StreamExt as _, stream};

use super::{Service, WrongOutcome};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::formats::{Stored, Wrappable};
use crate::work::{Job, Outcome};

/// Rows of one call that are on their way at once. It keeps a few pods' lanes busy, and leaves room between
/// its rows for logins, which nobody wants to wait behind a hundred of them.
const ROWS_AT_ONCE: usize = 8;

impl Service {
    /// Wraps stored hashes.
    ///
    /// # Errors
    /// More rows than a call may have. What is wrong with a row is said in its verdict.
    pub async fn wrap(
        &self,
        caller: &Caller,
        request: WrapRequest,
        deadline: Instant,
    ) -> Result<WrapReply, ApiError> {
        if request.rows.len() > WRAP_ROWS_MAX {
            let detail = format!("send at most {WRAP_ROWS_MAX} rows at once");
            return Err(ApiError::new(Code::MalformedRequest, detail));
        }
        let rows = stream::iter(request.rows).map(async |row| {
            let replaces = row.encoded.expose();
            match self.wrap_one(caller, replaces, deadline).await {
                Ok(encoded) => WrapVerdict::Wrapped { encoded, replaces: replaces.to_owned() },
                Err(error) => {
                    error.log_cause("a row was not wrapped");
                    let detail = error.detail().to_owned();
                    WrapVerdict::Refused { code: error.code(), detail }
                }
            }
        });
        Ok(WrapReply { rows: rows.buffered(ROWS_AT_ONCE).collect().await })
    }

    async fn wrap_one(
        &self,
        caller: &Caller,
        encoded: &str,
        deadline: Instant,
    ) -> Result<String, ApiError> {
        let legacy = Wrappable::new(Stored::parse(encoded, &self.bounds)?, &self.bounds)?;
        let job = Job::Wrap { legacy, policy: self.policy.clone(), salt: None };
        let job = self.offer(caller, job)?;
        match self.work.compute(None, job, deadline).await? {
            Outcome::Hashed(encoded) => Ok(encoded),
            Outcome::Verified(_) => Err(ApiError::internal(WrongOutcome)),
        }
    }
}
