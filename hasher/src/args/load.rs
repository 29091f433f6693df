//! Arguments of `load`.

use std::path::PathBuf;

use clap::Args;

const EXAMPLE: &str = "\
Example: a login storm of ten seconds at two pods on this machine, whatever they can do.

  hasher load --rate 500 --duration-seconds 10 --login 80 --verify 15 --hash 5 \\
      http://127.0.0.1:8080 http://127.0.0.1:8081

Requests are sent at their scheduled times, whether or not earlier ones were answered, and latencies
count from those times: a server that stands still cannot slow the clock that it is measured with.

Logins have the right password and no address, so the rates of failed logins do not refuse them. With few
users and a high rate, a user may have more attempts under way than a rate lets through: write `rules = []`
below `[limits]` of the servers then.";

/// Of `load`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct LoadArgs {
    /// Where pods are, as in `http://127.0.0.1:8080`; requests are dealt in turn. The path of a URL is put before
    /// those of the API.
    #[arg(required = true, value_name = "URL")]
    pub urls: Vec<String>,
    /// Requests per second, on average; arrivals are random (Poisson).
    #[arg(long, default_value_t = 100.0, value_name = "R", value_parser = rate)]
    pub rate: f64,
    /// How long requests are sent, in seconds.
    #[arg(long, default_value_t = 10, value_name = "S",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub duration_seconds: u64,
    /// Different users.
    #[arg(long, default_value_t = 100_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub users: u32,
    /// Popularity of users: the Nth logs in in proportion to N to the power of -EXPONENT; 0 = all the
    /// same.
    #[arg(long, default_value_t = 0.5, value_name = "EXPONENT", value_parser = exponent)]
    pub zipf: f64,
    /// Share of /v1/login.
    #[arg(long, default_value_t = 100, value_name = "SHARE")]
    pub login: u32,
    /// Share of /v1/verify.
    #[arg(long, default_value_t = 0, value_name = "SHARE")]
    pub verify: u32,
    /// Share of /v1/hash.
    #[arg(long, default_value_t = 0, value_name = "SHARE")]
    pub hash: u32,
    /// Logins create a session each.
    #[arg(long)]
    pub sessions: bool,
    /// The stored hash to verify against [default: one that /v1/hash makes for the password].
    #[arg(long, value_name = "ENCODED")]
    pub encoded: Option<String>,
    /// The password of all users.
    #[arg(long, default_value = "correct horse battery staple", value_name = "PASSWORD")]
    pub password: String,
    /// Time that each request is given, in milliseconds [default: what the server gives].
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..))]
    pub deadline_ms: Option<u32>,
    /// A request without an answer is given up after this, in milliseconds.
    #[arg(long, default_value_t = 10_000, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub give_up_ms: u64,
    /// File with the bearer token.
    #[arg(long, env = "HASHER_TOKEN_FILE", value_name = "FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
    /// The bearer token; in the environment, where others cannot see it.
    #[arg(long, env = "HASHER_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// File with the authority of the servers' certificates (PEM).
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Seed of all that is random.
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    pub seed: u64,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Load may be sent to other machines: they are mine, or their owner has agreed.
    #[arg(long)]
    pub i_own_the_target: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1e6 => Ok(rate),
        Ok(_) | Err(_) => Err("a number above 0, at most 1000000".to_owned()),
    }
}

fn exponent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(exponent) if (0.0..=5.0).contains(&exponent) => Ok(exponent),
        Ok(_) | Err(_) => Err("a number from 0 to 5".to_owned()),
    }
}
