//! Bodies of `/v1/migrations/wrap`.

use serde::{Deserialize, Serialize};

use super::Code;
use crate::secret::SecretString;

/// `POST /v1/migrations/wrap`: up to [`crate::limits::WRAP_ROWS_MAX`] stored hashes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrapRequest {
    /// The rows.
    pub rows: Vec<WrapRow>,
}

/// One of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrapRow {
    /// The stored hash.
    pub encoded: SecretString,
}

/// Answer to `POST /v1/migrations/wrap`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapReply {
    /// What became of each row, in their order.
    pub rows: Vec<WrapVerdict>,
}

/// What became of a row.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum WrapVerdict {
    /// It is wrapped.
    Wrapped {
        /// What is to be stored.
        encoded: String,
        /// What it replaces: store the new one only where this one still is.
        replaces: String,
    },
    /// It is not, and stays as it is.
    Refused {
        /// Why, for programs: a code of the API.
        code: Code,
        /// Why, in words.
        detail: String,
    },
}
