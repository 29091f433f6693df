//! What is worked on for users who do not exist, so that they take as long as those who do.
//!
//! While old hashes are still there, users take as long as their own one does; one kind of work for all who
//! do not exist would tell them apart (spring-security#2280). So each takes a kind of the configured mix, always
//! the same one, chosen by the user's key: an HMAC, so that nobody outside knows which it should be.

use std::sync::Arc;

use authcluster_contract::config::MixShare;
use authcluster_contract::formats::Scheme;
use authcluster_contract::user::UserKey;

use crate::clock::{self, RandomError};
use crate::formats::argon2::{Argon2Hash, OUTPUT_BYTES, SALT_BYTES, Variant, Version};
use crate::formats::{Bounds, FormatError, Stored};
use crate::policy::rehash::Policy;

/// Stored hashes of nobody.
pub struct Nobody {
    /// Where the share of each ends, in percent from the first one's beginning.
    mix: Vec<(u32, Arc<Stored>)>,
    /// As the policy says: what is left.
    current: Arc<Stored>,
}

/// Why there is nothing to work on for users who do not exist.
#[derive(Debug, thiserror::Error)]
pub enum NobodyError {
    /// The system has no randomness to give.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A new hash is outside of the bounds of stored ones.
    #[error("the policy's own hash")]
    Policy(#[source] FormatError),
    /// An example is no hash that is worked on here.
    #[error("migration.mix[{index}].example")]
    Example {
        /// Which.
        index: usize,
        /// Why not.
        #[source]
        cause: FormatError,
    },
    /// An example of locked accounts, which take no time.
    #[error("migration.mix[{index}].example is of an account without a password")]
    Unusable {
        /// Which.
        index: usize,
    },
}

impl Nobody {
    /// Reads the examples of a mix whose shares are checked. The policy's own has a random output, so that
    /// no password matches it; those of examples may, and must not count.
    ///
    /// # Errors
    /// See [`NobodyError`].
    pub fn new(mix: &[MixShare], policy: &Policy, bounds: &Bounds) -> Result<Self, NobodyError> {
        let hash = Argon2Hash {
            variant: Variant::Id,
            version: Version::V0x13,
            cost: policy.cost,
            pepper: policy.pepper.clone(),
            salt: clock::random_bytes::<SALT_BYTES>()?.to_vec(),
            output: clock::random_bytes::<OUTPUT_BYTES>()?.to_vec(),
        };
        let current = Stored::parse(&hash.encode(), bounds).map_err(NobodyError::Policy)?;
        let mut end = 0_u32;
        let mut read = Vec::with_capacity(mix.len());
        for (index, MixShare { example, share_percent }) in mix.iter().enumerate() {
            let stored = Stored::parse(example, bounds)
                .map_err(|cause| NobodyError::Example { index, cause })?;
            if stored.scheme() == Scheme::Unusable {
                return Err(NobodyError::Unusable { index });
            }
            end = end.saturating_add(*share_percent);
            read.push((end, Arc::new(stored)));
        }
        Ok(Self { mix: read, current: Arc::new(current) })
    }

    /// What is computed for this user; without a user the hash that the policy asks for.
    #[must_use]
    pub fn for_user(&self, user: Option<&UserKey>) -> &Arc<Stored> {
        user.map_or(&self.current, |user| self.of(user))
    }

    /// What is worked on for this user.
    #[must_use]
    pub fn of(&self, user: &UserKey) -> &Arc<Stored> {
        let percent = percent(user);
        let drawn = self.mix.iter().find(|(end, _)| percent < *end);
        drawn.map_or(&self.current, |(_, stored)| stored)
    }
}

/// Where a user is among all, from 0 to 99.
fn percent(user: &UserKey) -> u32 {
    let last = user.as_str().get(24..).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    u32::try_from((u64::from(last.unwrap_or_default()) * 100) >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    //! Who takes what.

    use authcluster_contract::cost::Cost;
    use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};

    use super::*;

    const BCRYPT: &str = "$2b$10$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";
    const MD5: &str = "5f4dcc3b5aa765d61d8327deb882cf99";
    const COST: Cost = Cost { memory_kib: 7_168, iterations: 1, parallelism: 1 };

    fn nobody(mix: &[(&str, u32)]) -> Result<Nobody, NobodyError> {
        let mix = mix.iter().map(|(example, share)| MixShare {
            example: (*example).to_owned(),
            share_percent: *share,
        });
        let policy = Policy { cost: COST, pepper: None };
        Nobody::new(&mix.collect::<Vec<_>>(), &policy, &Bounds::default())
    }

    #[test]
    fn each_takes_its_share_and_always_the_same_kind() {
        let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap();
        let of = |mix: &[(&str, u32)]| nobody(mix).unwrap();
        let (alone, before) = (of(&[]), of(&[(BCRYPT, 60), (MD5, 15)]));
        let after = of(&[(BCRYPT, 50), (MD5, 15)]);
        let (mut bcrypt, mut md5, mut current, mut moved) = (0, 0, 0, 0);
        for number in 0..10_000 {
            let user = keys.user(&Realm::new("shop").unwrap(), &format!("user-{number}")).unwrap();
            let scheme = before.of(&user).scheme();
            match scheme {
                Scheme::Bcrypt => bcrypt += 1,
                Scheme::PlainDigest => md5 += 1,
                Scheme::Argon2id => current += 1,
                other => panic!("{other:?}"),
            }
            assert_eq!(alone.of(&user).scheme(), Scheme::Argon2id);
            moved += u32::from(after.of(&user).scheme() != scheme);
        }
        assert!((5_800..6_200).contains(&bcrypt), "{bcrypt}");
        assert!((1_350..1_650).contains(&md5), "{md5}");
        assert_eq!(bcrypt + md5 + current, 10_000);
        // A share that changes by a tenth moves those at its ends, and nobody else.
        assert!((1_800..2_200).contains(&moved), "{moved}");
    }

    #[test]
    fn an_example_is_a_hash_that_takes_work() {
        let said = |mix: &[(&str, u32)]| {
            let error = nobody(mix).err().unwrap();
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error} {}", cause.unwrap_or_default())
        };
        assert!(said(&[(MD5, 1), ("secret-looking", 1)]).starts_with("migration.mix[1].example "));
        assert!(!said(&[("secret-looking", 1)]).contains("secret-looking"));
        let dear = BCRYPT.replace("$10$", "$31$");
        assert!(said(&[(&dear, 1)]).contains("cost 31, and must be between"));
        assert!(said(&[("!", 1)]).contains("without a password"));
    }
}
