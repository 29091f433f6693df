//! Every key of the product has an end: a look at all keys of all primaries.

use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::limits::HEARTBEAT_TTL_MS;
use redis::aio::MultiplexedConnection;

use super::{RedisServer, RedisServers};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest life of each kind of key, by how its name starts; `None` = it has an owner that deletes
/// it, and no end.
const LIVES: &[(&str, Option<Duration>)] = &[
    // Hashers and the operator take away what is no node any more.
    ("nodes", None),
    ("node_capacity:", None),
    ("node_load:", Some(Duration::from_millis(HEARTBEAT_TTL_MS))),
    // The longest session of a test lives for twenty minutes; what is kept of it, no longer.
    ("session:", Some(DAY)),
    ("session_backup:", Some(DAY)),
    ("user_sessions:", Some(DAY)),
    ("user_generation:", Some(DAY)),
    // As long as a lock may be made to last.
    ("migration_lock:", Some(Duration::from_secs(600))),
    ("migration_status:", Some(DAY)),
    // The longest period of a rate is a day, and a burst may be full.
    ("rate:", Some(DAY.saturating_mul(2))),
    ("known_pair:", Some(DAY.saturating_mul(90))),
    ("login_failures:", Some(DAY.saturating_mul(30))),
];

/// What is wrong with a key that ends in `ttl_ms`: -1 = never.
fn fault(key: &str, ttl_ms: i64) -> Option<String> {
    let Some((_, life)) = LIVES.iter().find(|(start, _)| key.starts_with(start)) else {
        return Some("is a kind of key that nobody knows".to_owned());
    };
    let life_ms = i64::try_from(life.as_ref()?.as_millis()).unwrap_or(i64::MAX);
    // It may end while it is looked at.
    let ends = ttl_ms == -2 || (0..=life_ms).contains(&ttl_ms);
    (!ends).then(|| format!("ends in {ttl_ms} ms, and must in {life_ms}"))
}

impl RedisServers {
    /// Looks at every key of every primary that runs.
    ///
    /// # Errors
    /// A key without an end, or with one too far away; a server that does not answer.
    pub async fn sweep(&self) -> anyhow::Result<()> {
        for server in self.servers().iter().filter(|server| server.is_running()) {
            sweep(server).await.with_context(|| format!("keys of {}", server.address()))?;
        }
        Ok(())
    }
}

async fn sweep(server: &RedisServer) -> anyhow::Result<()> {
    let mut connection = server.connect().await?;
    let info: String = redis::cmd("INFO").arg("replication").query_async(&mut connection).await?;
    if !info.contains("role:master") {
        return Ok(());
    }
    let mut cursor = 0;
    loop {
        let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("COUNT")
            .arg(500)
            .query_async(&mut connection)
            .await?;
        look(&keys, &mut connection).await?;
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

async fn look(keys: &[String], connection: &mut MultiplexedConnection) -> anyhow::Result<()> {
    let mut pipeline = redis::pipe();
    for key in keys {
        // A key may lie in a slot that is only on its way here.
        pipeline.cmd("ASKING").ignore().cmd("PTTL").arg(key);
    }
    if keys.is_empty() {
        return Ok(());
    }
    let ttls: Vec<i64> = pipeline.query_async(connection).await?;
    for (key, ttl_ms) in keys.iter().zip(ttls) {
        if let Some(fault) = fault(key, ttl_ms) {
            anyhow::bail!("{key} {fault}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! A sweep that finds nothing is worth what it would have found.

    use super::fault;

    #[test]
    fn a_key_without_its_end_is_found() {
        let check = |key: &str, ttl_ms, is_wrong: bool| {
            assert_eq!(fault(key, ttl_ms).is_some(), is_wrong, "{key} {ttl_ms}");
        };
        check("nodes", -1, false);
        check("node_capacity:{a}", -1, false);
        check("node_load:{a}", 10_000, false);
        check("node_load:{a}", 10_001, true);
        check("node_load:{a}", -1, true);
        check("session:{a}", -1, true);
        check("session:{a}", -2, false);
        check("session:{a}", 86_400_000, false);
        check("session:{a}", 86_400_001, true);
        check("session_backup:{1}:a", -1, true);
        check("stranger", 5, true);
    }
}
