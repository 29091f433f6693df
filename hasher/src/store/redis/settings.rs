//! How this program speaks to Redis: who it is, whom it asks first, and how long it waits.
//!
//! The client's own defaults wait too long and leave dead connections open, so everything is set
//! here. Passwords and authorities are read again for each connection, since a mounted Secret may
//! have changed, and names are looked up again, since a pod may have another address.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use authcluster_contract::config::Redis;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _,
    ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo, RedisError, RedisResult,
    TlsCertificates,
};
use zeroize::Zeroizing;

use super::map::{Address, Naming};
use crate::telemetry::chain;

/// How long calls wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// For a call with all its tries. The default is half of a request's deadline, and longer than a
    /// graceful failover.
    pub(super) call: Duration,
    /// For one answer of a node that may hang: 150 ms by default. One that then lets itself be connected to
    /// does not, and is waited for as long as the call has time. A call takes a quarter of a millisecond;
    /// what is left is for a machine whose lanes keep every CPU busy. There, with Redis on the same two CPUs,
    /// one call in seven hundred took more than 50 ms and the longest of 32,000 took 142 ms. Doubled, a node
    /// that hangs costs the calls under way twice as much; halved, a busy machine is taken for one.
    pub(super) response: Duration,
    /// For the replicas to acknowledge a write: a millisecond where they live, and what a busy machine
    /// adds. With an answer's time it fits a call's.
    pub(super) replication: Duration,
}

impl Bounds {
    /// Those of a call that may take so long.
    fn of(call: Duration) -> Self {
        Self { call, response: call * 3 / 10, replication: call / 2 }
    }
}

/// Calls that may take less would fail on a machine that is merely busy, and longer ones outlast every request.
const CALL_TIMEOUT_MS: RangeInclusive<u32> = 50..=60_000;

/// Time for replicas to acknowledge where the last write found too few: several times what they take when
/// they are back.
pub(super) const REPLICATION_TIMEOUT_LAGGING: Duration = Duration::from_millis(20);

/// Time to connect to one node, its lookup and its login included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Calls under way at one primary. At 0.1 ms each that is a queue of some 50 ms; more would only
/// wait for their timeout.
pub(super) const CALLS_MAX: usize = 512;

/// Times that one call is sent: to where the table says, to where the first answer says, over a new
/// connection, with the script's text. A cluster that sends a call around for longer is not in order.
/// A node that says "in a moment" is asked again until the call's time is over.
pub(super) const TRIES_MAX: u32 = 5;

