//! Which callers the hashers accept. One caller whose token is missing or unusable is disabled alone: the
//! file for the hashers leaves it out, so that a token that worked before stops working, and everything else
//! of the resource goes on. A token that two callers share identifies neither of them, so both are disabled.

use std::collections::BTreeMap;

use authcluster_contract::token::TokenError;

use super::objects::Digests;
use super::validate::Caller;

/// The callers of a resource, in its order, by what becomes of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerPlan<'a> {
    /// Callers that the hashers accept, each with the SHA-256 of its token in hexadecimal.
    pub enabled: Vec<(&'a Caller, &'a str)>,
    /// Callers that the hashers refuse until a Secret changes.
    pub disabled: Vec<DisabledCaller<'a>>,
}

/// A caller that the hashers refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("caller {}: {why}", caller.name)]
pub struct DisabledCaller<'a> {
    /// The caller.
    pub caller: &'a Caller,
    /// What is wrong with its token.
    pub why: UnusableToken,
}

impl DisabledCaller<'_> {
    /// Whether the operator generates the missing Secret in this pass, so that no action is required.
    #[must_use]
    pub fn is_being_generated(&self) -> bool {
        self.caller.generated && matches!(self.why, UnusableToken::SecretMissing { .. })
    }
}

/// Why the token of a caller cannot be used. Never contains the token or its digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableToken {
    /// The Secret does not exist.
    #[error("Secret {secret} does not exist")]
    SecretMissing {
        /// The Secret.
        secret: String,
    },
    /// The Secret has other keys only.
    #[error("Secret {secret} has no key {key}")]
    KeyMissing {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// The value breaks the rules for tokens.
    #[error("{cause} (Secret {secret}, key {key})")]
    Refused {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
        /// The rule.
        cause: TokenError,
    },
    /// Other callers have the same token, in the same Secret or in another one.
    #[error("its token is also that of {} (Secret {secret}, key {key})", others.join(", "))]
    Shared {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
        /// Names of the other callers.
        others: Vec<String>,
    },
}

/// Decides which of `callers` the hashers accept.
#[must_use]
pub fn plan_callers<'a>(callers: &'a [Caller], digests: &'a Digests) -> CallerPlan<'a> {
    let tokens: Vec<_> = callers.iter().map(|caller| (caller, token(caller, digests))).collect();
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (caller, digest) in &tokens {
        if let Ok(digest) = digest {
            owners.entry(digest).or_default().push(&caller.name);
        }
    }
    let mut plan = CallerPlan::default();
    for (caller, digest) in tokens {
        let digest = digest.and_then(|digest| {
            let owners = owners.get(digest).into_iter().flatten();
            let others: Vec<String> =
                owners.filter(|name| **name != caller.name).map(ToString::to_string).collect();
            if others.is_empty() {
                return Ok(digest);
            }
            let (secret, key) = (caller.secret.clone(), caller.key.clone());
            Err(UnusableToken::Shared { secret, key, others })
        });
        match digest {
            Ok(digest) => plan.enabled.push((caller, digest)),
            Err(why) => plan.disabled.push(DisabledCaller { caller, why }),
        }
    }
    plan
}

/// The digest of the token of one caller, whoever else has it.
fn token<'a>(caller: &Caller, digests: &'a Digests) -> Result<&'a str, UnusableToken> {
    let (secret, key) = (caller.secret.clone(), caller.key.clone());
    if !digests.has_secret(&secret) {
        return Err(UnusableToken::SecretMissing { secret });
    }
    if let Some(cause) = digests.token_error(&secret, &key) {
        return Err(UnusableToken::Refused { secret, key, cause });
    }
    digests.of(&secret, &key).map_err(|_| UnusableToken::KeyMissing { secret, key })
}

#[cfg(test)]
mod tests;
