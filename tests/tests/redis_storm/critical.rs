//! Critical sessions under load, and a ledger of all that was acknowledged: what must be alive, and
//! what must never be again.
//!
//! A critical call touches two shards, so which of them stalled is not looked at here. What counts is
//! that no failure loses what was acknowledged.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::keys::SessionDigest;
use authcluster_hasher::store::redis::RedisStore;
use authcluster_hasher::store::{Session, SessionStore as _, StoreError};
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::storm::{Turn, Work};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};

use crate::shared::{realm, session_of};

/// Calls of one life: create, look, rotate, look, end or not, look.
const CALLS: usize = 6;

/// Lives of one user: all of them end when the last one ends all.
const LIVES: usize = 4;

/// Looks at once in an audit.
const LOOKS: usize = 32;

/// A shard that is failing over answers within this.
const BOUND: Duration = Duration::from_secs(20);

/// What was acknowledged last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Alive,
    Ended,
    /// A call failed that may have been done, or the id was replaced.
    Either,
}

/// Critical sessions, all under ids of their own.
pub(crate) struct Critical {
    store: Arc<RedisStore>,
    ledger: Mutex<HashMap<SessionDigest, Kept>>,
    acknowledged: AtomicUsize,
    failed: AtomicUsize,
    lost: AtomicUsize,
    risen: AtomicUsize,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Writes that were acknowledged.
    pub(crate) acknowledged: usize,
    /// Writes that were not.
    pub(crate) failed: usize,
    /// Acknowledged sessions that were not there.
    pub(crate) lost: usize,
    /// Sessions that were there after their acknowledged end.
    pub(crate) risen: usize,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, failed, lost, risen } = self;
        write!(
            f,
            "critical: {acknowledged} writes acknowledged and {failed} not, {lost} lost, {risen} \
             alive after their end"
        )
    }
}

impl Critical {
    pub(crate) fn on(store: &Arc<RedisStore>) -> Self {
        Self {
            store: Arc::clone(store),
            ledger: Mutex::default(),
            acknowledged: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            risen: AtomicUsize::new(0),
        }
    }

    /// So far.
    pub(crate) fn account(&self) -> Account {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        Account {
            acknowledged: of(&self.acknowledged),
            failed: of(&self.failed),
            lost: of(&self.lost),
            risen: of(&self.risen),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, HashMap<SessionDigest, Kept>> {
        self.ledger.lock().expect("nobody panics")
    }

    fn kept(&self, digest: &SessionDigest) -> Kept {
        self.ledger().get(digest).copied().unwrap_or(Kept::Either)
    }

    fn keep<T>(
        &self,
        written: Result<T, StoreError>,
        then: &[(&SessionDigest, Kept)],
    ) -> Result<T, StoreError> {
        let count = if written.is_ok() { &self.acknowledged } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
        let mut ledger = self.ledger();
        for (digest, kept) in then {
            let kept = if written.is_ok() { *kept } else { Kept::Either };
            ledger.insert((*digest).clone(), kept);
        }
        drop(ledger);
        written
    }

    /// Before a call that ends these: whoever looks meanwhile may find it done, or not.
    fn open<'a>(&self, digests: impl IntoIterator<Item = &'a SessionDigest>) {
        let mut ledger = self.ledger();
        for digest in digests {
            ledger.insert(digest.clone(), Kept::Either);
        }
    }

    /// Looks at one session and compares it with the ledger.
    async fn look(&self, digest: &SessionDigest) -> Result<(), StoreError> {
        let before = self.kept(digest);
        let found = self.store.introspect_session(digest, &realm()).await?.is_some();
        // A lane may have changed it meanwhile.
        match (before, found) {
            (Kept::Alive, false) if self.kept(digest) == before => {
                println!("lost: {}", digest.as_str());
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            (Kept::Ended, true) => {
                println!("alive after its end: {}", digest.as_str());
                self.risen.fetch_add(1, Ordering::Relaxed);
            }
            (Kept::Alive | Kept::Ended | Kept::Either, _) => {}
        }
        Ok(())
    }

    /// Looks at every session of which it is known what became of it. An id that was replaced is
    /// not looked at: its use after its grace would end the session, as it must.
    pub(crate) async fn audit(&self) -> anyhow::Result<Account> {
        let known = |kept: &Kept| *kept != Kept::Either;
        let all: Vec<SessionDigest> = self
            .ledger()
            .iter()
            .filter(|(_, kept)| known(kept))
            .map(|(digest, _)| digest.clone())
            .collect();
        let looks = all.iter().map(|digest| {
            eventually("each session can be looked at", BOUND, || async {
                self.look(digest).await.context("a look")
            })
        });
        let looks: Vec<anyhow::Result<()>> =
            stream::iter(looks).buffer_unordered(LOOKS).collect().await;
        looks.into_iter().collect::<anyhow::Result<()>>()?;
        Ok(self.account())
    }

    async fn step(&self, turn: Turn) -> Result<(), StoreError> {
        let Turn { shard, lane, number } = turn;
        let life = number / CALLS;
        let id =
            |end: &str, life: usize| SessionDigest::of(&format!("{shard}-{lane}-{life}-{end}"));
        let (first, second) = (id("first", life), id("second", life));
        let session = session_of(&format!("{shard}-{lane}-{}", life / LIVES));
        match number % CALLS {
            0 => {
                let session = Session { critical: true, ..session };
                let written = self.store.create_session(&first, &session).await;
                self.keep(written, &[(&first, Kept::Alive)])
            }
            2 => self.rotate(&first, &second).await,
            4 if life % LIVES == LIVES - 1 => {
                let of_user = life + 1 - LIVES..=life;
                let all: Vec<SessionDigest> =
                    of_user.flat_map(|life| [id("first", life), id("second", life)]).collect();
                self.open(&all);
                let written = self.store.revoke_all_sessions(&session.user).await;
                let all: Vec<_> = all.iter().map(|digest| (digest, Kept::Ended)).collect();
                self.keep(written, &all).map(drop)
            }
            4 if life.is_multiple_of(2) => {
                self.open([&second]);
                let written = self.store.revoke_session(&second, &realm()).await;
                self.keep(written, &[(&second, Kept::Ended), (&first, Kept::Either)]).map(drop)
            }
            1 => self.look(&first).await,
            _ => self.look(&second).await,
        }
    }

    async fn rotate(
        &self,
        first: &SessionDigest,
        second: &SessionDigest,
    ) -> Result<(), StoreError> {
        let before = self.kept(first);
        self.open([first]);
        let written = self.store.rotate_session(first, second, &realm()).await;
        match &written {
            Ok(None) => {
                if before == Kept::Alive {
                    println!("lost before its rotation: {}", first.as_str());
                    self.lost.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
            Ok(Some(_)) | Err(_) => {
                self.keep(written, &[(first, Kept::Either), (second, Kept::Alive)]).map(drop)
            }
        }
    }
}

impl Work for Critical {
    fn call(&self, turn: Turn) -> BoxFuture<'_, Result<(), StoreError>> {
        self.step(turn).boxed()
    }
}
