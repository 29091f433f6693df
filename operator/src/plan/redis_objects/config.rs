//! redis.conf, as far as it is the same for every pod of an `AuthCluster`. The agent includes it, and adds
//! folders, addresses and users.

use super::super::Validated;

/// How long a node may be silent before the others take it for failed, in milliseconds. Redis' own
/// default is 15 s, which is how long a lost primary's users would wait; below 5 s a slow disk or a
/// busy node looks like a dead one.
const NODE_TIMEOUT_MS: u32 = 5_000;

/// The directives, in an order of their own, then those of `spec.redis.config`. The last one of a name
/// wins, and none of them can be among those that must not change.
pub(super) fn redis_conf(wanted: &Validated) -> String {
    let redis = &wanted.redis;
    let fixed = [
        ("cluster-enabled", "yes".to_owned()),
        ("cluster-node-timeout", NODE_TIMEOUT_MS.to_string()),
        // Sessions of healthy shards go on when one shard is down.
        ("cluster-require-full-coverage", "no".to_owned()),
        // Which replica belongs to which shard is decided by the operator alone.
        ("cluster-allow-replica-migration", "no".to_owned()),
        // A replica that was cut off for long is still better than an empty shard.
        ("cluster-replica-validity-factor", "0".to_owned()),
        // A shard has one new replica at a time, so waiting for more only leaves it without a copy.
        ("repl-diskless-sync-delay", "0".to_owned()),
        // After a cut of the network TCP repeats what got lost later and later, up to a minute apart. A
        // link that is silent for ten pings is made again instead; Redis' own default is to wait for 60 s,
        // with a replica that lacks all that was written meanwhile.
        ("repl-ping-replica-period", "1".to_owned()),
        ("repl-timeout", "10".to_owned()),
        ("maxmemory", redis.maxmemory_bytes.to_string()),
        // Evicting would end sessions at random and forget counters.
        ("maxmemory-policy", "noeviction".to_owned()),
        ("save", "\"\"".to_owned()),
        ("appendonly", "yes".to_owned()),
        ("appendfsync", "everysec".to_owned()),
    ];
    let mut lines = fixed
        .into_iter()
        .filter(|(name, _)| !redis.config.contains_key(*name))
        .map(|(name, value)| format!("{name} {value}\n"))
        .collect::<String>();
    for (name, value) in &redis.config {
        let value = if value.is_empty() { "\"\"" } else { value };
        lines.push_str(&format!("{name} {value}\n"));
    }
    lines
}
