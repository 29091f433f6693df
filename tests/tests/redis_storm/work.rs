//! What the lanes do: sessions that are created, read and revoked, with an account of what was
//! acknowledged.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::slots::{SLOTS, Slot};
use authcluster_hasher::store::redis::RedisStore;
use authcluster_hasher::store::{SessionStore as _, StoreError};
use authcluster_tests::redis::storm::{Turn, Work};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::shared::{realm, session_of};

/// Shards, as the cluster is formed.
pub(crate) const SHARDS: usize = 3;

/// Lanes on each.
pub(crate) const LANES: usize = 3;

/// Sessions of each lane, used again and again: a slot that moves is one that has traffic.
const SESSIONS: usize = 16;

/// What the last acknowledged call left of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Alive,
    Ended,
    /// The last write failed, and may have been done.
    Either,
}

/// The sessions of one lane, each with what is known of it, and the name of their user, whose index
/// lies on the same shard: then a lane's calls are about one shard alone.
struct Lane {
    username: String,
    sessions: Mutex<Vec<(SessionDigest, Kept)>>,
}

/// Sessions that are not critical: a failover may lose them, and is counted.
pub(crate) struct Sessions {
    store: Arc<RedisStore>,
    lanes: Vec<Vec<Lane>>,
    lost: AtomicUsize,
    risen: AtomicUsize,
}

fn slot_of(digest: &SessionDigest) -> Slot {
    Slot::of_key(keys::session(digest).as_bytes())
}

/// The shard that has a slot, as the cluster is formed.
fn shard_of(slot: Slot) -> usize {
    usize::from(slot.get()) * SHARDS / usize::from(SLOTS)
}

impl Sessions {
    pub(crate) fn on(store: &Arc<RedisStore>) -> Self {
        let mut digests = (0..).map(|number| SessionDigest::of(&format!("storm-{number}")));
        let mut usernames = (0..).map(|number| format!("user-{number}"));
        let lanes = (0..SHARDS).map(|shard| {
            let lane = |_| {
                let index = |name: &String| keys::user_generation(&session_of(name).user);
                let here = |key: &str| shard_of(Slot::of_key(key.as_bytes())) == shard;
                let username = usernames.by_ref().find(|name| here(&index(name)));
                let mine = digests.by_ref().filter(|digest| here(&keys::session(digest)));
                let mine = mine.take(SESSIONS).map(|digest| (digest, Kept::Either));
                Lane {
                    username: username.expect("there are enough"),
                    sessions: Mutex::new(mine.collect()),
                }
            };
            (0..LANES).map(lane).collect()
        });
        Self {
            store: Arc::clone(store),
            lanes: lanes.collect(),
            lost: AtomicUsize::new(0),
            risen: AtomicUsize::new(0),
        }
    }

    /// Slots with traffic of one shard, as the cluster was formed.
    pub(crate) fn slots(&self, shard: usize) -> Vec<u16> {
        let lanes = self.lanes[shard].iter();
        let mut slots: Vec<u16> = lanes
            .flat_map(|lane| {
                let sessions = lane.sessions.lock().expect("no lane panics");
                sessions.iter().map(|(digest, _)| slot_of(digest).get()).collect::<Vec<_>>()
            })
            .collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The key of some session of one shard.
    pub(crate) fn key_of(&self, shard: usize) -> Option<String> {
        let lane = self.lanes.get(shard)?.first()?;
        let sessions = lane.sessions.lock().expect("no lane panics");
        Some(keys::session(&sessions.first()?.0))
    }

    /// Acknowledged sessions that were not there, and acknowledged ends that did not last, since the
    /// last look.
    pub(crate) fn account(&self) -> (usize, usize) {
        (self.lost.swap(0, Ordering::Relaxed), self.risen.swap(0, Ordering::Relaxed))
    }

    async fn step(&self, Turn { shard, lane, number }: Turn) -> Result<(), StoreError> {
        let lane = &self.lanes[shard][lane];
        let place = number / 4 % SESSIONS;
        let sessions = &lane.sessions;
        let (digest, kept) = sessions.lock().expect("no lane panics")[place].clone();
        let keep = |kept| sessions.lock().expect("no lane panics")[place].1 = kept;
        let session = session_of(&lane.username);
        let written = match number % 4 {
            0 => self.store.create_session(&digest, &session).await.map(|()| Kept::Alive),
            3 => self.store.revoke_session(&digest, &realm()).await.map(|_| Kept::Ended),
            _ => {
                let found = self.store.introspect_session(&digest, &realm()).await?.is_some();
                let count = match kept {
                    Kept::Alive if !found => &self.lost,
                    Kept::Ended if found => &self.risen,
                    Kept::Alive | Kept::Ended | Kept::Either => return Ok(()),
                };
                count.fetch_add(1, Ordering::Relaxed);
                keep(Kept::Either);
                return Ok(());
            }
        };
        keep(*written.as_ref().unwrap_or(&Kept::Either));
        written.map(drop)
    }
}

impl Work for Sessions {
    fn call(&self, turn: Turn) -> BoxFuture<'_, Result<(), StoreError>> {
        self.step(turn).boxed()
    }
}
