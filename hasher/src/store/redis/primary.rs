//! One primary: its connection, made and mended by one task, and the calls over it.
//!
//! All calls share one connection, but for durable writes: `WAIT` speaks of its own connection's
//! writes, so each of those has one to itself for as long as it takes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult, Value};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::breaker::{Admit, Backoff, Breaker, LineNumber};
use super::durable::Durable;
use super::map::Address;
use super::memory::MemoryUse;
use super::order::{Failure, Form, Order, acknowledgement, unpacked};
use super::settings::{Bounds, CALLS_MAX, Settings};
use crate::clock;
use crate::telemetry::chain;

/// The connection that is in use, with its number.
struct Line {
    number: LineNumber,
    connection: MultiplexedConnection,
}

/// One primary.
pub(super) struct Primary {
    pub(super) address: Address,
    /// When it was first heard of.
    pub(super) since: Instant,
    bounds: Bounds,
    breaker: Mutex<Breaker>,
    line: ArcSwapOption<Line>,
    /// Wakes the one task that connects.
    broken: Notify,
    /// Wakes those that wait for it.
    settled: Notify,
    calls: Semaphore,
    durable: Durable,
    /// Nobody needs it any more.
    pub(super) retired: CancellationToken,
    reason: Mutex<String>,
    /// As last read; `None` = unknown.
    memory: Mutex<Option<MemoryUse>>,
}

impl Primary {
    pub(super) fn new(address: Address, bounds: Bounds) -> Self {
        Self {
            address,
            since: clock::now(),
            bounds,
            breaker: Mutex::new(Breaker::new(clock::now())),
            line: ArcSwapOption::empty(),
            broken: Notify::new(),
            settled: Notify::new(),
            calls: Semaphore::new(CALLS_MAX),
            durable: Durable::new(),
            retired: CancellationToken::new(),
            reason: Mutex::new("not connected yet".to_owned()),
            memory: Mutex::default(),
        }
    }

    /// Connects, and again whenever the connection breaks, until the primary is retired. `turned`
    /// is told each time the primary was found, and why each time a try failed.
    pub(super) async fn keep(
        self: Arc<Self>,
        settings: &Settings,
        turned: impl Fn(Result<(), String>),
    ) {
        tokio::select! {
            () = self.retired.cancelled() => {}
            () = self.connect_for_ever(settings, turned) => {}
        }
    }

    async fn connect_for_ever(&self, settings: &Settings, turned: impl Fn(Result<(), String>)) {
        let mut backoff = Backoff::default();
        loop {
            let gone = CancellationToken::new();
            let tell = gone.clone();
            match settings.connect_watched(&self.address, move || tell.cancel()).await {
                Ok(connection) => {
                    let number = self.mended(connection);
                    turned(Ok(()));
                    backoff = Backoff::default();
                    self.until_broken(number, &gone).await;
                }
                Err(error) => {
                    let reason = format!("{}: {}", self.address, chain(&error));
                    lock(&self.reason).clone_from(&reason);
                    lock(&self.breaker).not_mended(clock::now());
                    self.settled.notify_waiters();
                    turned(Err(reason));
                    tokio::time::sleep(backoff.next(random())).await;
                }
            }
        }
    }

    /// Waits until a call finds that the connection is no good, or its end is told.
    async fn until_broken(&self, number: LineNumber, gone: &CancellationToken) {
        while self.answers() {
            tokio::select! {
                () = self.broken.notified() => {}
                () = gone.cancelled() => {
                    let broke = lock(&self.breaker).lost(number, clock::now());
                    self.wake_when(broke, || "the connection was closed".to_owned());
                }
            }
        }
    }

    fn mended(&self, connection: MultiplexedConnection) -> LineNumber {
        let mut breaker = lock(&self.breaker);
        let number = breaker.mended(clock::now());
        self.line.store(Some(Arc::new(Line { number, connection })));
        drop(breaker);
        self.durable.clear();
        self.settled.notify_waiters();
        number
    }

    /// Whether it is taken for one that answers.
    pub(super) fn answers(&self) -> bool {
        lock(&self.breaker).is_closed()
    }

    /// Whether another may own its slots by now, and the table not say so yet.
    pub(super) fn broke_lately(&self) -> bool {
        lock(&self.breaker).broke_lately(clock::now())
    }

    /// Reads how full it is.
    pub(super) async fn read_memory(&self) -> Option<MemoryUse> {
        let read = MemoryUse::read(self.connection(), self.bounds.response).await;
        *lock(&self.memory) = read;
        read
    }

    /// Whether it has said lately that its memory is nearly full.
    pub(super) fn is_nearly_full(&self) -> bool {
        lock(&self.memory).is_some_and(MemoryUse::is_nearly_full)
    }

