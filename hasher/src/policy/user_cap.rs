//! How many jobs of one user a pod takes at once.
//!
//! Nobody logs in three times at the same moment, but whoever guesses one user's password does, and
//! affinity would send all of it to one pod. So the user's pod takes few and refuses the rest for good:
//! no other pod is asked, or the guesses would spread over all of them. A known-good pair of user and
//! address has a slot of its own, so that those guesses do not lock the owner out.
//!
//! Counted by each pod for itself, jobs that wait included. It does not bound guesses per hour: that is
//! the rate limit's.

/// Whether one more job of a user may start. `under_way` is one item for each job of that user on this
/// pod: whether it came from a known-good pair.
#[must_use]
pub fn admits(under_way: impl IntoIterator<Item = bool>, known: bool, jobs_max: u32) -> bool {
    let (mut known_jobs, mut others) = (0_u32, 0_u32);
    for is_known in under_way {
        if is_known {
            known_jobs = known_jobs.saturating_add(1);
        } else {
            others = others.saturating_add(1);
        }
    }
    let own_slot_is_free = known && known_jobs == 0;
    let shared = others.saturating_add(known_jobs.saturating_sub(1));
    own_slot_is_free || shared < jobs_max
}

#[cfg(test)]
mod tests;
