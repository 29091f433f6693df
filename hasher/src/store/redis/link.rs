//! The connection: made in the background, watched, and made anew when it is no good.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use authcluster_contract::config::Redis;
use authcluster_contract::slots::Slot;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::script::Script;
use super::settings::{FIND_TIMEOUT, Settings, SettingsError};
use super::watch::{Backoff, Turn, Watch};
use crate::clock;
use crate::store::{Standing, StoreError};
use crate::telemetry::{Metrics, chain};

/// A Redis that stays away is said again so often.
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// The one connection of this pod to the Redis Cluster.
pub(super) struct Link {
    settings: Settings,
    current: ArcSwapOption<ClusterConnection>,
    watch: Mutex<Watch>,
    rebuild: Notify,
    metrics: Arc<Metrics>,
}

impl Link {
    pub(super) fn new(config: &Redis, metrics: Arc<Metrics>) -> Result<Self, SettingsError> {
        Ok(Self {
            settings: Settings::of(config)?,
            current: ArcSwapOption::empty(),
            watch: Mutex::default(),
            rebuild: Notify::new(),
            metrics,
        })
    }

    /// Connects until it succeeds, and again whenever the watch asks for it. The old connection
    /// stays in use until there is a new one.
    pub(super) async fn keep(self: Arc<Self>, stopping: CancellationToken) {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = self.connect_for_ever() => {}
        }
    }

    async fn connect_for_ever(&self) {
        let mut backoff = Backoff::default();
        let mut said: Option<Instant> = None;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    self.current.store(Some(Arc::new(connection)));
                    (backoff, said) = (Backoff::default(), None);
                    tracing::info!("connected to redis");
                    self.rebuild.notified().await;
                    tracing::warn!("some slots of redis do not answer: connecting anew");
                }
                Err(error) => {
                    let reason = chain(&error);
                    let now = clock::now();
                    if said.is_none_or(|said| SAY_AGAIN <= now - said) {
                        said = Some(now);
                        tracing::warn!(error = reason, "cannot connect to redis; trying again");
                    }
                    self.watch().not_connected(reason);
                    let random = clock::random_bytes::<1>().map_or(127, |[byte]| byte);
                    tokio::time::sleep(backoff.next(random)).await;
                }
            }
        }
    }

    async fn connect(&self) -> RedisResult<ClusterConnection> {
        let client = self.settings.client()?;
        match tokio::time::timeout(FIND_TIMEOUT, client.get_async_connection()).await {
            Ok(connected) => connected,
            Err(_) => Err((ErrorKind::Io, "no seed answered in time").into()),
        }
    }

    /// Sends one command and reads its answer.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        slot: Slot,
        command: &Cmd,
    ) -> Result<T, StoreError> {
        self.send(slot, command).await.map_err(|error| self.counted(error))
    }

    /// Runs a script over one key.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&str],
    ) -> Result<T, StoreError> {
        let slot = super::slot(key);
        let answer = match self.send(slot, &script.by_digest(key, arguments)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(slot, &script.by_text(key, arguments)).await
            }
            answer => answer,
        };
        answer.map_err(|error| self.counted(error))
    }

    /// Whether the store answers.
    pub(super) fn standing(&self) -> Standing {
        self.watch().standing()
    }

    async fn send<T: FromRedisValue>(&self, slot: Slot, command: &Cmd) -> RedisResult<T> {
        let Some(connection) = self.current.load_full() else {
            return Err((ErrorKind::ClusterConnectionNotFound, "not connected yet").into());
        };
        let mut connection = ClusterConnection::clone(&connection);
        let answer = command.query_async::<T>(&mut connection).await;
        self.note(slot, answer.as_ref().err());
        answer
    }

    fn note(&self, slot: Slot, error: Option<&RedisError>) {
        let away = error.filter(|error| kind(error) == Kind::Unreachable);
        let Turn { found, lost, rebuild } = match away {
            None => self.watch().answered(slot),
            Some(error) => self.watch().failed(slot, chain(error), clock::now()),
        };
        if found {
            self.metrics.store_reachable(true);
            tracing::info!("redis answers");
        }
        if lost {
            self.metrics.store_reachable(false);
            tracing::warn!(
                error = away.map(|error| chain(error)),
                "redis is lost: hashing goes on, sessions are refused"
            );
        }
        if rebuild {
            self.rebuild.notify_one();
        }
    }

    fn counted(&self, error: RedisError) -> StoreError {
        match kind(&error) {
            Kind::Corrupt => {
                self.metrics.store_failed("corrupt");
                StoreError::Corrupt(Box::new(error))
            }
            Kind::Unreachable | Kind::NoScript => {
                self.metrics.store_failed("unreachable");
                StoreError::Unreachable(Box::new(error))
            }
        }
    }

    /// Every change of the watch is whole, so a panic leaves it usable.
    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It answered, with what cannot be.
    Corrupt,
    /// It answered, and asks for the script's text.
    NoScript,
    /// It did not do what it was asked.
    Unreachable,
}

fn kind(error: &RedisError) -> Kind {
    if matches!(error.code(), Some("WRONGTYPE" | "CORRUPT")) {
        return Kind::Corrupt;
    }
    match error.kind() {
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => Kind::Corrupt,
        ErrorKind::Server(ServerErrorKind::NoScript) => Kind::NoScript,
        _ => Kind::Unreachable,
    }
}
