//! One redis-server process: its folder, its ports, its configuration, its end.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _};

use super::Options;
use crate::eventually::eventually;
use crate::ports::free_port;
use crate::process::{Process, Signal, is_on_path};

/// The harness's own user where ACL users are set.
const HARNESS: &str = "harness";

/// Two test programs may pick the same port; each try takes other ports.
const TRIES_MAX: usize = 5;

/// Time for a server to answer: some 20 ms alone, a second or two on a machine that compiles.
const START_BOUND: Duration = Duration::from_secs(15);

/// An ACL user of every server.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
    /// What it may do, as in an ACL file: `~* &* +@all`.
    pub rules: String,
}

/// A redis-server in cluster mode.
#[derive(Debug)]
pub struct RedisServer {
    folder: tempfile::TempDir,
    program: String,
    port: u16,
    bus_port: u16,
    tls_port: Option<u16>,
    has_users: bool,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts one on free ports and waits until it answers.
    pub(super) async fn start(options: &Options) -> anyhow::Result<Self> {
        anyhow::ensure!(
            is_on_path(&options.program),
            "{} is not on the PATH: apt-get install redis-server",
            options.program
        );
        let mut refusal = anyhow::anyhow!("no try was made");
        for _ in 0..TRIES_MAX {
            let mut server = Self {
                folder: tempfile::Builder::new().prefix("authcluster-redis-").tempdir()?,
                program: options.program.clone(),
                port: free_port()?,
                bus_port: free_port()?,
                tls_port: options.tls.as_ref().map(|_| free_port()).transpose()?,
                has_users: !options.users.is_empty(),
                process: None,
            };
            server.configure(options)?;
            match server.restart().await {
                Ok(()) => return Ok(server),
                Err(error) => refusal = error.context(server.log()),
            }
        }
        Err(refusal.context(format!("{} did not start", options.program)))
    }

    fn configure(&self, options: &Options) -> anyhow::Result<()> {
        let folder = self.folder.path();
        let mut config = format!(
            "port {}\ncluster-port {}\nbind 127.0.0.1\nprotected-mode no\ndaemonize no\n\
             cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout {}\n\
             cluster-require-full-coverage no\ncluster-allow-replica-migration no\n\
             cluster-replica-validity-factor 0\nsave \"\"\nappendonly no\n\
             repl-diskless-sync yes\nrepl-diskless-sync-delay 0\nlogfile {}/server.log\ndir {}\n",
            self.port,
            self.bus_port,
            options.node_timeout.as_millis(),
            folder.display(),
            folder.display(),
        );
        if self.has_users {
            let mut users =
                format!("user default off ~* &* +@all\nuser {HARNESS} on >{HARNESS} ~* &* +@all\n");
            for User { name, password, rules } in &options.users {
                writeln!(users, "user {name} on >{password} {rules}")?;
            }
            fs::write(folder.join("users.acl"), users)?;
            let (name, password) = options
                .replication
                .clone()
                .unwrap_or_else(|| (HARNESS.to_owned(), HARNESS.to_owned()));
            write!(
                config,
                "aclfile {}/users.acl\nmasteruser {name}\nmasterauth {password}\n",
                folder.display()
            )?;
        }
        if let (Some(folder), Some(port)) = (&options.tls, self.tls_port) {
            let folder = folder.display();
            write!(
                config,
                "tls-port {port}\ntls-cluster yes\ntls-auth-clients no\n\
                 tls-cert-file {folder}/tls.crt\ntls-key-file {folder}/tls.key\n\
                 tls-ca-cert-file {folder}/ca.crt\n"
            )?;
        }
        for line in &options.config {
            writeln!(config, "{line}")?;
        }
        fs::write(folder.join("redis.conf"), config).context("cannot write redis.conf")
    }

