//! The shards as this pod knows them: the table of slots, the primaries in it, and the one task that
//! keeps both.
//!
//! The table is read anew in the background when a node says `MOVED`, when a primary stops to
//! answer, and now and then. Those who are asked are the primaries that answer, over the connections
//! that are there. When none does, every address that was ever seen in the table is asked, and the
//! seeds: names, which are looked up again, so that a cluster all of whose addresses have changed is
//! found as soon as one name leads to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use authcluster_contract::slots::Slot;
use futures::future::{BoxFuture, join_all};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult, cmd};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::breaker::Backoff;
use super::map::{Address, Layout, SlotMap, View};
use super::memory::{MemoryUse, READ_AGAIN, READ_EVERY as READ_MEMORY_EVERY};
use super::primary::{Primary, lock, random};
use super::settings::{CONNECT_TIMEOUT, Settings};
use crate::clock;
use crate::telemetry::chain;

/// The table is read at most so often, however many nodes say that it is old.
const READ_PAUSE: Duration = Duration::from_millis(50);

/// And at least so often.
const READ_EVERY: Duration = Duration::from_secs(10);

/// Once one node has answered, the others have so long to disagree. Longer than a healthy node
/// takes, so that only one that hangs is left out.
const OTHERS_WAIT: Duration = Duration::from_millis(50);

/// Most nodes that are asked for the table at once. Five see a failover as well as fifty, and two
/// hundred pods that ask all of fifty would be a load of its own.
const ASKED_MAX: usize = 5;

/// A primary that a node has named may be missing in the answers of others for so long: as long as
/// word of a failover takes to go around.
const NEWCOMER: Duration = Duration::from_secs(10);

/// What the one task tells its owner.
pub(super) enum News {
    /// A primary was reached.
    Reached,
    /// The cluster, or one primary, was not; with the reason.
    NotFound(String),
    /// How full the fullest primary is; `None` = none has said.
    Memory(Option<MemoryUse>),
}

/// All shards.
pub(super) struct Shards {
    settings: Settings,
    map: ArcSwapOption<SlotMap<Arc<Primary>>>,
    known: Mutex<Known>,
    stale: Notify,
    new: mpsc::UnboundedSender<Arc<Primary>>,
    /// Taken by the one task.
    newcomers: Mutex<Option<mpsc::UnboundedReceiver<Arc<Primary>>>>,
}

#[derive(Default)]
struct Known {
    primaries: BTreeMap<Address, Arc<Primary>>,
    /// Every node of the last table.
    nodes: BTreeSet<Address>,
}

/// Why the table could not be read.
#[derive(Debug, thiserror::Error)]
enum FindError {
    #[error("no node of the redis cluster answers")]
    NoAnswer(#[source] RedisError),
    #[error("no node of the redis cluster answered in time")]
    Silent,
    #[error("the nodes of redis form no cluster yet: none has a slot")]
    NoSlots,
}

impl Shards {
    pub(super) fn new(settings: Settings) -> Self {
        let (new, newcomers) = mpsc::unbounded_channel();
        Self {
            settings,
            map: ArcSwapOption::empty(),
            known: Mutex::default(),
            stale: Notify::new(),
            new,
            newcomers: Mutex::new(Some(newcomers)),
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who owns a slot; `None` = nobody that this pod knows.
    pub(super) fn owner(&self, slot: Slot) -> Option<Arc<Primary>> {
        self.map.load().as_ref()?.owner(slot).cloned()
    }

    /// Whether the owners of two slots differ.
    pub(super) fn apart(&self, a: Slot, b: Slot) -> Option<bool> {
        self.map.load().as_ref()?.apart(a, b)
    }

    /// Has the table read anew.
    pub(super) fn is_stale(&self) {
        self.stale.notify_one();
    }

    /// The primary at an address that a node has named.
    pub(super) fn at(&self, address: &Address) -> Arc<Primary> {
        let mut known = lock(&self.known);
        if let Some(primary) = known.primaries.get(address) {
            return Arc::clone(primary);
        }
        let primary = Arc::new(Primary::new(address.clone(), self.settings.bounds));
        known.primaries.insert(address.clone(), Arc::clone(&primary));
        // Nobody takes it once the pod ends, and then nobody needs it.
        drop(self.new.send(Arc::clone(&primary)));
        primary
    }

    /// Takes a node's word that a slot lies elsewhere, until the table is read again.
    pub(super) fn moved(&self, slot: Slot, to: &Arc<Primary>) {
        self.map.rcu(|map| {
            let moved = map.as_ref()?.moved(slot, Arc::clone(to), |owner| Arc::ptr_eq(owner, to));
            Some(Arc::new(moved))
        });
        self.is_stale();
    }

    /// Keeps table and connections until the pod ends. `told` hears how it goes.
    pub(super) async fn keep(&self, stopping: CancellationToken, told: impl Fn(News) + Sync) {
        let Some(mut newcomers) = lock(&self.newcomers).take() else { return };
        let mut keepers: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let told = &told;
        keepers.push(self.read_for_ever(told).boxed());
        keepers.push(self.read_memory_for_ever(told).boxed());
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                Some(primary) = newcomers.recv() => {
                    let turned = move |found: Result<(), String>| {
                        self.is_stale();
                        told(found.map_or_else(News::NotFound, |()| News::Reached));
                    };
                    keepers.push(primary.keep(&self.settings, turned).boxed());
                }
                Some(()) = keepers.next() => {}
            }
        }
    }

