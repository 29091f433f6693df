//! One copy of one session: the primary, or the backup of a critical one.

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey};

use super::{At, BACKUP_TOUCHES, Expiring, forget_ended};

/// What a session was created with, in the clear or sealed.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Content {
    /// The name as spelled at login; empty when sealed, and without one.
    pub username: String,
    /// The caller's own id of the user; empty when sealed, and without one.
    pub user_id: String,
    /// What the caller stored with it; when sealed, all three of them.
    pub data: String,
    /// Id of the key that it is sealed with; empty = in the clear.
    pub key: String,
}

/// What is at the key of a copy.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub enum Kept {
    /// A session that lives.
    Live(Box<Live>),
    /// Its id was replaced by another one.
    Rotated(Rotated),
    /// It was ended: a tombstone, until it would have ended by itself.
    Revoked(Revoked),
}

/// A session that lives.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Live {
    /// The caller's part of the user space.
    pub realm: Realm,
    /// Whose it is.
    pub user: UserKey,
    /// What it was created with.
    pub content: Content,
    /// Ends it when it was not touched for so long, in milliseconds.
    pub idle_ms: u64,
    /// How much sooner this copy ends than `idle_ms` says; 0 = it is the primary.
    pub spare_ms: u64,
    /// When it ends for good.
    pub end_ms: u64,
    /// When the user signed in.
    pub created_ms: u64,
    /// The user's generation at that time.
    pub generation: String,
    /// Whether there is a backup.
    pub critical: bool,
    /// When the backup was touched last, as far as the primary knows.
    pub backed_ms: u64,
}

/// A session whose id was replaced.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Rotated {
    /// As in [`Live`].
    pub realm: Realm,
    /// As in [`Live`].
    pub user: UserKey,
    /// As in [`Live`].
    pub critical: bool,
    /// As in [`Live`].
    pub end_ms: u64,
    /// What it is stored under now.
    pub successor: SessionDigest,
    /// Since when.
    pub rotated_ms: u64,
}

/// A tombstone.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Revoked {
    /// As in [`Live`].
    pub realm: Realm,
    /// As in [`Live`].
    pub critical: bool,
    /// As in [`Live`].
    pub end_ms: u64,
}

/// Keeps a copy.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Put {
    /// As in [`Live`].
    pub realm: Realm,
    /// As in [`Live`].
    pub user: UserKey,
    /// As in [`Live`].
    pub content: Content,
    /// As in [`Live`].
    pub idle_ms: u64,
    /// As in [`Live`].
    pub spare_ms: u64,
    /// Time until it ends for good, in milliseconds.
    pub left_ms: u64,
    /// As in [`Live`]; `None` = now.
    pub created_ms: Option<u64>,
    /// As in [`Live`].
    pub generation: String,
    /// As in [`Live`].
    pub critical: bool,
    /// What it may take the place of.
    pub over: Over,
}

/// What a copy may take the place of.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub enum Over {
    /// Nothing: whatever is there counts, a tombstone above all.
    Nothing,
    /// The trace of a rotation to this one, which is taken back.
    Rotation(SessionDigest),
    /// Anything: it is new, and its digest nobody else's.
    Anything,
}

/// Reads a copy.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Read {
    /// Whose sessions may be seen.
    pub realm: Realm,
    /// For how long a rotated id is still answered for, in milliseconds.
    pub grace_ms: u64,
    /// Whether the idle timeout starts anew.
    pub touch: bool,
}

/// What was read.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub enum ReadReply {
    /// Nothing is there.
    Missing,
    /// Another realm's session, of which nothing is said.
    OtherRealm,
    /// A tombstone.
    Revoked,
    /// Its id was replaced.
    Rotated {
        /// By which, and whose it is.
        to: Successor,
        /// Whether that was so lately that the old id is still answered for.
        in_grace: bool,
    },
    /// It lives.
    Live(Box<Found>),
}