    /// Starts the server again after [`Self::kill`], in the same folder and on the same ports.
    ///
    /// # Errors
    /// A server that does not answer, or another one that answers on its port.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let config = self.folder.path().join("redis.conf");
        let process = Process::start(&self.program, |command| {
            command.arg(config).stdout(Stdio::null()).stderr(Stdio::null());
        })?;
        let id = process.id();
        self.process = Some(process);
        let this = &*self;
        let answer = eventually("the server answers", START_BOUND, || async move {
            let info: String =
                redis::cmd("INFO").arg("server").query_async(&mut this.connect().await?).await?;
            anyhow::Ok(info)
        });
        let info = answer.await?;
        anyhow::ensure!(
            info.lines().any(|line| line == format!("process_id:{id}")),
            "another server answers on port {}",
            self.port
        );
        Ok(())
    }

    /// Takes other ports for the next start, as a pod that is made again has another address.
    ///
    /// # Errors
    /// A server that runs; no free port; a configuration that cannot be written.
    pub fn move_away(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.is_running(), "the server runs");
        (self.port, self.bus_port) = (free_port()?, free_port()?);
        let file = self.folder.path().join("redis.conf");
        let ports = format!("port {}\ncluster-port {}\n", self.port, self.bus_port);
        let text = fs::read_to_string(&file)?;
        let others = text
            .lines()
            .filter(|line| !line.starts_with("port ") && !line.starts_with("cluster-port "));
        let others: Vec<&str> = others.collect();
        fs::write(file, ports + &others.join("\n") + "\n").context("cannot write redis.conf")
    }

    /// Where clients reach it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Where clients reach it with TLS, if anywhere.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::LOCALHOST, self.tls_port?).into())
    }

    /// Where other servers reach it: the last argument of `CLUSTER MEET`.
    #[must_use]
    pub fn bus_port(&self) -> u16 {
        self.bus_port
    }

    /// Its folder, with `redis.conf`, `nodes.conf` and `server.log`.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Whether it has been started and not killed.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// How to connect to this server alone, as the harness's own user.
    ///
    /// # Errors
    /// None in practice: the address is well-formed.
    pub fn connection_info(&self) -> anyhow::Result<ConnectionInfo> {
        let info = ("127.0.0.1", self.port).into_connection_info()?;
        if !self.has_users {
            return Ok(info);
        }
        let redis = info.redis_settings().clone().set_username(HARNESS).set_password(HARNESS);
        Ok(info.set_redis_settings(redis))
    }

    /// Moves the keys of one slot to another server, as a client does when it reshards.
    ///
    /// # Errors
    /// A server that does not answer, or refuses.
    pub async fn migrate_keys(&self, slot: u16, to: SocketAddr) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        loop {
            let mut list = redis::cmd("CLUSTER");
            list.arg("GETKEYSINSLOT").arg(slot).arg(100);
            let keys: Vec<Vec<u8>> = list.query_async(&mut connection).await?;
            if keys.is_empty() {
                return Ok(());
            }
            let mut migrate = redis::cmd("MIGRATE");
            migrate.arg(to.ip().to_string()).arg(to.port()).arg("").arg(0).arg(5_000);
            if self.has_users {
                migrate.arg("AUTH2").arg(HARNESS).arg(HARNESS);
            }
            migrate.arg("KEYS").arg(keys).query_async::<()>(&mut connection).await?;
        }
    }

    /// A connection to this server alone, as the harness's own user.
    ///
    /// # Errors
    /// A server that cannot be reached within a second.
    pub async fn connect(&self) -> anyhow::Result<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(5)));
        let client = Client::open(self.connection_info()?)?;
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// Kills the server, as a crash does. Its folder stays.
    ///
    /// # Errors
    /// When it was not running.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().context("the server is not running")?.kill()
    }

    /// Stops the server without ending it, as a node that hangs: its connections stay open.
    ///
    /// # Errors
    /// When it is not running.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.process.as_ref().context("the server is not running")?.signal(Signal::Stop)
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    /// When it is not running.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.process.as_ref().context("the server is not running")?.signal(Signal::Continue)
    }
}
