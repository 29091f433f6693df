//! How users move from old hashes to new ones, and what old hashes are still there.

use serde::{Deserialize, Serialize};

use crate::limits::ENCODED_BYTES_MAX;

/// Shortest time that one login may hold the right to migrate, in seconds: the longest deadline of a request
/// is 15 s, but a usual one takes a second, and its caller another to write.
const LOCK_SECONDS_MIN: u32 = 5;

/// Longest one, in seconds. A caller that died holds it for so long.
const LOCK_SECONDS_MAX: u32 = 600;

/// Longest time that a replaced hash is remembered, in seconds: 30 days.
const STATUS_SECONDS_MAX: u32 = 2_592_000;

/// Most kinds of stored hashes. Teams that moved three times have four.
const MIX_MAX: usize = 16;

/// How users move from old hashes to new ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Migration {
    /// Whether new hashes are offered at all, to requests that ask for them.
    pub enabled: bool,
    /// How long one login holds the right to migrate its user, in seconds.
    pub lock_seconds: u32,
    /// How long it is remembered which hash a user's new one has replaced, in seconds.
    pub status_seconds: u32,
    /// What the stored hashes look like besides those of the policy, so that a user who does not exist
    /// takes as long as one who does.
    pub mix: Vec<MixShare>,
}

/// One kind of stored hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixShare {
    /// Any hash of the kind, of a password that nobody has: format and parameters count.
    pub example: String,
    /// How many of a hundred users have such a one.
    pub share_percent: u32,
}

impl Default for Migration {
    /// 30 s are many times what a hash and a write take. After a day no replica of a user table is still
    /// behind, and a table that was restored from a backup is migrated again.
    fn default() -> Self {
        Self { enabled: true, lock_seconds: 30, status_seconds: 86_400, mix: Vec::new() }
    }
}

impl Migration {
    /// Whether it makes sense. What is no hash is found by those who read hashes.
    ///
    /// # Errors
    /// What does not, in the spelling of the file.
    pub fn check(&self) -> Result<(), String> {
        let bound = |field: &str, value: u32, min: u32, max: u32| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(format!("migration.{field} is {value}, and must be between {min} and {max}"))
            }
        };
        bound("lock_seconds", self.lock_seconds, LOCK_SECONDS_MIN, LOCK_SECONDS_MAX)?;
        bound("status_seconds", self.status_seconds, self.lock_seconds, STATUS_SECONDS_MAX)?;
        if self.mix.len() > MIX_MAX {
            return Err(format!("migration.mix: at most {MIX_MAX} kinds"));
        }
        let mut all = 0_u32;
        for (index, MixShare { example, share_percent }) in self.mix.iter().enumerate() {
            bound(&format!("mix[{index}].share_percent"), *share_percent, 1, 100)?;
            all = all.saturating_add(*share_percent);
            if example.is_empty() || example.len() > ENCODED_BYTES_MAX {
                return Err(format!("migration.mix[{index}].example is no stored hash"));
            }
        }
        if all > 100 {
            return Err(format!("migration.mix: {all} percent are more than there are"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! What makes no sense is refused in words that say what to do.

    use super::super::HasherConfig;

    fn check(text: &str, expect: Result<(), &str>) {
        let read = HasherConfig::from_toml(text);
        let said = read.as_ref().map(|_| ()).map_err(ToString::to_string);
        assert_eq!(said, expect.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn times_and_shares_are_within_their_bounds() {
        check("[migration]\nenabled = false\n", Ok(()));
        check(
            "[migration]\nlock_seconds = 4\n",
            Err("migration.lock_seconds is 4, and must be between 5 and 600"),
        );
        check(
            "[migration]\nlock_seconds = 60\nstatus_seconds = 59\n",
            Err("migration.status_seconds is 59, and must be between 60 and 2592000"),
        );
        let of = |share: u32| {
            format!("[[migration.mix]]\nexample = \"$1$a$b\"\nshare_percent = {share}\n")
        };
        check(&format!("{}{}", of(60), of(40)), Ok(()));
        check(
            &format!("{}{}", of(60), of(41)),
            Err("migration.mix: 101 percent are more than there are"),
        );
        check(&of(0), Err("migration.mix[0].share_percent is 0, and must be between 1 and 100"));
        check(
            "[[migration.mix]]\nexample = \"\"\nshare_percent = 1\n",
            Err("migration.mix[0].example is no stored hash"),
        );
        check(&of(1).repeat(17), Err("migration.mix: at most 16 kinds"));
    }
}
