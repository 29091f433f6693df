//! The command line and the environment. The only reader of both.

mod calibrate;
mod load;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context as _;
use authcluster_contract::config::HasherConfig;
use authcluster_contract::limits::LANES_MAX;
use authcluster_contract::node::NodeId;
use authcluster_contract::pepper::{KeyId, PepperFolder};
use clap::{Args, Parser, Subcommand};

use crate::telemetry::LogFormat;

pub use self::calibrate::CalibrateArgs;
pub use self::load::LoadArgs;

const EXIT_CODES: &str = "\
Exit codes: 0 = done, 2 = error, 141 = the reader of standard output, such as `head`, closed it. verify and inspect
have 1 as well.";

/// Argon2id hash and verify over HTTP.
#[derive(Debug, Parser)]
#[command(name = "hasher", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API. Without a configuration: alone, on loopback, with sessions in memory.
    Serve(ServeArgs),
    /// Hash the password on standard input, and print the hash. The password is the first line, without its
    /// end and without a byte order mark; it may not be empty.
    Hash(PolicyArgs),
    /// Compare the password on standard input with a hash: exit code 0 = match, 1 = mismatch, 2 =
    /// error. With --batch, a file of rows on all CPUs: 0 = every row was answered, whatever the
    /// answer, 2 = no row could be read or the answers not written.
    Verify(VerifyArgs),
    /// Say what stored hashes are: format, parameters, cost, and whether they should be made anew.
    /// Nothing of salt or digest is shown. Exit code 0 = all of them are verified here, 1 = some are
    /// not, 2 = error or no hashes.
    Inspect(InspectArgs),
    /// Wrap the old hashes of a user table in Argon2id, without anyone's password. Killed and started again, it
    /// goes on where it was. Exit code 0 = every row was answered, whatever the answer, 2 = error.
    Wrap(WrapArgs),
    /// List the formats of stored hashes that are verified.
    Formats(FormatsArgs),
    /// Print the Redis keys of a user.
    Key(KeyArgs),
    /// Measure this machine's hashes per second, next to the argon2 crate.
    Bench(BenchArgs),
    /// Propose Argon2id parameters for this machine: the most memory that there is time and room for.
    Calibrate(CalibrateArgs),
    /// Send requests to pods at a given rate, and measure how they are answered.
    Load(Box<LoadArgs>),
}

/// Of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file (TOML).
    #[arg(long, env = "HASHER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address of the API; overrides the file [default: 127.0.0.1:8080].
    #[arg(long, env = "HASHER_LISTEN", value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,
    /// Address of probes and metrics; overrides the file [default: 127.0.0.1:9090].
    #[arg(long, env = "HASHER_ADMIN_LISTEN", value_name = "IP:PORT")]
    pub admin_listen: Option<SocketAddr>,
    /// Hashing threads; overrides the file [default: one for each CPU].
    #[arg(long, env = "HASHER_LANES", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(LANES_MAX)))]
    pub lanes: Option<u32>,
    /// Keep each hashing thread on a CPU of its own, for nodes with CPUs set aside for this one;
    /// overrides the file.
    #[arg(long, env = "HASHER_PIN_LANES")]
    pub pin_lanes: bool,
    /// Name of this node; the pod's name in a cluster.
    #[arg(long, env = "HASHER_NODE_NAME", value_name = "NAME", default_value = "local")]
    pub node_name: NodeId,
    /// Address that other pods reach this one at; the pod's IP in a cluster. Needed with `peers`.
    #[arg(long, env = "HASHER_POD_IP", value_name = "IP")]
    pub pod_ip: Option<IpAddr>,
    /// What log lines look like.
    #[arg(long, env = "HASHER_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// Which log lines there are, as in `info` or `authcluster_hasher=debug`.
    #[arg(long, env = "HASHER_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// Of `hash`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// Memory of the hash, in MiB.
    #[arg(long, default_value_t = 19)]
    pub memory_mib: u32,
    /// Passes over the memory.
    #[arg(long, default_value_t = 2)]
    pub iterations: u32,
    /// Argon2 lanes.
    #[arg(long, default_value_t = 1)]
    pub parallelism: u32,
    /// Folder of peppers: one file each, named for its key id, with 16 random bytes or more in base64.
    #[arg(long, value_name = "FOLDER", requires = "pepper")]
    pub peppers: Option<PathBuf>,
    /// Key id of the pepper that new hashes are made with.
    #[arg(long, value_name = "KEY-ID", requires = "peppers")]
    pub pepper: Option<KeyId>,
}