/// A session that lives, as it was read.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Found {
    /// As in [`Live`].
    pub user: UserKey,
    /// As in [`Live`].
    pub content: Content,
    /// As in [`Live`].
    pub generation: String,
    /// As in [`Live`].
    pub critical: bool,
    /// As in [`Live`].
    pub idle_ms: u64,
    /// As in [`Live`].
    pub created_ms: u64,
    /// Time until this copy ends unless it is touched, in milliseconds.
    pub expires_in_ms: u64,
    /// Time until it ends for good, in milliseconds.
    pub left_ms: u64,
    /// Whether the backup is to be touched now.
    pub backup_due: bool,
}

/// What replaced an id.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Successor {
    /// What it is stored under.
    pub digest: SessionDigest,
    /// Whose it is.
    pub user: UserKey,
    /// Whether both have backups.
    pub critical: bool,
}

/// Ends a copy.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Revoke {
    /// Whose sessions may be ended.
    pub realm: Realm,
    /// Where nothing is: leaves a tombstone for so long, in milliseconds; 0 = leaves nothing.
    pub bury_ms: u64,
    /// Whether a rotated one becomes a tombstone too.
    pub rotated_too: bool,
}

/// What was ended.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub enum RevokeReply {
    /// Nothing is there.
    Missing,
    /// Another realm's session, which stays.
    OtherRealm,
    /// It was a tombstone.
    Revoked {
        /// Whether it had a backup.
        critical: bool,
    },
    /// Its id had been replaced.
    Rotated(Successor),
    /// It lived.
    Ended {
        /// Whose it was.
        user: UserKey,
        /// Whether it has a backup.
        critical: bool,
        /// Time until it would have ended for good, in milliseconds.
        left_ms: u64,
    },
}

impl Kept {
    fn realm(&self) -> &Realm {
        match self {
            Self::Live(live) => &live.realm,
            Self::Rotated(rotated) => &rotated.realm,
            Self::Revoked(revoked) => &revoked.realm,
        }
    }

    fn end_ms(&self) -> u64 {
        match self {
            Self::Live(live) => live.end_ms,
            Self::Rotated(rotated) => rotated.end_ms,
            Self::Revoked(revoked) => revoked.end_ms,
        }
    }
}

/// Keeps a session, if it may take the place of what is there. Says whether it is kept.
pub fn put(at: &mut At<Kept>, put: &Put, now_ms: u64) -> bool {
    forget_ended(at, now_ms);
    let may = match (&put.over, at.as_ref().map(|kept| &kept.value)) {
        (Over::Anything, _) | (_, None) => true,
        (Over::Rotation(to), Some(Kept::Rotated(rotated))) => *to == rotated.successor,
        (Over::Rotation(_) | Over::Nothing, Some(_)) => false,
    };
    if !may {
        return false;
    }
    let life_ms = put.idle_ms.saturating_sub(put.spare_ms).min(put.left_ms);
    let live = Live {
        realm: put.realm.clone(),
        user: put.user.clone(),
        content: put.content.clone(),
        idle_ms: put.idle_ms,
        spare_ms: put.spare_ms,
        end_ms: now_ms.saturating_add(put.left_ms),
        created_ms: put.created_ms.unwrap_or(now_ms),
        generation: put.generation.clone(),
        critical: put.critical,
        backed_ms: now_ms,
    };
    let expires_ms = now_ms.saturating_add(life_ms);
    *at = Some(Expiring { value: Kept::Live(Box::new(live)), expires_ms });
    true
}

/// Reads a copy, and starts its idle timeout anew when told to, never beyond its end.
pub fn read(at: &mut At<Kept>, read: &Read, now_ms: u64) -> ReadReply {
    forget_ended(at, now_ms);
    let Some(kept) = at else { return ReadReply::Missing };
    if *kept.value.realm() != read.realm {
        return ReadReply::OtherRealm;
    }
    let left_ms = kept.value.end_ms().saturating_sub(now_ms);
    if left_ms == 0 {
        *at = None;
        return ReadReply::Missing;
    }
    match &mut kept.value {
        Kept::Revoked(_) => ReadReply::Revoked,
        Kept::Rotated(rotated) => ReadReply::Rotated {
            to: rotated.successor(),
            in_grace: now_ms < rotated.rotated_ms.saturating_add(read.grace_ms),
        },
        Kept::Live(live) => {
            let mut backup_due = false;
            if read.touch {
                let life_ms = live.idle_ms.saturating_sub(live.spare_ms).min(left_ms);
                kept.expires_ms = now_ms.saturating_add(life_ms);
                backup_due = live.backup_due(now_ms);
                if backup_due {
                    live.backed_ms = now_ms;
                }
            }
            ReadReply::Live(Box::new(Found {
                user: live.user.clone(),
                content: live.content.clone(),
                generation: live.generation.clone(),
                critical: live.critical,
                idle_ms: live.idle_ms,
                created_ms: live.created_ms,
                expires_in_ms: kept.expires_ms.saturating_sub(now_ms),
                left_ms,
                backup_due,
            }))
        }
    }
}

