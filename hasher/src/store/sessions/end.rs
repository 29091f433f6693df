//! The end of a session before its time: tombstones, in both slots when there are two copies, so that no
//! touch and no repair brings it back. Every one is durable.

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey};

use super::slots::{SessionSlots, Step, backup, primary};
use crate::policy::sessions::copy::{Revoke, RevokeReply, Successor};
use crate::telemetry::SessionEvent;

/// Rotations that a revoke follows. Beyond it, all sessions of the user are ended instead: the end of a
/// long chain must not depend on walking all of it.
const CHAIN_MAX: u32 = 64;

/// What was under a digest.
enum Ended {
    /// Nothing that lived.
    Nothing,
    /// A session.
    Session,
    /// One that has another id now, and lives under that.
    Rotated(Successor),
}

pub(super) async fn revoke<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    realm: &Realm,
) -> Step<bool> {
    match bury(store, digest, realm, false).await? {
        Ended::Nothing => Ok(false),
        Ended::Session => Ok(true),
        Ended::Rotated(to) => end_chain(store, digest, realm, to).await,
    }
}

pub(super) async fn revoke_all<S: SessionSlots>(store: &S, user: &UserKey) -> Step<u64> {
    store.replace(user, &store.session_settings().replace()?).await
}

/// An id was used after it had been replaced and its grace was over: the user has the new one, or a thief
/// has, and nobody can tell which (RFC 9700, section 4.14.2). So both lose it.
pub(super) async fn reused<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    realm: &Realm,
    to: Successor,
) -> Step<()> {
    store.session_settings().metrics.session(SessionEvent::Reused);
    tracing::warn!(
        realm = realm.as_str(),
        "a session id was used after it had been rotated: the session is ended, as the id may be stolen"
    );
    end_chain(store, digest, realm, to).await?;
    Ok(())
}

/// Ends the session that an old id leads to. The old id becomes a tombstone at last, not at first: a
/// failure on the way must leave it to be followed again.
async fn end_chain<S: SessionSlots>(
    store: &S,
    old: &SessionDigest,
    realm: &Realm,
    to: Successor,
) -> Step<bool> {
    let mut next = to.clone();
    let mut ended = None;
    for _ in 0..CHAIN_MAX {
        match bury(store, &next.digest, realm, false).await? {
            Ended::Rotated(successor) => next = successor,
            Ended::Session => ended = Some(true),
            Ended::Nothing => ended = Some(false),
        }
        if ended.is_some() {
            break;
        }
    }
    let ended = match ended {
        Some(ended) => ended,
        None => 0 < revoke_all(store, &to.user).await?,
    };
    bury(store, old, realm, true).await?;
    Ok(ended)
}

/// Leaves tombstones for one digest.
async fn bury<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    realm: &Realm,
    rotated_too: bool,
) -> Step<Ended> {
    let at = |bury_ms| Revoke { realm: realm.clone(), bury_ms, rotated_too };
    let (first, second) = (primary(digest), backup(digest));
    let reply = match store.revoke(&first, &at(0)).await {
        Ok(reply) => reply,
        Err(error) => {
            // Not a success, whatever comes of it. But while the primary copy is out of reach the backup
            // answers, and it should not.
            drop(store.revoke(&second, &at(0)).await);
            return Err(error);
        }
    };
    match reply {
        RevokeReply::OtherRealm => Ok(Ended::Nothing),
        RevokeReply::Ended { user, critical, left_ms } => {
            if critical {
                store.revoke(&second, &at(left_ms)).await?;
            }
            leave_index(store, digest, &user).await;
            Ok(Ended::Session)
        }
        RevokeReply::Revoked { critical } => {
            if critical {
                // The call that left the first tombstone may have failed before the second.
                store.revoke(&second, &at(0)).await?;
            }
            Ok(Ended::Nothing)
        }
        RevokeReply::Rotated(to) => {
            if to.critical && rotated_too {
                store.revoke(&second, &at(0)).await?;
            }
            Ok(Ended::Rotated(to))
        }
        RevokeReply::Missing => match store.revoke(&second, &at(0)).await? {
            RevokeReply::Ended { user, left_ms, .. } => {
                // Whoever has just read the backup may be about to restore the primary from it.
                store.revoke(&first, &at(left_ms)).await?;
                leave_index(store, digest, &user).await;
                Ok(Ended::Session)
            }
            RevokeReply::Rotated(to) => Ok(Ended::Rotated(to)),
            RevokeReply::Missing | RevokeReply::OtherRealm | RevokeReply::Revoked { .. } => {
                Ok(Ended::Nothing)
            }
        },
    }
}

/// An entry that stays is found out when it is read.
pub(super) async fn leave_index<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    user: &UserKey,
) {
    if let Err(error) = store.leave(user, std::slice::from_ref(digest)).await {
        tracing::debug!(%error, "a session that is over stays in the index");
    }
}
