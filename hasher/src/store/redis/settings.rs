//! How this program speaks to Redis: who it is, whom it asks first, and how long it waits.
//!
//! The client's own defaults wait too long (no response timeout, retries from 1.28 s on) and leave
//! dead connections open, so everything is set here.

use std::path::PathBuf;
use std::time::Duration;

use authcluster_contract::config::Redis;
use redis::cluster::ClusterClient;
use redis::io::tcp::{TcpSettings, socket2};
use redis::{ErrorKind, ProtocolVersion, RedisError};
use zeroize::Zeroizing;

/// Time for one answer. A call takes a quarter of a millisecond; what is left is for a machine whose
/// lanes keep every CPU busy. There, with Redis on the same two CPUs, one call in seven hundred took
/// more than 50 ms and the longest of 32,000 took 142 ms. Doubled, a node that hangs costs each
/// call twice as much.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(150);

/// Time for a call with its retries and redirections: half of a request's default deadline, and
/// longer than a graceful failover.
const CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// Tries after the first. With the waits below they end before [`CALL_TIMEOUT`].
const RETRIES: u32 = 3;

/// Shortest and longest wait between two tries, in milliseconds.
const RETRY_WAIT_MS: (u64, u64) = (5, 50);

/// Time to connect to one node. The client holds its lock while it looks for the cluster's shape,
/// so a dead node costs every call as much.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Time to find the whole cluster. The client may hang there for ever (redis-rs#1953).
pub(super) const FIND_TIMEOUT: Duration = Duration::from_secs(3);

/// Calls under way on one connection. At 0.1 ms each that is a queue of some 50 ms; more would
/// only wait for their timeout.
const CALLS_MAX: usize = 512;

/// A connection whose data nobody acknowledges for so long is dead.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(2);

/// An idle connection is asked after so long, and as often.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// A configuration that no Redis can fit.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A seed that is no address.
    #[error("redis.seeds: `{seed}` is not host:port, as in `my-redis:6379`")]
    Seed {
        /// What stands there.
        seed: String,
    },
    /// A password for nobody.
    #[error("redis.password_file is set and redis.username is not: name the ACL user")]
    NoUsername,
    /// No file where the password should be.
    #[error("cannot read redis.password_file {file}")]
    Password {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

/// Whom to ask and as whom, checked.
#[derive(Debug)]
pub(super) struct Settings {
    seeds: Vec<(String, u16)>,
    username: Option<String>,
    password_file: Option<PathBuf>,
}

impl Settings {
    /// Checks what can be checked without Redis.
    pub(super) fn of(config: &Redis) -> Result<Self, SettingsError> {
        let seeds = config
            .seeds
            .iter()
            .map(|seed| parse_seed(seed).ok_or_else(|| SettingsError::Seed { seed: seed.clone() }));
        let settings = Self {
            seeds: seeds.collect::<Result<_, _>>()?,
            username: config.username.clone(),
            password_file: config.password_file.clone(),
        };
        if settings.password_file.is_some() && settings.username.is_none() {
            return Err(SettingsError::NoUsername);
        }
        settings.password()?;
        Ok(settings)
    }

    /// The password as the file says now: a mounted Secret may have changed.
    fn password(&self) -> Result<Option<Zeroizing<String>>, SettingsError> {
        let Some(file) = &self.password_file else { return Ok(None) };
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
            }
            Err(cause) => Err(SettingsError::Password { file: file.clone(), cause }),
        }
    }

    /// A client that has not connected yet. Names are looked up at each connect.
    pub(super) fn client(&self) -> Result<ClusterClient, RedisError> {
        let password = self.password().map_err(|error| {
            let detail = crate::telemetry::chain(&error);
            RedisError::from((ErrorKind::InvalidClientConfig, "no password", detail))
        })?;
        let (wait_min_ms, wait_max_ms) = RETRY_WAIT_MS;
        let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        let tcp = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(keepalive)
            .set_user_timeout(UNACKNOWLEDGED_MAX);
        let mut client = ClusterClient::builder(self.seeds.iter().cloned())
            // With version 3 a lost connection is told and mended before the next call.
            .use_protocol(ProtocolVersion::RESP3)
            .response_timeout(RESPONSE_TIMEOUT)
            .overall_response_timeout(Some(CALL_TIMEOUT))
            .connection_timeout(CONNECT_TIMEOUT)
            .retries(RETRIES)
            .min_retry_wait(wait_min_ms)
            .max_retry_wait(wait_max_ms)
            .retry_wait_formula(wait_min_ms, 3)
            .connection_concurrency_limit(CALLS_MAX)
            .tcp_settings(tcp);
        if let Some(username) = &self.username {
            client = client.username(username);
        }
        if let Some(password) = password {
            client = client.password(&*password);
        }
        client.build()
    }
}

/// `host:port`, or `[address]:port` for IPv6.
fn parse_seed(seed: &str) -> Option<(String, u16)> {
    let (host, port) = seed.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(address) => address,
        // More colons without brackets leave it open which of them starts the port.
        None if host.contains(':') => return None,
        None => host,
    };
    let named = !host.is_empty() && !host.contains(['/', '@', ' ']);
    named.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests;