impl Live {
    fn backup_due(&self, now_ms: u64) -> bool {
        let since_ms = now_ms.saturating_sub(self.backed_ms);
        self.critical && self.spare_ms == 0 && self.idle_ms / BACKUP_TOUCHES <= since_ms
    }
}

impl Rotated {
    fn successor(&self) -> Successor {
        let Self { user, critical, successor, .. } = self;
        Successor { digest: successor.clone(), user: user.clone(), critical: *critical }
    }
}

/// Leaves a tombstone where a live session is, and as told elsewhere. A tombstone is written again
/// where it is, so that whoever waits for replicas waits for it.
pub fn revoke(at: &mut At<Kept>, revoke: &Revoke, now_ms: u64) -> RevokeReply {
    forget_ended(at, now_ms);
    let other = at.as_ref().is_some_and(|kept| *kept.value.realm() != revoke.realm);
    if other {
        return RevokeReply::OtherRealm;
    }
    let ended = at.as_ref().is_some_and(|kept| kept.value.end_ms() <= now_ms);
    if ended {
        *at = None;
    }
    let (reply, bury, critical, end_ms) = match at.as_ref().map(|kept| &kept.value) {
        None => {
            let end_ms = now_ms.saturating_add(revoke.bury_ms);
            (RevokeReply::Missing, 0 < revoke.bury_ms, true, end_ms)
        }
        Some(Kept::Revoked(Revoked { critical, end_ms, .. })) => {
            (RevokeReply::Revoked { critical: *critical }, true, *critical, *end_ms)
        }
        Some(Kept::Rotated(rotated)) => {
            let reply = RevokeReply::Rotated(rotated.successor());
            (reply, revoke.rotated_too, rotated.critical, rotated.end_ms)
        }
        Some(Kept::Live(live)) => {
            let left_ms = live.end_ms.saturating_sub(now_ms);
            let (user, critical) = (live.user.clone(), live.critical);
            let reply = RevokeReply::Ended { user, critical, left_ms };
            (reply, true, live.critical, live.end_ms)
        }
    };
    if bury {
        let tombstone = Revoked { realm: revoke.realm.clone(), critical, end_ms };
        *at = Some(Expiring { value: Kept::Revoked(tombstone), expires_ms: end_ms });
    }
    reply
}

/// Replaces the id of a session that lives. Says whether this successor has replaced it: of two at
/// once, one does, and the same one may ask again.
pub fn rotate(at: &mut At<Kept>, realm: &Realm, successor: &SessionDigest, now_ms: u64) -> bool {
    forget_ended(at, now_ms);
    let live = match at.as_ref().map(|kept| &kept.value) {
        Some(Kept::Live(live)) => live,
        Some(Kept::Rotated(rotated)) => {
            return rotated.realm == *realm && rotated.successor == *successor;
        }
        Some(Kept::Revoked(_)) | None => return false,
    };
    if live.realm != *realm || live.end_ms <= now_ms {
        return false;
    }
    let rotated = Rotated {
        realm: realm.clone(),
        user: live.user.clone(),
        critical: live.critical,
        end_ms: live.end_ms,
        successor: successor.clone(),
        rotated_ms: now_ms,
    };
    *at = Some(Expiring { expires_ms: rotated.end_ms, value: Kept::Rotated(rotated) });
    true
}

#[cfg(test)]
mod tests;
