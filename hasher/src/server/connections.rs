//! The open connections of one listener: counted by owner, closed when they are due.
//!
//! [`crate::policy::connections`] decides; this file keeps the list and tells connections to end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::policy::connections::{
    ConnectionCaps, ConnectionOwner, ConnectionVerdict, OpenConnection, make_room, verdict,
};
use crate::telemetry::{ConnectionEnd, Metrics};

/// All open connections of a listener.
pub(super) struct Connections {
    caps: ConnectionCaps,
    metrics: Arc<Metrics>,
    started: Instant,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    last_id: u64,
    unproven: BTreeMap<u64, OpenConnection>,
    proven: BTreeMap<u64, OpenConnection>,
    /// Proven ones that made room for others: asked to end, and no longer counted against the cap.
    ending: BTreeMap<u64, OpenConnection>,
    signals: BTreeMap<u64, Signals>,
}

impl Pools {
    fn all(&self) -> impl Iterator<Item = (&u64, &OpenConnection)> {
        self.unproven.iter().chain(&self.proven).chain(&self.ending)
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut OpenConnection> {
        let Self { unproven, proven, ending, .. } = self;
        [proven, unproven, ending].into_iter().find_map(|pool| pool.get_mut(&id))
    }

    fn remove(&mut self, id: u64) -> Option<Signals> {
        for pool in [&mut self.unproven, &mut self.proven, &mut self.ending] {
            pool.remove(&id);
        }
        self.signals.remove(&id)
    }
}

/// How a connection is told to end.
#[derive(Clone, Default)]
struct Signals {
    end: CancellationToken,
    close: CancellationToken,
}

/// One open connection. Dropping the last clone takes it off the list.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Entry>);

struct Entry {
    id: u64,
    connections: Arc<Connections>,
    /// The network that it comes from, as a name.
    network: Arc<str>,
    signals: Signals,
    is_proven: AtomicBool,
    requests: Mutex<usize>,
}

/// Every proven connection of the caller with the most has a request under way, and there is no room for one
/// more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this pod holds as many connections as its memory allows")]
pub(crate) struct NoRoomError;

impl Connections {
    pub(super) fn new(caps: ConnectionCaps, metrics: Arc<Metrics>) -> Self {
        Self { caps, metrics, started: clock::now(), pools: Mutex::default() }
    }

    /// Lists a connection that was just accepted, and closes another unproven one when there are too many.
    pub(super) fn open(self: &Arc<Self>, address: IpAddr) -> Connection {
        let now = self.now();
        let owner = ConnectionOwner::network(address);
        let network = format!("{owner:?}").into();
        let connection =
            OpenConnection { owner, accepted: now, idle_since: Some(now), asked_to_end: None };
        let signals = Signals::default();
        let id = {
            let mut pools = self.pools();
            if self.caps.unproven <= pools.unproven.len()
                && let Some(victim) = make_room(&pools.unproven, &connection.owner)
            {
                self.close(&mut pools, victim, ConnectionEnd::MadeRoom);
            }
            pools.last_id += 1;
            let id = pools.last_id;
            pools.unproven.insert(id, connection);
            pools.signals.insert(id, signals.clone());
            id
        };
        self.metrics.connections().inc();
        Connection(Arc::new(Entry {
            id,
            connections: Arc::clone(self),
            network,
            signals,
            is_proven: AtomicBool::new(false),
            requests: Mutex::new(0),
        }))
    }

    /// Ends what is due.
    pub(super) fn sweep(&self) {
        let now = self.now();
        let mut pools = self.pools();
        let due = pools.all().map(|(id, connection)| (*id, verdict(connection, now)));
        let due: Vec<_> = due.collect();
        for (id, verdict) in due {
            match verdict {
                ConnectionVerdict::Keep => {}
                ConnectionVerdict::AskToEnd => self.ask_to_end(&mut pools, id),
                ConnectionVerdict::CloseUnproven => {
                    self.close(&mut pools, id, ConnectionEnd::Unproven);
                }
                ConnectionVerdict::CloseIdle => self.close(&mut pools, id, ConnectionEnd::Idle),
            }
        }
    }

