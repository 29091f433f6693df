//! A new session: kept, kept once more when it is critical, and entered into its user's index. The id is
//! given out after that; what a failure leaves ends by its time to live.

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::UserKey;
use futures::future::{join, join3};

use super::settings::generation;
use super::slots::{SessionSlots, Step, Write, backup, primary};
use super::{Session, end, list, milliseconds, seal};
use crate::policy::sessions::backup_spare_ms;
use crate::policy::sessions::copy::{Over, Put};
use crate::policy::sessions::user::Join;
use crate::store::StoreError;
use crate::telemetry::SessionEvent;

/// Times that a session is kept, when its user got another generation meanwhile. Two that are a user's first
/// meet once. Beyond it somebody ends all sessions of the user again and again, and this one with them.
const TRIES_MAX: u32 = 3;

pub(super) async fn create<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    session: &Session,
) -> Step<()> {
    if session.critical && !store.copies_are_apart(digest)? {
        return Err(StoreError::CriticalUnavailable);
    }
    let kept = keep(store, digest, session).await;
    let count = match kept {
        Ok(count) => count,
        Err(error) => {
            forget(store, digest, &session.user).await;
            return Err(error);
        }
    };
    if u64::from(store.session_settings().per_user_max) < count
        && let Err(error) = make_room(store, session, digest).await
    {
        // One session too many is no reason to keep a user out; the next one makes room for both.
        tracing::warn!(%error, "a user has more sessions than they may");
    }
    Ok(())
}

/// Keeps the session first and enters it into the index after that: a list that is read in between would
/// take an entry without a session for one that is over. Says how many entries there are.
async fn keep<S: SessionSlots>(store: &S, digest: &SessionDigest, session: &Session) -> Step<u64> {
    let settings = store.session_settings();
    let Session { user, realm, idle_timeout, absolute_timeout, critical, .. } = session;
    let clear = seal::Clear {
        username: session.username.clone(),
        user_id: session.user_id.clone(),
        data: session.data.clone(),
    };
    let left_ms = milliseconds(*absolute_timeout);
    let join = entry(store, digest, left_ms)?;
    let generation = store.generation(user).await?;
    let mut put = Put {
        realm: realm.clone(),
        user: user.clone(),
        content: seal::sealed(settings.sealer.as_deref(), digest, realm, clear)?,
        idle_ms: milliseconds(*idle_timeout),
        spare_ms: 0,
        left_ms,
        created_ms: None,
        generation: generation.unwrap_or_else(|| join.candidate.clone()),
        critical: *critical,
        over: Over::Anything,
    };
    let mut count = 0;
    for _ in 0..TRIES_MAX {
        put_copies(store, digest, &put).await?;
        let joined = store.join(user, &join, Write::of(*critical)).await?;
        count = joined.count;
        if joined.generation == put.generation {
            break;
        }
        put.generation = joined.generation;
    }
    Ok(count)
}

/// What enters a session into its user's index.
pub(super) fn entry<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    left_ms: u64,
) -> Step<Join> {
    let settings = store.session_settings();
    Ok(Join {
        candidate: generation()?,
        digest: digest.clone(),
        left_ms,
        keep_ms: settings.keep_ms(left_ms),
        // Room for sessions that are over and not yet looked at, and for what could not make room.
        entries_max: u64::from(settings.per_user_max).saturating_mul(2),
    })
}

/// Writes a session that nobody knows of yet.
pub(super) async fn put_copies<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    put: &Put,
) -> Step<()> {
    let write = Write::of(put.critical);
    let first = primary(digest);
    if !put.critical {
        store.put(&first, put, write).await?;
        return Ok(());
    }
    let (second, copy) = (backup(digest), as_backup(put));
    let both = join(store.put(&first, put, write), store.put(&second, &copy, write)).await;
    both.0.and(both.1).map(|_| ())
}

/// The same session as its backup.
pub(super) fn as_backup(put: &Put) -> Put {
    Put { spare_ms: backup_spare_ms(put.idle_ms), ..put.clone() }
}

/// Takes away what a call that failed has written. Whatever is left ends by its time to live.
pub(super) async fn forget<S: SessionSlots>(store: &S, digest: &SessionDigest, user: &UserKey) {
    let (first, second, left) = (primary(digest), backup(digest), [digest.clone()]);
    let (first, second, third) =
        join3(store.delete(&first), store.delete(&second), store.leave(user, &left)).await;
    if let Err(error) = first.and(second).and(third) {
        tracing::debug!(%error, "what a failed call wrote stays until it ends by itself");
    }
}

/// Ends the user's sessions that end first, until there are as many as there may be. Those that are over
/// in fact, but not in the index, are no reason to end one.
async fn make_room<S: SessionSlots>(
    store: &S,
    Session { user, realm, .. }: &Session,
    newest: &SessionDigest,
) -> Step<()> {
    let settings = store.session_settings();
    let live = list::live(store, user, realm).await?;
    let max = usize::try_from(settings.per_user_max).unwrap_or(usize::MAX);
    let surplus = live.len().saturating_sub(max);
    let others = live.into_iter().map(|(digest, _)| digest).filter(|digest| digest != newest);
    for digest in others.take(surplus) {
        end::revoke(store, &digest, realm).await?;
        settings.metrics.session(SessionEvent::MadeRoom);
    }
    Ok(())
}
