//! What the labels of metrics say. Closed sets: no user, no caller's content.

use super::closed::closed;
use crate::peer::Answer;

closed! {
    /// How a job between two pods came out.
    pub enum PeerOutcome {
        /// It was computed.
        Done = "done",
        /// The peer was busy.
        Refused = "refused",
        /// The peer had enough jobs of the user.
        UserBusy = "user-busy",
        /// The peer cannot do such a job: it knows no such format or pepper, or has no memory for it.
        Cannot = "cannot",
        /// The peer could not be reached, broke off, or tried in vain.
        Failed = "failed",
        /// The pod that asked went away; counted by the one that was asked.
        Gone = "gone",
    }
}

impl PeerOutcome {
    /// The outcome of an answer.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Done(_) => Self::Done,
            Answer::Refused(_) => Self::Refused,
            Answer::UserBusy => Self::UserBusy,
            Answer::Cannot(_) => Self::Cannot,
            Answer::Failed(_) => Self::Failed,
        }
    }
}

closed! {
    /// Why this side ended a connection.
    pub enum ConnectionEnd {
        /// No valid token, certificate or request within 5 s.
        Unproven = "unproven",
        /// No request for 75 s.
        Idle = "idle",
        /// Another connection needed its place.
        MadeRoom = "made-room",
        /// The pod ended.
        Drained = "drained",
    }
}

closed! {
    /// What became of a session, where a team wants to know how often.
    pub enum SessionEvent {
        /// It has another id.
        Rotated = "rotated",
        /// An id was used after it had been replaced, so two parties have it, and the session was ended.
        Reused = "reused",
        /// It was one too many of its user, and was ended.
        MadeRoom = "made-room",
        /// The backup answered for it.
        FromBackup = "from-backup",
        /// It was made anew from its backup.
        Repaired = "repaired",
    }
}

closed! {
    /// How a login came out. Users without a row are counted with wrong passwords: metrics do not tell whether a
    /// user exists.
    pub enum LoginResult {
        /// The password is right.
        Match = "match",
        /// The password is wrong, or no password can be right: no such user, or a blank or locked hash.
        Mismatch = "mismatch",
    }
}

closed! {
    /// How a call to the shared store failed.
    pub enum StoreFailure {
        /// There was no answer in time, or it was an error.
        Unreachable = "unreachable",
        /// Redis has no memory left for what was to be written.
        Full = "full",
        /// What was read cannot be.
        Corrupt = "corrupt",
        /// Too few replicas have what was written.
        NotReplicated = "not-replicated",
    }
}
