//! Another id for a session that goes on: after a sign-in, a change of rights, or now and then. The new
//! one is kept before the old one is let go, so there is a valid id at every moment.

use std::time::Duration;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::Realm;

use super::create::{as_backup, entry, forget, put_copies};
use super::find::{Session, find, opened, put};
use super::slots::{SessionSlots, Step, Write, backup, primary};
use super::{RotatedSession, end, milliseconds, seal};
use crate::clock;
use crate::policy::sessions::copy::{Over, Put};
use crate::store::StoreError;
use crate::telemetry::SessionEvent;

pub(super) async fn rotate<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    successor: &SessionDigest,
    realm: &Realm,
) -> Step<Option<RotatedSession>> {
    let begun = clock::now();
    let found = match find(store, digest, realm).await? {
        Session::Live(found) => found,
        Session::Rotated { to, in_grace: false } => {
            end::reused(store, digest, realm, to).await?;
            return Ok(None);
        }
        Session::Gone | Session::Rotated { in_grace: true, .. } => return Ok(None),
    };
    if found.critical && !store.copies_are_apart(successor)? {
        return Err(StoreError::CriticalUnavailable);
    }
    let settings = store.session_settings();
    // No rotation moves the end: it goes to another server as time that is left, since clocks are not
    // compared, and what has been spent is taken off.
    let spent_ms = milliseconds(clock::now().saturating_duration_since(begun));
    let left_ms = found.left_ms.saturating_sub(spent_ms);
    if left_ms == 0 {
        return Ok(None);
    }
    // A seal holds under one digest alone.
    let clear = opened(settings, digest, realm, &found.content)?;
    let content = seal::sealed(settings.sealer.as_deref(), successor, realm, clear)?;
    let old = put(realm, &found);
    let new = Put { content, left_ms, over: Over::Anything, ..old.clone() };
    let replaced = match keep(store, successor, &new).await {
        Ok(true) => replace(store, digest, successor, &old).await,
        other => other,
    };
    match replaced {
        Ok(true) => {
            end::leave_index(store, digest, &found.user).await;
            settings.metrics.session(SessionEvent::Rotated);
            Ok(Some(RotatedSession { ends_in: Duration::from_millis(left_ms) }))
        }
        Ok(false) => {
            forget(store, successor, &found.user).await;
            Ok(None)
        }
        Err(error) => {
            take_back(store, digest, successor, old).await;
            forget(store, successor, &found.user).await;
            Err(error)
        }
    }
}

/// Keeps the session under its new id, unless all sessions of the user are ended in this moment.
async fn keep<S: SessionSlots>(store: &S, successor: &SessionDigest, new: &Put) -> Step<bool> {
    put_copies(store, successor, new).await?;
    let join = entry(store, successor, new.left_ms)?;
    let joined = store.join(&new.user, &join, Write::Plain).await?;
    Ok(joined.generation == new.generation)
}

/// Lets the old id go; of two rotations at once, one does.
async fn replace<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    successor: &SessionDigest,
    old: &Put,
) -> Step<bool> {
    let write = Write::of(old.critical);
    if !store.rotate(&primary(digest), &old.realm, successor, write).await? {
        return Ok(false);
    }
    if old.critical {
        // Where there is no backup, there is nothing to let go.
        store.rotate(&backup(digest), &old.realm, successor, write).await?;
    }
    Ok(true)
}

/// A rotation that may not last has not happened: the caller goes on with the old id.
async fn take_back<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    successor: &SessionDigest,
    old: Put,
) {
    let old = Put { over: Over::Rotation(successor.clone()), ..old };
    let (first, second, copy) = (primary(digest), backup(digest), as_backup(&old));
    let first = store.put(&first, &old, Write::Plain);
    let second = async {
        if old.critical { store.put(&second, &copy, Write::Plain).await } else { Ok(false) }
    };
    let (first, second) = futures::future::join(first, second).await;
    if let Err(error) = first.and(second) {
        tracing::warn!(%error, "a rotation that failed was not taken back: its session is lost");
    }
}
