//! Redis pods without Kubernetes: each has a folder for its data, an address of its own, and the real
//! agent, which writes the configuration and becomes the server.
//!
//! The addresses are of 127.77.0.0/16, all of which is loopback in Linux. So all servers listen on the
//! same port, and a node is known by its address alone, as in Kubernetes.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo,
};

use crate::eventually::eventually;
use crate::process::{Process, Signal, is_on_path};

/// Port of every server.
pub const PORT: u16 = 6379;

/// Time for a server to answer, see [`super::server`].
const START_BOUND: Duration = Duration::from_secs(15);

/// The users that the agent makes. The harness gives each a password that holds its name.
pub const USERS: [&str; 3] = ["operator", "replication", "hasher"];

/// The password of a user of every pod.
#[must_use]
pub fn password(user: &str) -> String {
    format!("password of {user}: \"§\\")
}

/// What the pods have in common.
#[derive(Clone, Debug)]
pub struct PodOptions {
    /// The agent.
    pub agent: PathBuf,
    /// A folder in which the agent looks for a server before those of the PATH.
    pub path: Option<PathBuf>,
    /// The part of redis.conf that all pods share.
    pub config: String,
    /// Longest wait of an emptied primary for its replica, in seconds.
    pub hold_seconds: u64,
}

impl PodOptions {
    /// Pods of this agent that are configured like those of the operator, but for a node timeout that
    /// lets a failover take a second or two, and for files that keep every write: what is lost in a
    /// test is then lost by a fault, not by the second that `everysec` allows.
    #[must_use]
    pub fn of(agent: &Path) -> Self {
        Self {
            agent: agent.to_owned(),
            path: None,
            config: "cluster-node-timeout 1000\nsave \"\"\nappendonly yes\n\
                     appendfsync always\nrepl-diskless-sync-delay 0\n\
                     repl-ping-replica-period 1\nrepl-timeout 10\n"
                .to_owned(),
            hold_seconds: 60,
        }
    }
}

/// A Redis pod. Its server ends and its folder goes when it is dropped.
#[derive(Debug)]
pub struct RedisPod {
    folder: tempfile::TempDir,
    options: PodOptions,
    ip: Ipv4Addr,
    process: Option<Process>,
}

/// A replica that applies nothing, see [`RedisPod::hold_back`].
#[derive(Debug)]
pub struct HeldBack {
    holder: MultiplexedConnection,
    /// How often it had been asked for its state, by anyone.
    asked: u64,
}

impl HeldBack {
    /// How often others have asked it for its state since it is held back.
    ///
    /// # Errors
    /// A server that does not answer.
    pub async fn asked(&mut self) -> anyhow::Result<u64> {
        // Its own question is not among those that are counted yet, and is the next time.
        self.asked += 1;
        Ok(self.infos().await?.saturating_sub(self.asked))
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// A server that does not answer.
    pub async fn let_go(mut self) -> anyhow::Result<()> {
        Ok(redis::cmd("CLIENT").arg("UNPAUSE").query_async(&mut self.holder).await?)
    }

    async fn infos(&mut self) -> anyhow::Result<u64> {
        let mut command = redis::cmd("INFO");
        let text: String = command.arg("commandstats").query_async(&mut self.holder).await?;
        let calls = text.lines().find_map(|line| line.strip_prefix("cmdstat_info:calls="));
        let Some(calls) = calls.and_then(|rest| rest.split(',').next()) else { return Ok(0) };
        Ok(calls.parse()?)
    }
}

/// What a command of the agent came to.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit status.
    pub code: Option<i32>,
    /// What it said.
    pub said: String,
}

impl RedisPod {
    /// A pod whose server has not been started yet.
    ///
    /// # Errors
    /// No server, with the command that installs one; no free address.
    pub fn new(options: &PodOptions) -> anyhow::Result<Self> {
        anyhow::ensure!(
            options.path.is_some() || is_on_path("redis-server"),
            "redis-server is not on the PATH: apt-get install redis-server"
        );
        let folder = tempfile::Builder::new().prefix("authcluster-redis-pod-").tempdir()?;
        for name in ["data", "run", "users"] {
            fs::create_dir(folder.path().join(name))?;
        }
        for user in USERS {
            fs::write(folder.path().join("users").join(user), password(user))?;
        }
        Ok(Self { folder, options: options.clone(), ip: free_address()?, process: None })
    }

