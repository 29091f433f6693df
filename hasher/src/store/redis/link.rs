//! The connection to the Redis Cluster: made in the background, watched, and made anew when a part of
//! the cluster has not answered for a while.
//!
//! The client follows redirections by itself, but a node that hangs instead of closing its
//! connections, and a cluster whose pods all came back with new addresses, leave it with a map that
//! nobody corrects (redis-rs#1005, go-redis#3979). So failures are kept by part of the slots, and one
//! that lasts leads to a new connection, by the names of the seeds, looked up anew.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use authcluster_contract::slots::Slot;
use redis::aio::ConnectionLike as _;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo as _, ProtocolVersion,
    RedisConnectionInfo, RedisError,
};
use zeroize::Zeroizing;

use super::CALL_TIMEOUT;
use crate::clock;
use crate::telemetry::{Tasks, chain};

/// A node that does not answer in this time is asked again, or the next one is. A hashing pod shares
/// its CPUs with Redis at times, so this is above what a busy node needs.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(200);

/// Connecting to one node, its name lookup left out.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// The whole way to a first connection: names, logging in, the map of slots. Without a bound a hole in
/// the network holds it for ever (redis-rs#1953).
const START_TIMEOUT: Duration = Duration::from_secs(3);

/// Repetitions of one call after a redirection or a lost connection, and the pauses before them.
const RETRIES: u32 = 3;
const RETRY_WAIT_MS: (u64, u64) = (5, 50);

/// Commands under way at one node. More would only wait there, and their callers are better told.
const AT_ONCE_MAX: usize = 1_024;

/// A part of the slots that has failed for so long gets a new connection. Longer than one lost answer,
/// shorter than anyone's patience.
const FAILING_MAX: Duration = Duration::from_secs(1);

/// Time between two looks whether a new connection is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Pauses between attempts to connect: doubled from the first to the last. The operator forms a new
/// cluster within seconds, and a pod that waits for it should serve at once then.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));

/// Parts of the slots that failures are kept by. A shard owns some of them whole, so one that answers
/// does not hide one that does not.
const PARTS: usize = 64;

/// A node to ask for the cluster's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    host: String,
    port: u16,
}

/// How to get in.
#[derive(Clone, Debug)]
pub struct Access {
    /// Nodes to ask for the cluster's shape; one that answers is enough.
    pub seeds: Vec<Seed>,
    /// The ACL user.
    pub username: Option<String>,
    /// File with its password, read at each connection.
    pub password_file: Option<PathBuf>,
}

/// Settings that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("redis.seeds: {0:?} is not of the form host:port")]
pub struct AccessError(String);

impl std::str::FromStr for Seed {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        let refused = || AccessError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().map_err(|_| refused())?;
        if host.is_empty() || port == 0 {
            return Err(refused());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("cannot read {}", path.display())]
    Password {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("{}", what(.0))]
    Redis(#[from] RedisError),
    #[error("no answer within {} s", START_TIMEOUT.as_secs())]
    Timeout,
}

/// An error of the client without what it was given.
fn what(error: &RedisError) -> String {
    match error.kind() {
        ErrorKind::AuthenticationFailed => "the user or its password is refused".to_owned(),
        _ => error.to_string(),
    }
}

/// The connection. Clones share it.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    access: Access,
    connection: ArcSwapOption<ClusterConnection>,
    failing: Mutex<[Option<Instant>; PARTS]>,
    /// Why there has been no connection so far.
    problem: Mutex<String>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link(connected: {})", self.0.connection.load().is_some())
    }
}

impl Link {
    /// Connects in the background, and keeps it so until the tasks stop.
    #[must_use]
    pub fn start(access: Access, tasks: &Tasks) -> Self {
        let link = Self(Arc::new(Inner {
            access,
            connection: ArcSwapOption::empty(),
            failing: Mutex::new([None; PARTS]),
            problem: Mutex::new("not connected to Redis yet".to_owned()),
        }));
        let (kept, stopping) = (link.clone(), tasks.stopping());
        tasks.spawn("redis", async move {
            // Its end is the end of the pod.
            let _ended = stopping.run_until_cancelled(kept.keep()).await;
        });
        link
    }