    async fn read_memory_for_ever(&self, told: &(impl Fn(News) + Sync)) {
        loop {
            let owners = self.map.load().as_ref().map(|map| map.owners().to_vec());
            let owners = owners.unwrap_or_default();
            let readings = join_all(owners.iter().map(|owner| owner.read_memory())).await;
            let fullest = readings.into_iter().flatten().reduce(MemoryUse::fuller);
            told(News::Memory(fullest));
            let pause = if fullest.is_some() { READ_MEMORY_EVERY } else { READ_AGAIN };
            tokio::time::sleep(pause).await;
        }
    }

    async fn read_for_ever(&self, told: &(impl Fn(News) + Sync)) {
        let mut backoff = Backoff::default();
        loop {
            let read = self.read().await;
            let ails = match read {
                Ok(()) => self.ails(),
                Err(error) => {
                    told(News::NotFound(chain(&error)));
                    true
                }
            };
            if ails {
                tokio::time::sleep(backoff.next(random())).await;
            } else {
                backoff = Backoff::default();
                tokio::time::sleep(READ_PAUSE).await;
                // Whether it is old or the time has come: it is read.
                drop(tokio::time::timeout(READ_EVERY, self.stale.notified()).await);
            }
        }
    }

    /// Whether some slot has no owner, as while a cluster is being formed, or one that does not answer.
    pub(super) fn ails(&self) -> bool {
        let map = self.map.load();
        map.as_ref()
            .is_none_or(|map| !map.is_whole() || map.owners().iter().any(|owner| !owner.answers()))
    }

    async fn read(&self) -> Result<(), FindError> {
        let views = match self.ask_primaries().await {
            Ok(views) => views,
            Err(_) => self.ask_everyone().await?,
        };
        let layout = Layout::merge(views);
        if layout.claims.is_empty() {
            return Err(FindError::NoSlots);
        }
        let map = SlotMap::of(&layout, |address| self.at(address));
        self.map.store(Some(Arc::new(map)));
        let mut known = lock(&self.known);
        let now = clock::now();
        known.primaries.retain(|address, primary| {
            let is_new = now < primary.since + NEWCOMER;
            let needed = is_new || layout.primaries.contains(address);
            if !needed {
                primary.retired.cancel();
            }
            needed
        });
        known.nodes = layout.primaries.into_iter().chain(layout.replicas).collect();
        Ok(())
    }

    async fn ask_primaries(&self) -> Result<Vec<View>, FindError> {
        let mut answering: Vec<_> = lock(&self.known)
            .primaries
            .values()
            .filter_map(|primary| Some((primary.address.clone(), primary.connection()?)))
            .collect();
        // Others each time.
        let first = usize::from(random()).checked_rem(answering.len()).unwrap_or(0);
        answering.rotate_left(first);
        answering.truncate(ASKED_MAX);
        let asked = answering
            .into_iter()
            .map(|(address, connection)| async move { self.view(&address, connection).await });
        first_views(CONNECT_TIMEOUT + self.settings.bounds.response, asked).await
    }

    async fn ask_everyone(&self) -> Result<Vec<View>, FindError> {
        let mut all = lock(&self.known).nodes.clone();
        all.extend(self.settings.seeds.iter().cloned());
        let asked = all.into_iter().map(|address| async move {
            let connection = self.settings.connect(&address).await?;
            self.view(&address, connection).await
        });
        first_views(CONNECT_TIMEOUT + self.settings.bounds.response, asked).await
    }

    async fn view(
        &self,
        address: &Address,
        mut connection: MultiplexedConnection,
    ) -> RedisResult<View> {
        let text: String = cmd("CLUSTER").arg("NODES").query_async(&mut connection).await?;
        Ok(View::parse(&text, address, self.settings.naming()))
    }
}

/// The views of all that answer soon after the first one, which has so long for it.
async fn first_views(
    first: Duration,
    asked: impl Iterator<Item = impl Future<Output = RedisResult<View>>>,
) -> Result<Vec<View>, FindError> {
    let mut answers: FuturesUnordered<_> = asked.collect();
    let mut views = Vec::new();
    let mut error = FindError::Silent;
    let mut end = std::pin::pin!(tokio::time::sleep(first));
    loop {
        let answer = tokio::select! {
            answer = answers.next() => answer,
            () = &mut end => None,
        };
        match answer {
            Some(Ok(view)) => {
                if views.is_empty() {
                    end.as_mut().reset((clock::now() + OTHERS_WAIT).into());
                }
                views.push(view);
            }
            Some(Err(cause)) => error = FindError::NoAnswer(cause),
            None if views.is_empty() => return Err(error),
            None => return Ok(views),
        }
    }
}
