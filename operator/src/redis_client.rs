//! A connection to the Redis server of one pod, as the user `operator`. The only file of the operator
//! that opens one; `observe` and `apply` say what to ask.
//!
//! Every wait is bounded, and an error names the pod and the command, never an argument or a password.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo as _,
    Pipeline, ProtocolVersion, RedisConnectionInfo, RedisError,
};
use zeroize::Zeroizing;

use crate::plan::topology::PodName;

/// The operator's user of Redis, and the key of its password. The agent makes it and its rights.
pub const USER: &str = "operator";

/// Connecting and logging in may take so long. A pod of the same Kubernetes cluster answers within
/// milliseconds; one that was just deleted does not answer at all, and every pass waits for it.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// An answer may take so long. Redis does one thing at a time: a script or an fsync of some hundred
/// milliseconds is no outage, and what takes longer is tried again by the next pass.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How the servers of one `AuthCluster` are reached. Holds a password, so it cannot be printed.
pub struct Access {
    port: u16,
    password: Zeroizing<String>,
}

/// A server that did not answer as asked.
#[derive(Debug, thiserror::Error)]
#[error("{pod} does not answer {command}")]
pub struct Error {
    pod: PodName,
    command: &'static str,
    #[source]
    cause: RedisError,
}

impl Access {
    /// The servers listen on `port` of their pod's address.
    #[must_use]
    pub const fn new(port: u16, password: Zeroizing<String>) -> Self {
        Self { port, password }
    }

    /// The port of every server.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Connects to the server of `pod` at `ip`.
    ///
    /// # Errors
    /// A server that does not answer in time or refuses the login.
    pub async fn connect(&self, pod: &PodName, ip: IpAddr) -> Result<Node, Error> {
        let refused = |cause| Error { pod: pod.clone(), command: "AUTH", cause };
        let login = RedisConnectionInfo::default()
            .set_username(USER)
            .set_password(self.password.as_str())
            // HELLO and CLIENT SETINFO are not among what the user may say.
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name();
        let address = SocketAddr::new(ip, self.port);
        let to = ConnectionAddr::Tcp(address.ip().to_string(), address.port());
        let info = to.into_connection_info().map_err(refused)?.set_redis_settings(login);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let client = Client::open(info).map_err(refused)?;
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let connection = connecting.await.map_err(refused)?;
        Ok(Node { pod: pod.clone(), connection })
    }
}

/// A connection to the server of one pod.
pub struct Node {
    pod: PodName,
    connection: MultiplexedConnection,
}

impl Node {
    /// Sends one command. `name` is its name without arguments, for the error.
    ///
    /// # Errors
    /// No answer in time, or a refusal.
    pub async fn ask<T: FromRedisValue>(
        &mut self,
        name: &'static str,
        command: &Cmd,
    ) -> Result<T, Error> {
        let answer = command.query_async(&mut self.connection).await;
        answer.map_err(|cause| self.failed(name, cause))
    }

    /// Sends many commands at once. `name` says what they are, for the error.
    ///
    /// # Errors
    /// No answer in time, or the first refusal.
    pub async fn ask_all<T: FromRedisValue>(
        &mut self,
        name: &'static str,
        commands: &Pipeline,
    ) -> Result<T, Error> {
        let answer = commands.query_async(&mut self.connection).await;
        answer.map_err(|cause| self.failed(name, cause))
    }

    fn failed(&self, command: &'static str, cause: RedisError) -> Error {
        Error { pod: self.pod.clone(), command, cause }
    }
}

impl Error {
    /// Whether the server answered with an error that holds these words.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.cause.detail().is_some_and(|detail| detail.contains(words))
    }
}

/// `CLUSTER` and one of its subcommands.
#[must_use]
pub fn cluster(subcommand: &str) -> Cmd {
    let mut command = ::redis::cmd("CLUSTER");
    command.arg(subcommand);
    command
}