/// A node that is just handing over is asked again after so long.
pub(super) const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A Redis that stays away is said again so often.
pub(super) const SAY_AGAIN: Duration = Duration::from_secs(30);

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
    /// A time that no call can do with.
    #[error(
        "redis.call_timeout_ms: {ms} is not from {} to {}",
        CALL_TIMEOUT_MS.start(),
        CALL_TIMEOUT_MS.end()
    )]
    CallTimeout {
        /// What stands there.
        ms: u32,
    },
    /// No file where the password should be.
    #[error("cannot read redis.password_file {file}")]
    Password {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// No authority where there should be one.
    #[error("cannot read redis.tls.ca_file {file}")]
    Authority {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A file that holds no certificate that can be used.
    #[error("redis.tls.ca_file {file} holds no certificate of an authority")]
    NoAuthority {
        /// The file.
        file: PathBuf,
    },
}

/// Whom to ask and as whom, checked.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where to ask for the cluster when no node of it is known.
    pub(super) seeds: Vec<Address>,
    /// Replicas that must have a durable write.
    pub(super) acknowledgements: u32,
    /// How long calls wait.
    pub(super) bounds: Bounds,
    username: Option<String>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

impl Settings {
    /// Checks what can be checked without Redis.
    pub(super) fn of(config: &Redis) -> Result<Self, SettingsError> {
        let Redis { seeds, username, password_file, tls, acknowledgements, call_timeout_ms } =
            config;
        if !CALL_TIMEOUT_MS.contains(call_timeout_ms) {
            return Err(SettingsError::CallTimeout { ms: *call_timeout_ms });
        }
        let seeds = seeds
            .iter()
            .map(|seed| parse_seed(seed).ok_or_else(|| SettingsError::Seed { seed: seed.clone() }));
        let settings = Self {
            seeds: seeds.collect::<Result<_, _>>()?,
            acknowledgements: *acknowledgements,
            bounds: Bounds::of(Duration::from_millis(u64::from(*call_timeout_ms))),
            username: username.clone(),
            password_file: password_file.clone(),
            ca_file: tls.as_ref().map(|tls| tls.ca_file.clone()),
        };
        if settings.password_file.is_some() && settings.username.is_none() {
            return Err(SettingsError::NoUsername);
        }
        settings.password()?;
        if let Some(file) = &settings.ca_file {
            // The client takes whatever provider the process has; a second call finds it there.
            drop(rustls::crypto::ring::default_provider().install_default());
            authority(file)?;
        }
        Ok(settings)
    }

    /// What nodes are called: with TLS a certificate is made out to a name.
    pub(super) fn naming(&self) -> Naming {
        if self.ca_file.is_some() { Naming::Names } else { Naming::Addresses }
    }

    /// The password as the file says now.
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

    /// A client for one node, which has not connected yet.
    fn client(&self, address: &Address) -> RedisResult<Client> {
        let password = self.password().map_err(|error| unusable("no password", &error))?;
        let mut login = RedisConnectionInfo::default()
            // With version 3 a lost connection is told.
            .set_protocol(ProtocolVersion::RESP3)
            .set_skip_set_lib_name();
        if let Some(username) = &self.username {
            login = login.set_username(username);
        }
        if let Some(password) = password {
            login = login.set_password(&*password);
        }
        let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        let tcp = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(keepalive)
            .set_user_timeout(UNACKNOWLEDGED_MAX);
        let Address { host, port } = address.clone();
        let place = match &self.ca_file {
            None => ConnectionAddr::Tcp(host, port),
            Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        };
        let info = place.into_connection_info()?.set_tcp_settings(tcp).set_redis_settings(login);
        let Some(file) = &self.ca_file else { return Client::open(info) };
        // With an authority of its own the client asks no other one.
        let authority = authority(file).map_err(|error| unusable("no authority", &error))?;
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(authority) };
        Client::build_with_tls(info, certificates)
    }

    /// Connects to one node, within [`CONNECT_TIMEOUT`]. Its calls have no bound of their own: each
    /// caller brings one.
    pub(super) async fn connect(&self, address: &Address) -> RedisResult<MultiplexedConnection> {
        self.connect_as(address, AsyncConnectionConfig::new()).await
    }

    /// Connects to one node, and calls `gone` when the connection is lost, whether or not a call was
    /// under way.
    pub(super) async fn connect_watched(
        &self,
        address: &Address,
        gone: impl Fn() + Send + Sync + 'static,
    ) -> RedisResult<MultiplexedConnection> {
        let told = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                gone();
            }
            Ok::<_, Infallible>(())
        };
        self.connect_as(address, AsyncConnectionConfig::new().set_push_sender(told)).await
    }

    async fn connect_as(
        &self,
        address: &Address,
        config: AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let config =
            config.set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(None);
        self.client(address)?.get_multiplexed_async_connection_with_config(&config).await
    }
}

/// The authority as the file says now.
fn authority(file: &Path) -> Result<Vec<u8>, SettingsError> {
    let text = std::fs::read(file)
        .map_err(|cause| SettingsError::Authority { file: file.to_owned(), cause })?;
    let mut roots = rustls::RootCertStore::empty();
    let certificates = rustls_pki_types::pem::PemObject::pem_slice_iter(&text);
    let usable = certificates
        .flatten()
        .filter(|der: &rustls_pki_types::CertificateDer<'_>| roots.add(der.clone()).is_ok());
    if usable.count() == 0 {
        return Err(SettingsError::NoAuthority { file: file.to_owned() });
    }
    Ok(text)
}

fn unusable(what: &'static str, error: &SettingsError) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, what, chain(error)))
}

/// `host:port`, or `[address]:port` for IPv6.
fn parse_seed(seed: &str) -> Option<Address> {
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
    named.then(|| Address { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests;