/// Of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The stored hash.
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    pub encoded: Option<String>,
    /// Rows of JSON, one a line, with `encoded` and one of `password`, `password_b64` and
    /// `password_hex`; `-` = standard input. Each is written to standard output, in order, with its
    /// other fields and `outcome`: `match`, `mismatch`, or an error code of the API. A malformed row has the
    /// number of its `line`.
    #[arg(long, value_name = "FILE")]
    pub batch: Option<PathBuf>,
    /// Hashing threads of --batch [default: one for each CPU].
    #[arg(long, value_name = "N", requires = "batch",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(LANES_MAX)))]
    pub lanes: Option<u32>,
    /// Folder of peppers, for hashes that were made with one.
    #[arg(long, value_name = "FOLDER")]
    pub peppers: Option<PathBuf>,
}

/// Of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// File with one hash a line, or rows of JSON with `encoded`; `-` = standard input, which is the default. A
    /// line is the hash alone: take `user:` away first, and blanks at the end, which count.
    pub file: Option<PathBuf>,
    /// Print JSON, one object a line.
    #[arg(long)]
    pub json: bool,
    /// What a hash is compared with.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// Of `wrap`.
#[derive(Debug, Args)]
pub struct WrapArgs {
    /// Rows of JSON, one a line, with `encoded`.
    #[arg(long = "in", value_name = "FILE")]
    pub input: PathBuf,
    /// Where the same rows go, in the same order: `encoded` is the wrapped hash, `replaces` the old one, and
    /// `outcome` is `wrapped` or an error code of the API; a malformed row has the number of its `line`. FILE.state is
    /// there until it is done.
    #[arg(long = "out", value_name = "FILE", required_unless_present = "dry_run")]
    pub output: Option<PathBuf>,
    /// Write nothing: say which formats there are, what would be refused and why, and how long it takes.
    #[arg(long, conflicts_with = "output")]
    pub dry_run: bool,
    /// Hashing threads [default: one for each CPU].
    #[arg(long, visible_alias = "jobs", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(LANES_MAX)))]
    pub lanes: Option<u32>,
    /// What the hashes are wrapped in.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// Of `formats`.
#[derive(Debug, Args)]
pub struct FormatsArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Print the page of the documentation.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

/// Of `key`.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// The username, as callers send it.
    #[arg(required_unless_present = "user_id")]
    pub name: Option<String>,
    /// The user's id, as callers send it in `user_id`.
    #[arg(long, value_name = "ID", conflicts_with = "name")]
    pub user_id: Option<String>,
    /// The realm of the caller that speaks of the user.
    #[arg(long, default_value = "default")]
    pub realm: String,
    /// File with the secret of the AuthCluster (key `user-key` of its Secret).
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
    /// Letter case counts.
    #[arg(long)]
    pub case_sensitive: bool,
    /// The user's IPv4 or IPv6 address, for the keys of its rates.
    #[arg(long, value_name = "IP")]
    pub address: Option<IpAddr>,
}

/// Of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Memory of the hash, in MiB. Without it: the sets that OWASP and RFC 9106 name.
    #[arg(long, value_name = "MIB")]
    pub memory_mib: Option<u32>,
    /// Passes over the memory.
    #[arg(long, default_value_t = 2, requires = "memory_mib")]
    pub iterations: u32,
    /// Argon2 lanes.
    #[arg(long, default_value_t = 1, requires = "memory_mib")]
    pub parallelism: u32,
    /// Hashing threads at once [default: one for each CPU].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(LANES_MAX)))]
    pub lanes: Option<u32>,
    /// Turns of each contender; the median of them is shown.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rounds: u32,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

impl PolicyArgs {
    /// The folder and the current pepper, which come together.
    #[must_use]
    pub fn pepper_folder(&self) -> Option<PepperFolder> {
        let folder = self.peppers.clone()?;
        Some(PepperFolder { folder, current: self.pepper })
    }
}

impl ServeArgs {
    /// The configuration: the file, overridden by flags, checked as a whole.
    ///
    /// # Errors
    /// A file that cannot be read, or a combination that makes no sense.
    pub fn configuration(&self) -> anyhow::Result<HasherConfig> {
        let mut config = match &self.config {
            None => HasherConfig::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                HasherConfig::from_toml(&text).with_context(|| path.display().to_string())?
            }
        };
        config.listen.api = self.listen.unwrap_or(config.listen.api);
        config.listen.admin = self.admin_listen.unwrap_or(config.listen.admin);
        config.lanes = self.lanes.or(config.lanes);
        config.pin_lanes |= self.pin_lanes;
        config.check()?;
        Ok(config)
    }
}
