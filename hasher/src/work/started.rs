//! Whether a job's hash may have begun: what decides if a failed login attempt is refunded.
//!
//! The flag travels with the job. A hashing worker of this pod sets it under the queue's lock, just
//! before it computes. For a peer it is set when the request is handed to the connection, because
//! from then on a worker of the peer may begin at any time, and it is cleared only by the peer's word
//! that it did not begin (refused, too many jobs of the user, not able to). A peer that breaks off,
//! fails or is late leaves the flag set: its worker may be computing.
//!
//! Invariant: if the flag is clear after the caller's future was dropped, no worker computes the hash.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// A flag that all copies of a job share. Clear at first.
#[derive(Clone, Debug, Default)]
pub struct HashStarted(Arc<Marks>);

#[derive(Debug, Default)]
struct Marks {
    /// A worker began, or may have begun at a peer that has not said otherwise.
    begun: AtomicBool,
    /// The job is on its way to a peer that has not answered yet.
    at_peer: AtomicBool,
}

impl HashStarted {
    /// A hashing worker begins.
    ///
    /// A worker calls this and then looks whether the caller has gone; a caller goes and then looks at
    /// the flag. The two fences make sure that at least one of them sees the other.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Whether a hashing worker may have begun, here or at a peer.
    #[must_use]
    pub fn may_have_begun(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.begun.load(Ordering::SeqCst) || self.0.at_peer.load(Ordering::SeqCst)
    }

    /// The job is handed to a peer's connection.
    pub(crate) fn sent_to_peer(&self) {
        self.0.at_peer.store(true, Ordering::SeqCst);
    }

    /// The peer says that no worker began, or nothing of the job was sent.
    pub(crate) fn not_begun_at_peer(&self) {
        self.0.at_peer.store(false, Ordering::SeqCst);
    }

    /// The call to the peer ended without such a word, so the hash counts as begun if the job was sent.
    pub(crate) fn ended_at_peer(&self) {
        if self.0.at_peer.swap(false, Ordering::SeqCst) {
            self.begin();
        }
    }
}

#[cfg(test)]
mod tests {
    //! Which calls to peers count as begun.

    use super::*;

    #[test]
    fn a_job_that_was_never_sent_has_not_begun() {
        let started = HashStarted::default();
        assert!(!started.may_have_begun());
        // The peer could not be reached.
        started.ended_at_peer();
        assert!(!started.may_have_begun());
    }

    #[test]
    fn a_job_on_its_way_may_have_begun_until_the_peer_refuses() {
        let started = HashStarted::default();
        started.sent_to_peer();
        assert!(started.may_have_begun());
        started.not_begun_at_peer();
        started.ended_at_peer();
        assert!(!started.may_have_begun());
    }

    #[test]
    fn a_refusal_does_not_speak_for_the_peer_before() {
        let started = HashStarted::default();
        started.sent_to_peer();
        // The first peer breaks off; the second refuses.
        started.ended_at_peer();
        started.sent_to_peer();
        started.not_begun_at_peer();
        started.ended_at_peer();
        assert!(started.may_have_begun());
    }

    #[test]
    fn copies_share_the_flag() {
        let started = HashStarted::default();
        started.clone().begin();
        assert!(started.may_have_begun());
    }
}
