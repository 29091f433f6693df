//! What the agent adds to the redis.conf that all pods share. Pure.

use std::net::IpAddr;
use std::path::Path;

use crate::args::Settings;
use crate::copies::Copies;
use crate::users::{DEFAULT_USER_OFF, User};

/// The passwords of the users.
pub struct Passwords {
    /// Of the operator.
    pub operator: String,
    /// Of replicas.
    pub replication: String,
    /// Of the hashers.
    pub hasher: String,
}

impl Passwords {
    /// The password of one user.
    #[must_use]
    pub fn of(&self, user: User) -> &str {
        match user {
            User::Operator => &self.operator,
            User::Replication => &self.replication,
            User::Hasher => &self.hasher,
        }
    }
}

/// The ACL file, while copies of the node's data are served or withheld.
#[must_use]
pub fn users_acl(passwords: &Passwords, copies: Copies) -> String {
    let mut text = format!("{DEFAULT_USER_OFF}\n");
    for user in User::ALL {
        text.push_str(&user.acl_line(passwords.of(user), copies));
        text.push('\n');
    }
    text
}

/// The server's configuration: what all pods share, then what is this pod's own, and last what the
/// planner relies on and nobody may change.
#[must_use]
pub fn redis_conf(settings: &Settings, acl: &Path, passwords: &Passwords) -> String {
    let Settings { ip, port, config, data, users: _, run: _, hold: _, prestop: _, path: _ } =
        settings;
    let mut text = format!("include {}\n", quoted(&config.display().to_string()));
    let mut line = |name: &str, value: &str| {
        text.push_str(&format!("{name} {value}\n"));
    };
    line("port", &port.to_string());
    line("dir", &quoted(&data.display().to_string()));
    line("cluster-announce-ip", &address(*ip));
    line("aclfile", &quoted(&acl.display().to_string()));
    line("masteruser", User::Replication.name());
    line("masterauth", &quoted(passwords.of(User::Replication)));
    line("daemonize", "no");
    // The default user is off, so there is nothing to protect a nameless caller from.
    line("protected-mode", "no");
    line("cluster-enabled", "yes");
    line("cluster-config-file", "nodes.conf");
    // A lost shard must not take the others' keys with it.
    line("cluster-require-full-coverage", "no");
    // Which shard a replica belongs to is the operator's decision alone.
    line("cluster-allow-replica-migration", "no");
    // A stale copy of sessions and counters is better than none.
    line("cluster-replica-validity-factor", "0");
    text
}

/// An address as redis.conf has it: IPv6 without brackets.
fn address(ip: IpAddr) -> String {
    ip.to_string()
}

/// A value in quotes, as redis.conf reads them.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
    }
    text.push('"');
    text
}

/// Whether a redis.conf asks for an append-only file. The last line wins, as in Redis.
#[must_use]
pub fn appends_only(base: &str) -> bool {
    let mut values = base.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next().filter(|word| word.eq_ignore_ascii_case("appendonly"))?;
        words.next()
    });
    values.next_back().is_some_and(|value| value.trim_matches('"').eq_ignore_ascii_case("yes"))
}

#[cfg(test)]
mod tests {
    //! What is written.

    use std::path::Path;

    use super::{Passwords, appends_only, quoted, redis_conf, users_acl};
    use crate::args::Settings;
    use crate::copies::Copies;

    fn passwords() -> Passwords {
        let text = |word: &str| word.to_owned();
        Passwords { operator: text("o"), replication: text("r \"x"), hasher: text("h") }
    }

    #[test]
    fn the_configuration_names_the_pod_and_ends_with_what_is_fixed() {
        let ip = |name: &str| (name == "REDIS_AGENT_POD_IP").then(|| "fd00::7".to_owned());
        let settings = Settings::new(ip, "/bin".into()).unwrap();
        let text = redis_conf(&settings, Path::new("/run/redis/users.acl"), &passwords());
        assert!(text.starts_with("include \"/etc/authcluster/redis/redis.conf\"\n"), "{text}");
        assert!(text.contains("\ncluster-announce-ip fd00::7\n"), "{text}");
        assert!(text.contains("\nmasterauth \"r \\\"x\"\n"), "{text}");
        assert!(text.contains("\ncluster-allow-replica-migration no\n"), "{text}");
    }

    #[test]
    fn the_acl_file_has_every_user_and_no_password() {
        let text = users_acl(&passwords(), Copies::Served);
        assert_eq!(text.lines().count(), 4);
        assert!(!text.contains("r \"x"), "{text}");
    }

    #[test]
    fn values_are_quoted() {
        assert_eq!(quoted("a\nb\\"), "\"a\\x0ab\\\\\"");
    }

    #[test]
    fn the_last_appendonly_counts() {
        assert!(appends_only("appendonly no\n  AppendOnly yes\n"));
        assert!(!appends_only("appendonly yes\nappendonly no\n"));
        assert!(!appends_only("# appendonly yes\n"));
    }
}
