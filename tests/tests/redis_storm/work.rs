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

use crate::shared::{realm, session};

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

/// The sessions of one lane, each with what is known of it.
type Lane = Mutex<Vec<(SessionDigest, Kept)>>;

/// Sessions that are not critical: a failover may lose them, and is counted.
pub(crate) struct Sessions {
    store: Arc<RedisStore>,
    lanes: Vec<Vec<Lane>>,
    lost: AtomicUsize,
    risen: AtomicUsize,
}

/// The slot that a session lies in.
pub(crate) fn slot_of(digest: &SessionDigest) -> Slot {
    Slot::of_key(keys::session(digest).as_bytes())
}

impl Sessions {
    pub(crate) fn on(store: &Arc<RedisStore>) -> Self {
        let mut names = (0..).map(|number| SessionDigest::of(&format!("storm-{number}")));
        let mut lanes: Vec<Vec<Lane>> = Vec::new();
        for shard in 0..SHARDS {
            let of_shard = (0..LANES).map(|_| {
                let here = |digest: &SessionDigest| {
                    usize::from(slot_of(digest).get()) * SHARDS / usize::from(SLOTS) == shard
                };
                let mine = names.by_ref().filter(here).take(SESSIONS);
                Mutex::new(mine.map(|digest| (digest, Kept::Either)).collect())
            });
            lanes.push(of_shard.collect());
        }
        Self {
            store: Arc::clone(store),
            lanes,
            lost: AtomicUsize::new(0),
            risen: AtomicUsize::new(0),
        }
    }

    /// Slots with traffic of one shard, as the cluster was formed.
    pub(crate) fn slots(&self, shard: usize) -> Vec<u16> {
        let lanes = self.lanes[shard].iter();
        let mut slots: Vec<u16> = lanes
            .flat_map(|lane| {
                let lane = lane.lock().expect("no lane panics");
                lane.iter().map(|(digest, _)| slot_of(digest).get()).collect::<Vec<_>>()
            })
            .collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The key of some session of one shard.
    pub(crate) fn key_of(&self, shard: usize) -> Option<String> {
        let lane = self.lanes.get(shard)?.first()?.lock().expect("no lane panics");
        Some(keys::session(&lane.first()?.0))
    }

    /// Acknowledged sessions that were not there, and acknowledged ends that did not last, since the
    /// last look.
    pub(crate) fn account(&self) -> (usize, usize) {
        (self.lost.swap(0, Ordering::Relaxed), self.risen.swap(0, Ordering::Relaxed))
    }

    async fn step(&self, Turn { shard, lane, number }: Turn) -> Result<(), StoreError> {
        let lane = &self.lanes[shard][lane];
        let place = number / 4 % SESSIONS;
        let (digest, kept) = lane.lock().expect("no lane panics")[place].clone();
        let keep = |kept| lane.lock().expect("no lane panics")[place].1 = kept;
        let written = match number % 4 {
            0 => self.store.create_session(&digest, &session()).await.map(|()| Kept::Alive),
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
