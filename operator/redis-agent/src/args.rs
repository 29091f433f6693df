//! What the pod tells the agent, in its environment. The only reader of it.
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `REDIS_AGENT_POD_IP` | none | the pod's address, from `status.podIP` |
//! | `REDIS_AGENT_PORT` | 6379 | port of the server |
//! | `REDIS_AGENT_CONFIG` | `/etc/authcluster/redis/redis.conf` | the part of redis.conf that all pods share |
//! | `REDIS_AGENT_USERS` | `/etc/authcluster/redis-users` | folder with a password file for each user |
//! | `REDIS_AGENT_DATA` | `/data` | the server's folder |
//! | `REDIS_AGENT_RUN` | `/run/redis` | folder in memory for what the agent writes, passwords among it |
//! | `REDIS_AGENT_HOLD_SECONDS` | 60 | longest wait for a replica to take over from an emptied primary |
//! | `REDIS_AGENT_PRESTOP_SECONDS` | 30 | longest wait for a hand-over before the pod ends |

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The pod's address.
    pub ip: IpAddr,
    /// Port of the server.
    pub port: u16,
    /// The part of redis.conf that all pods share.
    pub config: PathBuf,
    /// Folder with a password file for each user.
    pub users: PathBuf,
    /// The server's folder.
    pub data: PathBuf,
    /// Folder for what the agent writes.
    pub run: PathBuf,
    /// Longest wait for a replica to take over.
    pub hold: Duration,
    /// Longest wait for a hand-over.
    pub prestop: Duration,
    /// Folders in which the server is looked for.
    pub path: OsString,
}

/// A setting that is missing or wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The address of the pod.
    #[error(
        "REDIS_AGENT_POD_IP is {0:?}, and must be the pod's address: \
         set it from status.podIP with the downward API"
    )]
    PodIp(String),
    /// A number.
    #[error("{0} is {1:?}, and must be a whole number in range")]
    Number(&'static str, String),
}

impl Settings {
    /// The settings of this process.
    ///
    /// # Errors
    /// The first that is missing or wrong.
    #[expect(
        clippy::disallowed_methods,
        reason = "this file is the only reader of the environment"
    )]
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::new(|name| std::env::var(name).ok(), std::env::var_os("PATH").unwrap_or_default())
    }

    /// The settings that `value` gives.
    ///
    /// # Errors
    /// The first that is missing or wrong.
    pub fn new(
        value: impl Fn(&str) -> Option<String>,
        path: OsString,
    ) -> Result<Self, SettingsError> {
        // An empty address would be announced as none, and frozen in nodes.conf.
        let ip = value("REDIS_AGENT_POD_IP").unwrap_or_default();
        let or = |name, default: &str| value(name).unwrap_or_else(|| default.to_owned());
        let seconds = |name, default| {
            let text = or(name, default);
            let number = text.parse().map(Duration::from_secs);
            number.map_err(|_| SettingsError::Number(name, text))
        };
        let port = or("REDIS_AGENT_PORT", "6379");
        Ok(Self {
            ip: ip.parse().map_err(|_| SettingsError::PodIp(ip))?,
            port: match port.parse() {
                Ok(number) if number > 0 => number,
                Ok(_) | Err(_) => return Err(SettingsError::Number("REDIS_AGENT_PORT", port)),
            },
            config: or("REDIS_AGENT_CONFIG", "/etc/authcluster/redis/redis.conf").into(),
            users: or("REDIS_AGENT_USERS", "/etc/authcluster/redis-users").into(),
            data: or("REDIS_AGENT_DATA", "/data").into(),
            run: or("REDIS_AGENT_RUN", "/run/redis").into(),
            hold: seconds("REDIS_AGENT_HOLD_SECONDS", "60")?,
            prestop: seconds("REDIS_AGENT_PRESTOP_SECONDS", "30")?,
            path,
        })
    }

    /// Where the server answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (self.ip, self.port).into()
    }

    /// The file with the users of the server.
    #[must_use]
    pub fn acl(&self) -> PathBuf {
        self.run.join("users.acl")
    }

    /// The file in which Redis keeps its view of the cluster.
    #[must_use]
    pub fn nodes_conf(&self) -> PathBuf {
        self.data.join("nodes.conf")
    }
}

#[cfg(test)]
mod tests {
    //! Which environments are refused.

    use super::{Settings, SettingsError};

    fn ip(value: Option<&str>) -> Result<String, SettingsError> {
        let value = value.map(str::to_owned);
        let settings = Settings::new(
            |name| if name == "REDIS_AGENT_POD_IP" { value.clone() } else { None },
            "/bin".into(),
        );
        settings.map(|settings| settings.address().to_string())
    }

    #[test]
    fn t6_an_address_is_never_empty_and_may_be_ipv6() {
        assert_eq!(ip(Some("10.0.0.1")), Ok("10.0.0.1:6379".to_owned()));
        assert_eq!(ip(Some("fd00::1")), Ok("[fd00::1]:6379".to_owned()));
        for wrong in [None, Some(""), Some("localhost"), Some("[fd00::1]")] {
            assert!(matches!(ip(wrong), Err(SettingsError::PodIp(_))), "{wrong:?}");
        }
    }
}
