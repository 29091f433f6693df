//! The sessions of a user. The index may name sessions that are over; each is looked at, and those that
//! are gone leave the index (spring-session#2230).

use std::time::Duration;

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::ListedSession;
use super::find::{opened, peek};
use super::slots::{SessionSlots, Step};
use crate::policy::sessions::copy::Found;
use crate::policy::sessions::user::Listed;

/// Sessions that are read at once. More would only queue up on the same few connections.
const READS_MAX: usize = 32;

pub(super) async fn list<S: SessionSlots>(
    store: &S,
    user: &UserKey,
    realm: &Realm,
) -> Step<Vec<ListedSession>> {
    let settings = store.session_settings();
    let listed = live(store, user, realm).await?.into_iter().map(|(digest, found)| {
        let data = opened(settings, &digest, realm, &found.content)?.data;
        Ok(ListedSession {
            digest,
            created_ms: found.created_ms,
            expires_in: Duration::from_millis(found.expires_in_ms),
            critical: found.critical,
            data,
        })
    });
    listed.collect()
}

/// The valid sessions of a user, first the one that ends first. When one of them cannot be read, neither
/// can the list.
pub(super) async fn live<S: SessionSlots>(
    store: &S,
    user: &UserKey,
    realm: &Realm,
) -> Step<Vec<(SessionDigest, Box<Found>)>> {
    let Listed { generation, sessions } = store.list(user).await?;
    let reads: Vec<_> = sessions
        .into_iter()
        .map(|digest| async move {
            let found = peek(store, &digest, realm).await?;
            Ok::<_, crate::store::StoreError>((digest, found))
        })
        .collect();
    let read: Vec<(SessionDigest, Option<Box<Found>>)> =
        stream::iter(reads).buffered(READS_MAX).try_collect().await?;
    let (mut live, mut gone) = (Vec::new(), Vec::new());
    for (digest, found) in read {
        match found {
            Some(found)
                if found.user == *user && generation.as_ref() == Some(&found.generation) =>
            {
                live.push((digest, found));
            }
            Some(_) | None => gone.push(digest),
        }
    }
    if !gone.is_empty()
        && let Err(error) = store.leave(user, &gone).await
    {
        tracing::debug!(%error, "sessions that are over stay in the index");
    }
    Ok(live)
}
