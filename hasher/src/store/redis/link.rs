//! The calls of this pod to the Redis Cluster: to the owner of a slot, with what it takes when the slot
//! has moved, and an end in bounded time.
//!
//! A router of our own over the client's plain connections, not the client's cluster connection.
//! That one answers a lost node by looking for the cluster's shape under a lock that all calls wait
//! at, and retries a timeout on the connection that hangs (redis-rs#2092, redis-rs#2277). Measured
//! under load on six servers (`tests/tests/redis_storm`): with one primary that hung, the shards
//! that live stalled for 507 ms, and each caller of the one that hung waited for 501 ms until the
//! failover was over. Here it is 8 ms and 0.02 ms. All our calls are about one slot, so what is left
//! to do is small: a table of slots (`map`), read in the background (`shards`), and for each primary
//! a connection (`primary`) behind a breaker (`breaker`). A call finds a table and a connection or
//! fails; it makes neither.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use authcluster_contract::config::Redis;
use authcluster_contract::slots::Slot;
use redis::{Cmd, FromRedisValue, Value};
use tokio_util::sync::CancellationToken;

use super::order::{Advice, Failure, Form, Order};
use super::primary::{Primary, lock};
use super::script::Script;
use super::settings::{AGAIN_AFTER, SAY_AGAIN, Settings, SettingsError, TRIES_MAX};
use super::shards::{News, Shards};
use super::watch::{Turn, Watch};
use crate::clock;
use crate::store::{Standing, StoreError};
use crate::telemetry::{Metrics, StoreFailure, chain};

/// How this pod speaks to the Redis Cluster.
pub(super) struct Link {
    shards: Shards,
    watch: Mutex<Watch>,
    said: Mutex<Option<Instant>>,
    metrics: Arc<Metrics>,
}

impl Link {
    pub(super) fn new(config: &Redis, metrics: Arc<Metrics>) -> Result<Self, SettingsError> {
        Ok(Self {
            shards: Shards::new(Settings::of(config)?),
            watch: Mutex::default(),
            said: Mutex::default(),
            metrics,
        })
    }

    /// Finds the cluster, connects, and mends what breaks, until the pod ends.
    pub(super) async fn keep(self: Arc<Self>, stopping: CancellationToken) {
        self.shards.keep(stopping, |news| self.hear(news)).await;
    }

    fn hear(&self, news: News) {
        match news {
            News::Reached => self.turn(self.answered(), None),
            News::Memory(fullest) => {
                let figures = fullest.map(|it| (it.used_bytes, it.max_bytes));
                self.metrics.store_memory(figures);
            }
            News::NotFound(reason) => {
                let now = clock::now();
                let mut said = lock(&self.said);
                if said.is_none_or(|said| SAY_AGAIN <= now - said) {
                    *said = Some(now);
                    tracing::warn!(error = reason, "cannot connect to redis; trying again");
                }
                self.watch().not_connected(reason);
            }
        }
    }

