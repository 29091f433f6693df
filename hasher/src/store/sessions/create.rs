//! A new session: entered into its user's index, kept, and kept once more when it is critical. The id is
//! given out after that; what a failure leaves ends by its time to live.

use std::collections::BTreeSet;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey};
use futures::future::{join, join3};

use super::settings::generation;
use super::slots::{SessionSlots, Step, Write, backup, primary};
use super::{Session, end, list, milliseconds};
use crate::policy::sessions::backup_spare_ms;
use crate::policy::sessions::copy::{Over, Put};
use crate::policy::sessions::user::Join;
use crate::store::StoreError;
use crate::telemetry::SessionEvent;

pub(super) async fn create<S: SessionSlots>(
    store: &S,
    digest: &SessionDigest,
    session: &Session,
) -> Step<()> {
    if session.critical && !store.copies_are_apart(digest)? {
        return Err(StoreError::CriticalUnavailable);
    }
    let settings = store.session_settings();
    let left_ms = milliseconds(session.absolute_timeout);
    let join = entry(store, digest, left_ms)?;
    let write = Write::of(session.critical);
    let Session { user, realm, username, data, idle_timeout, critical, .. } = session;
    let content = match &settings.sealer {
        Some(sealer) => sealer.seal(digest, realm, username, data)?,
        None => super::seal::in_the_clear(username, data),
    };
    let joined = store.join(user, &join, write).await?;
    let put = Put {
        realm: realm.clone(),
        user: user.clone(),
        content,
        idle_ms: milliseconds(*idle_timeout),
        spare_ms: 0,
        left_ms,
        created_ms: None,
        generation: joined.generation,
        critical: *critical,
        over: Over::Anything,
    };
    let kept = async {
        put_copies(store, digest, &put).await?;
        if u64::from(settings.per_user_max) < joined.count {
            make_room(store, user, realm, digest).await?;
        }
        Ok(())
    };
    let kept = kept.await;
    if kept.is_err() {
        forget(store, digest, user).await;
    }
    kept
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
        // Room for sessions that are not ended yet, and for those that one ends with the next.
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
    user: &UserKey,
    realm: &Realm,
    newest: &SessionDigest,
) -> Step<()> {
    let settings = store.session_settings();
    let live = list::live(store, user, realm).await?;
    let max = usize::try_from(settings.per_user_max).unwrap_or(usize::MAX);
    let surplus = live.len().saturating_sub(max);
    let others = live.into_iter().map(|(digest, _)| digest).filter(|digest| digest != newest);
    let ended: BTreeSet<SessionDigest> = others.take(surplus).collect();
    for digest in &ended {
        end::revoke(store, digest, realm).await?;
        settings.metrics.session(SessionEvent::MadeRoom);
    }
    Ok(())
}
