//! Finding a session: the primary copy, or the backup when that is gone or out of reach.

use std::time::Duration;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::Realm;
use futures::future::join;

use super::create::as_backup;
use super::seal::Clear;
use super::slots::{SessionSlots, Step, Write, backup, primary};
use super::{LiveSession, SessionSettings, end};
use crate::policy::sessions::copy::{Content, Found, Over, Put, Read, ReadReply, Successor};
use crate::store::StoreError;
use crate::telemetry::SessionEvent;

/// Rotations within one grace that an old id is followed through. A client that asks under an id so
/// old has more in flight than makes sense.
const HOPS_MAX: u32 = 8;

/// What there is under a digest.
pub(super) enum Session {
    /// None that is valid.
    Gone,
    /// A valid one. Its generation is not yet looked at.
    Live(Box<Found>),
    /// One that has another id now.
    Rotated { to: Successor, in_grace: bool },
}

pub(super) async fn introspect<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    realm: &Realm,
) -> Step<Option<LiveSession>> {
    let mut digest = digest.clone();
    for hop in 0..HOPS_MAX {
        match find(store, &digest, realm).await? {
            Session::Gone => return Ok(None),
            Session::Live(found) => {
                let settings = store.session_settings();
                let Clear { username, user_id, data } =
                    opened(settings, &digest, realm, &found.content)?;
                let expires_in = Duration::from_millis(found.expires_in_ms);
                return Ok(Some(LiveSession { username, user_id, data, expires_in }));
            }
            Session::Rotated { to, in_grace: true } => digest = to.digest,
            Session::Rotated { to, in_grace: false } => {
                if hop == 0 {
                    end::reused(store, &digest, realm, to).await?;
                }
                return Ok(None);
            }
        }
    }
    Ok(None)
}

/// A session of the user's current generation, touched.
pub(super) async fn find<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    realm: &Realm,
) -> Step<Session> {
    let settings = store.session_settings();
    let read = Read { realm: realm.clone(), grace_ms: settings.grace_ms(), touch: true };
    let key = primary(digest);
    let unreachable = match store.read(&key, &read).await {
        Ok(ReadReply::Missing) => None,
        Err(error @ StoreError::Unreachable(_)) => Some(error),
        Err(error) => return Err(error),
        Ok(reply) => {
            return match session(reply) {
                Session::Live(found) => checked(store, digest, realm, found).await,
                session => Ok(session),
            };
        }
    };
    let second = store.read(&backup(digest), &read).await;
    match (second, unreachable) {
        // Without the primary's word, nothing in the backup's place says nothing.
        (Ok(ReadReply::Missing), Some(error)) => Err(error),
        (Ok(reply), unreachable) => match session(reply) {
            Session::Live(found) => {
                settings.metrics.session(SessionEvent::FromBackup);
                let repair = unreachable.is_none();
                restored(store, digest, &read, (found, repair)).await
            }
            session => Ok(session),
        },
        (Err(error), unreachable) => Err(unreachable.unwrap_or(error)),
    }
}

fn session(reply: ReadReply) -> Session {
    match reply {
        ReadReply::Missing | ReadReply::OtherRealm | ReadReply::Revoked => Session::Gone,
        ReadReply::Rotated { to, in_grace } => Session::Rotated { to, in_grace },
        ReadReply::Live(found) => Session::Live(found),
    }
}

/// The session, if it is of the user's current generation. Its backup follows the touch.
async fn checked<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    realm: &Realm,
    found: Box<Found>,
) -> Step<Session> {
    let is_current = if found.backup_due {
        let (is_current, ()) =
            join(is_current(store, digest, &found), touch_backup(store, digest, realm, &found))
                .await;
        is_current?
    } else {
        is_current(store, digest, &found).await?
    };
    Ok(if is_current { Session::Live(found) } else { Session::Gone })
}

async fn is_current<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    found: &Found,
) -> Step<bool> {
    let generation = store.generation(&found.user).await?;
    if generation.as_ref() == Some(&found.generation) {
        return Ok(true);
    }
    // It never becomes valid again, so whether this succeeds makes no difference to anyone.
    let (first, second) = (primary(digest), backup(digest));
    let gone = join(store.delete(&second), store.delete(&first)).await;
    if let Err(error) = gone.0.and(gone.1) {
        tracing::debug!(%error, "a session of an old generation stays until it ends by itself");
    }
    Ok(false)
}

/// Touches the backup, and makes it anew where its shard has lost it. A failure harms nothing: the
/// backup ends a little sooner.
async fn touch_backup<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    realm: &Realm,
    found: &Found,
) {
    let read = Read { realm: realm.clone(), grace_ms: 0, touch: true };
    let key = backup(digest);
    let touched = match store.read(&key, &read).await {
        Ok(ReadReply::Missing) => {
            let copy = as_backup(&put(realm, found));
            store.put(&key, &copy, Write::Plain).await.map(|_| ())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = touched {
        tracing::debug!(%error, "the backup of a session was not touched");
    }
}

/// A session of which the backup is left. When the primary's shard answers, the primary copy is made
/// anew, unless something is there by now, which counts then.
async fn restored<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    read: &Read,
    (found, repair): (Box<Found>, bool),
) -> Step<Session> {
    if !is_current(store, digest, &found).await? {
        return Ok(Session::Gone);
    }
    if !repair {
        return Ok(Session::Live(found));
    }
    let key = primary(digest);
    match store.put(&key, &put(&read.realm, &found), Write::Plain).await {
        Ok(true) => store.session_settings().metrics.session(SessionEvent::Repaired),
        Ok(false) => return Ok(session(store.read(&key, read).await?)),
        Err(error) => tracing::debug!(%error, "a session was not restored from its backup"),
    }
    Ok(Session::Live(found))
}

/// The session as it was found, to be kept again.
pub(super) fn put(realm: &Realm, found: &Found) -> Put {
    Put {
        realm: realm.clone(),
        user: found.user.clone(),
        content: found.content.clone(),
        idle_ms: found.idle_ms,
        spare_ms: 0,
        left_ms: found.left_ms,
        created_ms: Some(found.created_ms),
        generation: found.generation.clone(),
        critical: found.critical,
        over: Over::Nothing,
    }
}

/// The content in the clear.
pub(super) fn opened(
    settings: &SessionSettings,
    digest: &SessionDigest,
    realm: &Realm,
    content: &Content,
) -> Step<Clear> {
    Ok(super::seal::open(settings.sealer.as_deref(), digest, realm, content)?)
}

/// A session in a list: read where it is, and touched nowhere.
pub(super) async fn peek<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    realm: &Realm,
) -> Step<Option<Box<Found>>> {
    let read = Read { realm: realm.clone(), grace_ms: 0, touch: false };
    let first = match store.read(&primary(digest), &read).await {
        Ok(ReadReply::Missing) => None,
        Err(error @ StoreError::Unreachable(_)) => Some(error),
        other => return Ok(live(other?)),
    };
    match (store.read(&backup(digest), &read).await, first) {
        (Ok(ReadReply::Missing), Some(error)) => Err(error),
        (Ok(reply), _) => Ok(live(reply)),
        (Err(error), first) => Err(first.unwrap_or(error)),
    }
}

fn live(reply: ReadReply) -> Option<Box<Found>> {
    match reply {
        ReadReply::Live(found) => Some(found),
        ReadReply::Missing
        | ReadReply::OtherRealm
        | ReadReply::Revoked
        | ReadReply::Rotated { .. } => None,
    }
}