    /// Sends one command and reads its answer. It may be sent twice when a connection breaks.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        slot: Slot,
        command: &Cmd,
    ) -> Result<T, StoreError> {
        self.answer(self.route(slot, &Order::Command(command), None).await)
    }

    /// Runs a script over one key. It may be run twice when a connection breaks.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&str],
    ) -> Result<T, StoreError> {
        let order = Order::Script { script, key, arguments };
        self.answer(self.route(super::slot(key), &order, None).await)
    }

    /// Runs a script over one key and waits until as many replicas as the configuration says have
    /// what it wrote: script and `WAIT` have a connection to themselves, since `WAIT` speaks of its
    /// own connection's writes alone. Never run again once it may have run.
    ///
    /// # Errors
    /// [`StoreError::NotReplicated`] when too few have it: the primary does, and may lose it. Any
    /// other error leaves open whether it ran.
    pub(super) async fn run_durably<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&str],
    ) -> Result<T, StoreError> {
        let order = Order::Script { script, key, arguments };
        let wanted = self.shards.settings().acknowledgements;
        self.answer(self.route(super::slot(key), &order, Some(wanted)).await)
    }

    /// Whether two slots lie on different primaries, as far as this pod knows.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when the owner of one is not known.
    pub(super) fn apart(&self, a: Slot, b: Slot) -> Result<bool, StoreError> {
        self.shards.apart(a, b).ok_or_else(|| self.counted(self.nobody()))
    }

    /// Whether the owner of a slot has said lately that its memory is nearly full.
    pub(super) fn is_nearly_full(&self, slot: Slot) -> bool {
        self.shards.owner(slot).is_some_and(|owner| owner.is_nearly_full())
    }

    /// Whether the owner of a slot is taken for one that answers.
    pub(super) fn is_in_reach(&self, slot: Slot) -> bool {
        self.shards.owner(slot).is_some_and(|owner| owner.answers())
    }

    /// Whether the store answers.
    pub(super) fn standing(&self) -> Standing {
        self.watch().standing()
    }

    fn answer<T: FromRedisValue>(&self, answer: Result<Value, Failure>) -> Result<T, StoreError> {
        let value = answer.and_then(|value| {
            redis::from_redis_value(value).map_err(|error| Failure::Answer(error.into()))
        });
        value.map_err(|failure| self.counted(failure))
    }

    async fn route(
        &self,
        slot: Slot,
        order: &Order<'_>,
        durable: Option<u32>,
    ) -> Result<Value, Failure> {
        let tries = self.try_on(slot, order, durable);
        let answer = match tokio::time::timeout(self.shards.settings().bounds.call, tries).await {
            Ok(answer) => answer,
            Err(_) => {
                let owner = self.shards.owner(slot).map(|owner| owner.address.to_string());
                Err(Failure::Silent(owner.unwrap_or_else(|| "redis".to_owned())))
            }
        };
        self.note(answer.as_ref().err());
        answer
    }

    async fn try_on(
        &self,
        slot: Slot,
        order: &Order<'_>,
        durable: Option<u32>,
    ) -> Result<Value, Failure> {
        let mut form = Form::Digest;
        let mut target: Option<(Arc<Primary>, bool)> = None;
        let mut tries = 1;
        loop {
            let owner = || self.shards.owner(slot).map(|owner| (owner, false));
            let Some((primary, asking)) = target.take().or_else(owner) else {
                return Err(self.nobody());
            };
            let answer = match durable {
                None => primary.ask(order, form, asking).await,
                Some(wanted) => {
                    let needs = (wanted, self.shards.settings());
                    primary.ask_durably(order, form, asking, needs).await
                }
            };
            let Err(failure) = answer else { return answer };
            let mut advice = failure.advice(&primary.address.host, durable.is_some());
            if matches!(failure, Failure::Refused(_)) && primary.broke_lately() {
                advice = Advice::Again;
            }
            if advice == Advice::GiveUp || TRIES_MAX <= tries {
                return Err(failure);
            }
            if advice != Advice::Again {
                tries += 1;
            }
            match advice {
                Advice::GiveUp | Advice::Reconnect => {}
                Advice::SendText => {
                    form = Form::Text;
                    target = Some((primary, asking));
                }
                Advice::Ask(to) => target = Some((self.shards.at(&to), true)),
                Advice::Moved(to) => {
                    let to = self.shards.at(&to);
                    self.shards.moved(slot, &to);
                    target = Some((to, false));
                }
                Advice::Again => {
                    self.shards.is_stale();
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    fn nobody(&self) -> Failure {
        Failure::Refused(match self.standing() {
            Standing::Reachable => "no node owns this slot".to_owned(),
            Standing::Lost(reason) | Standing::NeverReached(reason) => reason,
        })
    }

    fn note(&self, failure: Option<&Failure>) {
        let away = failure.filter(|failure| failure.is_away());
        let turn = match away {
            None => self.answered(),
            Some(failure) => self.watch().failed(chain(failure), clock::now()),
        };
        self.turn(turn, away);
    }

    fn answered(&self) -> Turn {
        self.watch().answered(clock::now(), || !self.shards.ails())
    }

    fn turn(&self, Turn { found, lost }: Turn, away: Option<&Failure>) {
        if found {
            self.metrics.store_reachable(true);
            *lock(&self.said) = None;
            tracing::info!("redis answers");
        }
        if lost {
            self.metrics.store_reachable(false);
            tracing::warn!(
                error = away.map(|failure| chain(failure)),
                "redis is lost: hashing goes on, sessions are refused"
            );
        }
    }

    fn counted(&self, failure: Failure) -> StoreError {
        match failure {
            Failure::NotReplicated { wanted, got } => {
                self.metrics.store_failed(StoreFailure::NotReplicated);
                StoreError::NotReplicated { wanted, got }
            }
            failure if failure.is_corrupt() => {
                self.metrics.store_failed(StoreFailure::Corrupt);
                StoreError::Corrupt(Box::new(failure))
            }
            failure if failure.is_full() => {
                self.metrics.store_failed(StoreFailure::Full);
                StoreError::Full
            }
            failure => {
                self.metrics.store_failed(StoreFailure::Unreachable);
                StoreError::Unreachable(Box::new(failure))
            }
        }
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        lock(&self.watch)
    }
}