    /// Why there has been no connection so far; `None` once there was one.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.0.connection.load().is_some() {
            return None;
        }
        Some(self.0.problem.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Sends a command to whoever owns `slot`, within [`CALL_TIMEOUT`].
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        slot: Slot,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        let Some(connection) = self.0.connection.load_full() else {
            return Err((ErrorKind::Io, "not connected to Redis yet").into());
        };
        let mut connection = ClusterConnection::clone(&connection);
        let asked = tokio::time::timeout(CALL_TIMEOUT, connection.req_packed_command(command));
        let answer = match asked.await {
            Ok(answer) => answer.and_then(redis::Value::extract_error),
            Err(_) => Err((ErrorKind::Io, "Redis did not answer in time").into()),
        };
        self.note(slot, answer.as_ref().err());
        Ok(redis::from_redis_value(answer?)?)
    }

    /// Keeps how a part of the slots does.
    fn note(&self, slot: Slot, error: Option<&RedisError>) {
        let part =
            usize::from(slot.get()) * PARTS / usize::from(authcluster_contract::slots::SLOTS);
        // A server that answers, whatever it says, can be reached; one that has lost its slots or its
        // cluster says so in these words.
        let fails = error.is_some_and(|error| {
            !matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
                || error.is_cluster_error()
        });
        let mut failing = self.0.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = failing.get_mut(part) {
            *since = fails.then(|| since.unwrap_or_else(clock::now));
        }
    }

    /// Whether a part of the slots has failed for too long. Begins to count anew.
    fn is_due(&self) -> bool {
        let now = clock::now();
        let mut failing = self.0.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let long = |since: &Option<Instant>| {
            since.is_some_and(|since| now.saturating_duration_since(since) > FAILING_MAX)
        };
        let due = failing.iter().any(long);
        if due {
            *failing = [None; PARTS];
        }
        due
    }

    async fn keep(&self) {
        let mut pause = RECONNECT.0;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            let connected = self.0.connection.load().is_some();
            if connected && !self.is_due() {
                looks.tick().await;
                continue;
            }
            match self.connect().await {
                Ok(connection) => {
                    self.0.connection.store(Some(Arc::new(connection)));
                    pause = RECONNECT.0;
                    tracing::info!(again = connected, "connected to Redis");
                }
                Err(error) => {
                    let problem = format!("cannot connect to Redis: {}", chain(&error));
                    tracing::warn!(problem, "trying again");
                    *self.0.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RECONNECT.1);
                }
            }
        }
    }

    async fn connect(&self) -> Result<ClusterConnection, ConnectError> {
        let Access { seeds, username, password_file } = &self.0.access;
        let password = match password_file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|cause| ConnectError::Password { path: path.clone(), cause })?;
                Some(Zeroizing::new(text))
            }
        };
        let mut login = RedisConnectionInfo::default()
            // HELLO and CLIENT SETINFO are not among what the user may say.
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name();
        if let Some(username) = username {
            login = login.set_username(username);
        }
        if let Some(password) = &password {
            login = login.set_password(password.trim_end());
        }
        let nodes = seeds
            .iter()
            .map(|seed| {
                let address = ConnectionAddr::Tcp(seed.host.clone(), seed.port);
                Ok(address.into_connection_info()?.set_redis_settings(login.clone()))
            })
            .collect::<Result<Vec<_>, RedisError>>()?;
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(Duration::from_secs(2));
        let client = ClusterClient::builder(nodes)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(ANSWER_TIMEOUT)
            .overall_response_timeout(Some(CALL_TIMEOUT))
            .retries(RETRIES)
            .min_retry_wait(RETRY_WAIT_MS.0)
            .max_retry_wait(RETRY_WAIT_MS.1)
            .connection_concurrency_limit(AT_ONCE_MAX)
            .tcp_settings(tcp)
            .build()?;
        let connecting = tokio::time::timeout(START_TIMEOUT, client.get_async_connection());
        Ok(connecting.await.map_err(|_| ConnectError::Timeout)??)
    }
}