    /// The connection that all share, if it is any good.
    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        let line = self.line.load_full().filter(|_| self.answers())?;
        Some(line.connection.clone())
    }

    /// Does what is asked, over the connection that all share.
    pub(super) async fn ask(
        &self,
        order: &Order<'_>,
        form: Form,
        asking: bool,
    ) -> Result<Value, Failure> {
        let _permit = self.calls.acquire().await;
        let line = self.line().await?;
        let mut connection = line.connection.clone();
        self.order(order, form, asking, (line.number, &mut connection)).await
    }

    /// Does what is asked and waits until so many replicas have it, over a connection that nothing
    /// else uses. The connection is thrown away unless both came to an end: when this is dropped
    /// half-way, too.
    pub(super) async fn ask_durably(
        &self,
        order: &Order<'_>,
        form: Form,
        asking: bool,
        (wanted, settings): (u32, &Settings),
    ) -> Result<Value, Failure> {
        let _permit = self.durable.enter().await;
        let number = self.line().await?.number;
        let mut connection = match self.durable.take(number) {
            Some(connection) => connection,
            None => settings.connect(&self.address).await.map_err(|error| self.broke(error))?,
        };
        let answer = match self.order(order, form, asking, (number, &mut connection)).await {
            Ok(answer) => answer,
            // It was not done, so there is nothing to wait for.
            Err(failure) => {
                if matches!(failure, Failure::Answer(_)) {
                    self.durable.give_back(number, connection);
                }
                return Err(failure);
            }
        };
        let patience = self.durable.patience(self.bounds.replication);
        let wait = acknowledgement(wanted, patience.time);
        let time = patience.time + self.bounds.response;
        let got = self.bounded(number, time, wait.query_async(&mut connection)).await?;
        drop(patience);
        self.durable.found(wanted <= got);
        self.durable.give_back(number, connection);
        if got < wanted { Err(Failure::NotReplicated { wanted, got }) } else { Ok(answer) }
    }

    async fn order(
        &self,
        order: &Order<'_>,
        form: Form,
        asking: bool,
        (number, connection): (LineNumber, &mut MultiplexedConnection),
    ) -> Result<Value, Failure> {
        let pipeline = order.packed(form, asking);
        let call = connection.send_packed_commands(&pipeline, 0, pipeline.len());
        unpacked(self.bounded(number, self.bounds.response, call).await?)
    }

    /// Waits for an answer and tells the breaker how it went.
    ///
    /// One that does not come in time is waited for further while the primary lets itself be connected to: as
    /// one that hands over does, which answers writes only once that is done.
    async fn bounded<T>(
        &self,
        line: LineNumber,
        time: Duration,
        call: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Failure> {
        let sent = clock::now();
        let mut call = std::pin::pin!(call);
        if let Ok(answer) = tokio::time::timeout(time, &mut call).await {
            return self.heard(line, answer);
        }
        let broke = lock(&self.breaker).silent(line, sent, clock::now());
        self.wake_when(broke, || "no answer in time".to_owned());
        let answer = tokio::select! {
            answer = &mut call => answer,
            connected = self.line() => match connected {
                // Whoever called has a bound for it.
                Ok(_) => call.await,
                Err(_) => return Err(Failure::Silent(self.address.to_string())),
            },
        };
        self.heard(line, answer)
    }

    fn heard<T>(&self, line: LineNumber, answer: RedisResult<T>) -> Result<T, Failure> {
        answer.inspect(|_| lock(&self.breaker).answered(clock::now())).map_err(|error| {
            let broke = lock(&self.breaker).lost(line, clock::now());
            self.wake_when(broke, || chain(&error));
            self.broke(error)
        })
    }

    fn wake_when(&self, broke: bool, reason: impl FnOnce() -> String) {
        if broke {
            *lock(&self.reason) = reason();
            self.broken.notify_one();
        }
    }

    fn broke(&self, error: RedisError) -> Failure {
        Failure::Broken(self.address.to_string(), error)
    }

    /// The connection in use, after waiting for it a little when it is being made.
    async fn line(&self) -> Result<Arc<Line>, Failure> {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // Before looking, so that nothing that happens in between is missed.
            settled.as_mut().enable();
            let admit = lock(&self.breaker).admit(clock::now());
            match (admit, self.line.load_full()) {
                (Admit::Pass(_), Some(line)) => return Ok(line),
                (Admit::Wait(time), _) => {
                    // Whether it came or the time has passed is seen on the next turn.
                    drop(tokio::time::timeout(time, settled).await);
                }
                (Admit::Refuse, _) | (Admit::Pass(_), None) => {
                    return Err(Failure::Refused(lock(&self.reason).clone()));
                }
            }
        }
    }
}

/// One byte that moves a wait.
pub(super) fn random() -> u8 {
    clock::random_bytes::<1>().map_or(127, |[byte]| byte)
}

/// Every change under these locks is whole, so a panic leaves them usable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