    /// Runs `redis-agent start` and returns without waiting for the server.
    ///
    /// # Errors
    /// An agent that cannot be run.
    pub fn start(&mut self) -> anyhow::Result<()> {
        // The pods of Kubernetes listen everywhere; these would meet each other there.
        let config = format!("bind {}\n{}", self.ip, self.options.config);
        fs::write(self.folder.path().join("redis.conf"), config)?;
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let errors = log.try_clone()?;
        let agent = self.options.agent.display().to_string();
        let process = Process::start(&agent, |command| {
            self.shape(command);
            command.arg("start").stdout(log).stderr(errors);
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Starts it and waits until the server answers.
    ///
    /// # Errors
    /// A server that does not, with its log.
    pub async fn started(&mut self) -> anyhow::Result<()> {
        self.start()?;
        self.answers(START_BOUND).await
    }

    /// Waits until the server answers.
    ///
    /// # Errors
    /// A server that does not, with its log.
    pub async fn answers(&self, bound: Duration) -> anyhow::Result<()> {
        let ask = || async {
            let mut connection = self.connect("operator").await?;
            Ok(redis::cmd("PING").query_async::<()>(&mut connection).await?)
        };
        eventually("the server answers", bound, ask).await.with_context(|| self.log())
    }

    /// Runs a command of the agent beside the server, as a probe or a hook does.
    ///
    /// # Errors
    /// An agent that cannot be run.
    pub async fn run(&self, word: &str) -> anyhow::Result<Ran> {
        let mut command = Command::new(&self.options.agent);
        self.shape(&mut command);
        command.arg(word).stdin(Stdio::null());
        let output = tokio::process::Command::from(command).kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Ran { code: output.status.code(), said })
    }

    fn shape(&self, command: &mut Command) {
        let folder = self.folder.path();
        command
            .env("REDIS_AGENT_POD_IP", self.ip.to_string())
            .env("REDIS_AGENT_PORT", PORT.to_string())
            .env("REDIS_AGENT_CONFIG", folder.join("redis.conf"))
            .env("REDIS_AGENT_USERS", folder.join("users"))
            .env("REDIS_AGENT_DATA", folder.join("data"))
            .env("REDIS_AGENT_RUN", folder.join("run"))
            .env("REDIS_AGENT_HOLD_SECONDS", self.options.hold_seconds.to_string());
        if let Some(path) = &self.options.path {
            // Of Debian's folders, those that hold what starts the agent.
            command.env("PATH", format!("{}:/usr/bin:/bin", path.display()));
        }
    }

    /// Its address.
    #[must_use]
    pub const fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// Whether it was started and not killed.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Kills the server, as a crash does.
    ///
    /// # Errors
    /// When it was not running.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().context("the server is not running")?.kill()
    }

    /// Stops the server without ending it, as a node that hangs.
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

    /// Keeps the replica that it is from applying what its primary sends, until [`HeldBack::let_go`]. No user
    /// of a pod may do that, so it gets one more.
    ///
    /// # Errors
    /// A server that does not answer.
    pub async fn hold_back(&self) -> anyhow::Result<HeldBack> {
        let path = self.written().join("users.acl");
        let users = fs::read_to_string(&path)?;
        fs::write(
            &path,
            format!("{users}user holder on nopass +client|pause +client|unpause +info\n"),
        )?;
        let mut operator = self.connect("operator").await?;
        redis::cmd("ACL").arg("LOAD").query_async::<()>(&mut operator).await?;
        let mut holder = self.login(Some(("holder", "any"))).await?;
        // Ten minutes: longer than any test.
        let mut pause = redis::cmd("CLIENT");
        pause.arg("PAUSE").arg(600_000).arg("WRITE").query_async::<()>(&mut holder).await?;
        let mut held = HeldBack { holder, asked: 0 };
        held.asked = held.infos().await?;
        Ok(held)
    }

    /// Takes another address for the next start, as a pod that is made again.
    ///
    /// # Errors
    /// No free address.
    pub fn move_away(&mut self) -> anyhow::Result<()> {
        self.ip = free_address()?;
        Ok(())
    }

    /// Empties the folder of its data, as a new volume. With `keep_nodes_conf` only the data set goes.
    ///
    /// # Errors
    /// A folder that cannot be emptied.
    pub fn lose_data(&mut self, keep_nodes_conf: bool) -> anyhow::Result<()> {
        anyhow::ensure!(!self.is_running(), "the server runs");
        for entry in fs::read_dir(self.data())? {
            let path = entry?.path();
            if keep_nodes_conf && path.ends_with("nodes.conf") {
                continue;
            }
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        Ok(())
    }

    /// The server's folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder that the agent writes to.
    #[must_use]
    pub fn written(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What agent and server said.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// A connection as one of [`USERS`].
    ///
    /// # Errors
    /// A server that does not answer, or refuses the login.
    pub async fn connect(&self, user: &str) -> anyhow::Result<MultiplexedConnection> {
        self.login(Some((user, &password(user)))).await
    }

    /// A connection with a name and a password, or with neither.
    ///
    /// # Errors
    /// A server that does not answer, or refuses the login.
    pub async fn login(&self, who: Option<(&str, &str)>) -> anyhow::Result<MultiplexedConnection> {
        let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some((user, password)) = who {
            login = login.set_username(user).set_password(password);
        }
        let info = ConnectionAddr::Tcp(self.ip.to_string(), PORT).into_connection_info()?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(5)));
        let client = Client::open(info.set_redis_settings(login))?;
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }
}

/// An address of loopback on which nobody listens, and which this process has not handed out before.
fn free_address() -> anyhow::Result<Ipv4Addr> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test programs that run at once start at different places: 7,919 is prime to the range.
    let start = std::process::id().wrapping_mul(7_919);
    for _ in 0..1_000 {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (250 * 250);
        let [third, fourth] = [offset / 250 + 1, offset % 250 + 1].map(u8::try_from);
        let ip = Ipv4Addr::new(127, 77, third?, fourth?);
        let is_free = |port| TcpListener::bind(SocketAddr::from((ip, port))).is_ok();
        if is_free(PORT) && is_free(PORT + 10_000) {
            return Ok(ip);
        }
    }
    anyhow::bail!("no free address in 127.77.0.0/16: does a server listen on 0.0.0.0:{PORT}?")
}