    /// Asks proven connections to end after the requests that are under way, and closes all others.
    pub(super) fn end_all(&self) {
        let mut pools = self.pools();
        let unproven: Vec<_> = pools.unproven.keys().copied().collect();
        for id in unproven {
            self.close(&mut pools, id, ConnectionEnd::Drained);
        }
        for signals in pools.signals.values() {
            signals.end.cancel();
        }
    }

    /// Closes every connection at once; says how many there were.
    pub(super) fn close_all(&self) -> usize {
        let mut pools = self.pools();
        let ids: Vec<_> = pools.signals.keys().copied().collect();
        for id in &ids {
            self.close(&mut pools, *id, ConnectionEnd::Drained);
        }
        ids.len()
    }

    fn ask_to_end(&self, pools: &mut Pools, id: u64) {
        if let Some(connection) = pools.get_mut(id) {
            connection.asked_to_end = Some(self.now());
        }
        if let Some(signals) = pools.signals.get(&id) {
            signals.end.cancel();
        }
    }

    /// The connection is off the list at once: its place is free before its task has ended.
    fn close(&self, pools: &mut Pools, id: u64, why: ConnectionEnd) {
        if let Some(signals) = pools.remove(id) {
            signals.close.cancel();
            self.metrics.connection_closed(why);
        }
    }

    /// Time since this listener started.
    fn now(&self) -> Duration {
        clock::now().saturating_duration_since(self.started)
    }

    /// Every change of the lists is whole, so a panic leaves them usable.
    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Counts the connection against `owner` from now on; once is enough.
    ///
    /// # Errors
    /// [`NoRoomError`].
    pub(crate) fn prove(&self, owner: &Arc<str>) -> Result<(), NoRoomError> {
        let Entry { id, connections, is_proven, .. } = &*self.0;
        if is_proven.load(Ordering::Relaxed) {
            return Ok(());
        }
        let owner = ConnectionOwner::Proven(Arc::clone(owner));
        let mut pools = connections.pools();
        if connections.caps.proven <= pools.proven.len() {
            let victim = make_room(&pools.proven, &owner).ok_or(NoRoomError)?;
            if let Some(connection) = pools.proven.remove(&victim) {
                pools.ending.insert(victim, connection);
            }
            connections.ask_to_end(&mut pools, victim);
            connections.metrics.connection_closed(ConnectionEnd::MadeRoom);
        }
        // A connection that was closed meanwhile stays closed.
        if let Some(connection) = pools.unproven.remove(id) {
            pools.proven.insert(*id, OpenConnection { owner, ..connection });
            is_proven.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Counts the connection against its own network, as one that has sent a request.
    ///
    /// # Errors
    /// [`NoRoomError`].
    pub(super) fn prove_network(&self) -> Result<(), NoRoomError> {
        self.prove(&self.0.network)
    }

    /// A request is under way until the guard is dropped.
    pub(super) fn begin_request(&self) -> RequestGuard {
        self.count_request(1);
        RequestGuard(self.clone())
    }

    /// Ends when the connection is to take no new request.
    pub(super) async fn asked_to_end(&self) {
        self.0.signals.end.cancelled().await;
    }

    /// Ends when the connection is to be closed at once.
    pub(super) async fn closed(&self) {
        self.0.signals.close.cancelled().await;
    }

    fn count_request(&self, change: isize) {
        let Entry { id, connections, requests, .. } = &*self.0;
        let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests = requests.saturating_add_signed(change);
        let idle_since = (*requests == 0).then(|| connections.now());
        let mut pools = connections.pools();
        if let Some(connection) = pools.get_mut(*id) {
            connection.idle_since = idle_since;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        drop(self.connections.pools().remove(self.id));
        self.connections.metrics.connections().dec();
    }
}

/// See [`Connection::begin_request`].
pub(super) struct RequestGuard(Connection);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.count_request(-1);
    }
}

#[cfg(test)]
mod tests;
