//! What may become of the keys of sessions, as pure functions: the state of one slot's keys and the
//! time in, their new state and the reply out.
//!
//! Each is the specification of one script of the Redis store, which must give the same replies and
//! times to live on the same trace (`tests/redis/session_traces.rs`). The store in memory is built on
//! these functions themselves.
//!
//! A session has one key, or two when it is critical: the primary copy and a backup in the partner
//! slot. What is kept there is *live*, *rotated* (its id was replaced; it names the successor) or
//! *revoked* (a tombstone). Only a live one has content, and nothing ever becomes live again but a
//! rotation that is taken back. All keys of a user are in one slot: the generation that valid
//! sessions carry, and the index of sessions.

pub mod copy;
pub mod user;

/// A value with the moment of its end, in milliseconds since 1970 by the store's clock.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Expiring<T> {
    /// The value.
    pub value: T,
    /// From this moment on it is not there.
    pub expires_ms: u64,
}

/// What is at a key, if anything is.
pub type At<T> = Option<Expiring<T>>;

/// Takes away what has ended.
pub(crate) fn forget_ended<T>(at: &mut At<T>, now_ms: u64) {
    if at.as_ref().is_some_and(|kept| kept.expires_ms <= now_ms) {
        *at = None;
    }
}

/// A backup is touched when a sixteenth of the idle timeout has passed since its last touch, not at
/// each touch of its session: a busy session would cost two writes in two slots each time.
pub const BACKUP_TOUCHES: u64 = 16;

/// How much sooner than its session a backup ends when both are touched at once, in milliseconds.
/// The touch of the backup comes later by a call's time, at most half a second, and a backup must
/// not outlive the idle timeout of its session. Together with [`BACKUP_TOUCHES`], a session that is
/// restored from its backup ends at most an eighth of the idle timeout early.
#[must_use]
pub fn backup_spare_ms(idle_ms: u64) -> u64 {
    (idle_ms / BACKUP_TOUCHES).clamp(1, 1_000)
}

/// A moment as people and programs read it (RFC 3339, in UTC, to the second). Years beyond 9999 have no such
/// form, so they are not reached.
#[must_use]
pub fn rfc_3339(unix_ms: u64) -> String {
    /// The last second of the year 9999.
    const LAST: u64 = 253_402_300_799;
    let seconds = (unix_ms / 1_000).min(LAST);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    // Days since 0000-03-01, in eras of 400 years; a year that begins in March has its odd day last.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests;
