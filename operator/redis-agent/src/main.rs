//! The program in the Redis pods: one word says what to do. See the library.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use authcluster_redis_agent::args::Settings;
use authcluster_redis_agent::{install, prestop, ready, start};

const USAGE: &str = "usage: redis-agent COMMAND

  install PATH  copy this program to PATH
  start         write the configuration and become the Redis or Valkey server
  ready         exit with 0 when this node has its data, and with 1 otherwise
  prestop       hand a primary over to a replica; always exits with 0

The environment says where things are:
  REDIS_AGENT_POD_IP           the pod's address (status.podIP), required
  REDIS_AGENT_PORT             6379
  REDIS_AGENT_CONFIG           /etc/authcluster/redis/redis.conf
  REDIS_AGENT_USERS            /etc/authcluster/redis-users
  REDIS_AGENT_DATA             /data
  REDIS_AGENT_RUN              /run/redis
  REDIS_AGENT_HOLD_SECONDS     60
  REDIS_AGENT_PRESTOP_SECONDS  30
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done: Result<(), Box<dyn Error>> = match words.as_slice() {
        ["install", path] => install::install(&PathBuf::from(path)).map_err(Into::into),
        ["start"] => settings().and_then(|settings| Ok(start::start(&settings, &mut say)?)),
        ["ready"] => settings().and_then(|settings| Ok(ready::ready(&settings)?)),
        ["prestop"] => {
            prestop_said();
            Ok(())
        }
        ["--help" | "-h" | "help"] => {
            say(USAGE.trim_end());
            Ok(())
        }
        ["--version"] => {
            say(concat!("redis-agent ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        _ => {
            say(USAGE.trim_end());
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn settings() -> Result<Settings, Box<dyn Error>> {
    Ok(Settings::from_environment()?)
}

/// A hook that fails would only add noise: the pod ends all the same.
fn prestop_said() {
    match settings().and_then(|settings| Ok(prestop::prestop(&settings)?)) {
        Ok(prestop::Outcome::NothingToDo) => say("nothing to hand over"),
        Ok(prestop::Outcome::HandedOver) => say("handed over"),
        Err(error) => say(&format!("not handed over: {}", chain(error.as_ref()))),
    }
}

fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// To the container's log. A log that is gone is no reason to fail.
fn say(words: &str) {
    drop(writeln!(std::io::stderr(), "redis-agent: {words}"));
}
