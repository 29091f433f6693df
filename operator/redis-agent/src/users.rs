//! The ACL users of every Redis node, and what each may do. The only copy of these rules.
//!
//! Nobody can be the default user. No other may run a command that destroys data or the cluster
//! (`FLUSHALL`, `FLUSHDB`, `CLUSTER RESET`, `DEBUG`, `SHUTDOWN`), change the server (`CONFIG`, and `ACL`
//! but for reading the agent's own file again) or list keys: what the operator must never do, it
//! cannot do. Commands are named one by one, never by category, so that a newer server adds nothing.
//! Every one exists in Redis 7.0.

use sha2::{Digest as _, Sha256};

use crate::copies::Copies;

/// An ACL user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// The operator, and this agent: forms the cluster, writes capacity weights.
    Operator,
    /// Replicas at their primary.
    Replication,
    /// The hashers.
    Hasher,
}

impl User {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Operator, Self::Replication, Self::Hasher];

    /// Its name, which is also the name of the file with its password.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Replication => "replication",
            Self::Hasher => "hasher",
        }
    }

    /// The patterns of the keys that it may touch.
    #[must_use]
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Operator => &["nodes", "node_load:*", "node_capacity:*"],
            Self::Replication => &[],
            Self::Hasher => &[
                "nodes",
                "node_*",
                "session*",
                "user_*",
                "migration_*",
                "rate*",
                "known_pair*",
                "login_failures*",
            ],
        }
    }

    /// The commands that it may run, subcommands after a bar.
    #[must_use]
    pub const fn commands(self) -> &'static [&'static str] {
        match self {
            Self::Operator => OPERATOR,
            // What a replica says to its primary.
            Self::Replication => &[COPY, "replconf", "ping"],
            Self::Hasher => HASHER,
        }
    }

    /// Its line of an ACL file, while copies of the node's data are served or withheld.
    #[must_use]
    pub fn acl_line(self, password: &str, copies: Copies) -> String {
        let mut line = format!("user {} on resetchannels sanitize-payload #", self.name());
        for byte in Sha256::digest(password.as_bytes()) {
            line.push_str(&format!("{byte:02x}"));
        }
        for pattern in self.keys() {
            line.push_str(&format!(" ~{pattern}"));
        }
        line.push_str(" -@all");
        let withheld = |command: &str| copies == Copies::Withheld && command == COPY;
        for command in self.commands().iter().filter(|command| !withheld(command)) {
            line.push_str(&format!(" +{command}"));
        }
        line
    }
}

/// How a replica asks for a copy.
const COPY: &str = "psync";

/// The line that lets nobody be the default user: it is off and has no password. It keeps its rights, because a
/// server that starts reads its log of writes as this user, and without them leaves out every transaction
/// in there, which is what each script of the hashers is (redis#14541, valkey#3983).
pub const DEFAULT_USER_OFF: &str = "user default off resetpass ~* &* +@all";

const OPERATOR: &[&str] = &[
    // Reading.
    "ping",
    "info",
    "dbsize",
    "cluster|myid",
    "cluster|info",
    "cluster|nodes",
    "cluster|countkeysinslot",
    // The steps of the planner.
    "cluster|set-config-epoch",
    "cluster|bumpepoch",
    "cluster|addslotsrange",
    "cluster|delslotsrange",
    "cluster|meet",
    "cluster|replicate",
    "cluster|forget",
    // Taking over, and the agent's hand-over before a pod ends.
    "cluster|failover",
    "client|setname",
    "client|list",
    // The agent lets copies be made. What is read is what it has written.
    "acl|load",
    // Nodes and their weights.
    "hgetall",
    "hdel",
    "get",
    "mget",
    "set",
    "del",
];

const HASHER: &[&str] = &[
    "ping",
    "time",
    "wait",
    // How full the server is.
    "info",
    // What a cluster client needs.
    "cluster|slots",
    "cluster|shards",
    "cluster|nodes",
    "cluster|myid",
    "readonly",
    "readwrite",
    "asking",
    // Scripts; what they call is checked like any other command.
    "eval",
    "evalsha",
    "script|load",
    "script|exists",
    "multi",
    "exec",
    "discard",
    // Values, with their times to live.
    "get",
    "mget",
    "set",
    "getdel",
    "incr",
    "incrby",
    "decr",
    "decrby",
    "del",
    "unlink",
    "exists",
    "expire",
    "pexpire",
    "expireat",
    "pexpireat",
    "ttl",
    "pttl",
    // Sessions and nodes.
    "hset",
    "hget",
    "hmget",
    "hgetall",
    "hdel",
    "hlen",
    "hexists",
    "hincrby",
    // A user's sessions, by expiry.
    "zadd",
    "zrem",
    "zscore",
    "zcard",
    "zrange",
    "zrangebyscore",
    "zremrangebyscore",
    "zremrangebyrank",
    // Known pairs.
    "sadd",
    "srem",
    "sismember",
    "scard",
    "smembers",
];

#[cfg(test)]
mod tests {
    //! What an ACL file says.

    use super::User;
    use crate::copies::Copies;

    #[test]
    fn a_line_holds_a_digest_and_no_password() {
        let line = User::Replication.acl_line("s3cret", Copies::Served);
        assert_eq!(
            line,
            "user replication on resetchannels sanitize-payload \
             #1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0 -@all +psync +replconf +ping"
        );
    }

    #[test]
    fn no_copy_is_to_be_had_while_they_are_withheld() {
        let line = User::Replication.acl_line("s3cret", Copies::Withheld);
        assert!(line.ends_with(" -@all +replconf +ping"), "{line}");
    }

    #[test]
    fn nobody_may_destroy() {
        for user in User::ALL {
            for command in user.commands() {
                let word = command.split('|').next().unwrap_or_default();
                let forbidden =
                    ["flushall", "flushdb", "config", "debug", "shutdown", "acl", "keys", "scan"];
                let is_forbidden = forbidden.contains(&word) && *command != "acl|load";
                assert!(!is_forbidden, "{user:?} may {command}");
                assert!(!matches!(*command, "cluster" | "cluster|reset" | "cluster|flushslots"));
            }
        }
    }
}
