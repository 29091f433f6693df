//! Introspects per second next to plain GETs, on one Redis Cluster on loopback, in turns: `make
//! bench-sessions`.
//!
//! A GET is the least that anyone can ask of Redis. An introspect is a script that reads, checks and touches
//! a session, and a GET of its user's generation after it: two round trips, of which the first does the work
//! of some five commands. Servers and clients share the machine, so the ratio is what counts.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints what it has measured"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use authcluster_contract::config::Redis;
use authcluster_contract::keys::SessionDigest;
use authcluster_contract::slots::{SLOTS, Slot};
use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};
use authcluster_hasher::store::redis::RedisStore;
use authcluster_hasher::store::{Session, SessionStore as _, Standing, Store as _};
use authcluster_hasher::telemetry::{Metrics, Tasks};
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::{Options, RedisServers};
use futures::future::{BoxFuture, try_join_all};
use redis::aio::MultiplexedConnection;

/// Calls under way at once.
const CALLERS: usize = 64;
/// Sessions, each of a user of its own.
const SESSIONS: usize = 3_000;
/// Turns of each contender.
const ROUNDS: usize = 5;
/// Length of a turn.
const TURN: Duration = Duration::from_secs(2);
/// Primaries.
const SHARDS: usize = 3;

type Call = Arc<dyn Fn(usize) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// Calls per second of all callers.
async fn turn(call: &Call) -> anyhow::Result<f64> {
    let (begun, done) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let callers = (0..CALLERS).map(|caller| {
        let (call, done) = (Arc::clone(call), Arc::clone(&done));
        tokio::spawn(async move {
            let mut number = caller;
            while begun.elapsed() < TURN {
                call(number % SESSIONS).await?;
                done.fetch_add(1, Ordering::Relaxed);
                number += CALLERS;
            }
            anyhow::Ok(())
        })
    });
    for caller in try_join_all(callers).await? {
        caller?;
    }
    let count = u32::try_from(done.load(Ordering::Relaxed))?;
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn digest(number: usize) -> SessionDigest {
    SessionDigest::of(&format!("session-{number}"))
}

/// A GET at the primary of the key's slot, over one connection to each.
async fn gets(servers: &RedisServers) -> anyhow::Result<Call> {
    let mut connections: Vec<MultiplexedConnection> = Vec::new();
    for server in servers.servers().iter().take(SHARDS) {
        connections.push(server.connect().await?);
    }
    let places = (0..SESSIONS).map(|number| {
        let key = format!("user_generation:{{{number}}}");
        let slot = usize::from(Slot::of_key(key.as_bytes()).get());
        let connection = connections.get(slot * SHARDS / usize::from(SLOTS)).cloned();
        Ok((key, connection.context("a primary")?))
    });
    let places: Vec<(String, MultiplexedConnection)> = places.collect::<anyhow::Result<_>>()?;
    for (key, connection) in &places {
        let mut set = redis::cmd("SET");
        set.arg(key).arg("0123456789abcdef0123456789abcdef").arg("EX").arg(3_600);
        set.query_async::<()>(&mut connection.clone()).await?;
    }
    let places = Arc::new(places);
    Ok(Arc::new(move |number| {
        let places = Arc::clone(&places);
        Box::pin(async move {
            let (key, connection) = places.get(number).context("a place")?;
            let mut get = redis::cmd("GET");
            let value: Option<String> = get.arg(key).query_async(&mut connection.clone()).await?;
            value.context("a value").map(drop)
        })
    }))
}

async fn introspects(store: &Arc<RedisStore>, critical: bool) -> anyhow::Result<Call> {
    let (realm, keys) =
        (Realm::new("shop")?, UserKeyMaker::new(vec![7; 32], UsernameCase::default())?);
    for number in 0..SESSIONS {
        let session = Session {
            user: keys.user(&realm, &format!("user-{number}"))?,
            realm: realm.clone(),
            username: format!("user-{number}"),
            user_id: String::new(),
            data: "{\"role\":\"editor\",\"tenant\":\"0123456789\"}".to_owned(),
            idle_timeout: Duration::from_secs(3_600),
            absolute_timeout: Duration::from_secs(43_200),
            critical,
        };
        store.create_session(&digest(number), &session).await?;
    }
    let store = Arc::clone(store);
    Ok(Arc::new(move |number| {
        let (store, realm) = (Arc::clone(&store), realm.clone());
        Box::pin(async move {
            let live = store.introspect_session(&digest(number), &realm).await?;
            live.context("the session is live").map(drop)
        })
    }))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&Options::of(SHARDS, 1)).await?;
    let config = Redis::at(servers.addresses().iter().map(ToString::to_string).collect());
    let tasks = Tasks::default();
    let store = Arc::new(RedisStore::start(&config, &Arc::new(Metrics::new()), &tasks)?);
    eventually("the store answers", Duration::from_secs(15), || async {
        anyhow::ensure!(store.standing() == Standing::Reachable);
        Ok(())
    })
    .await?;
    let gets = gets(&servers).await?;
    let cores = std::thread::available_parallelism()?;
    println!(
        "{SHARDS} primaries with a replica each, {CALLERS} callers, {cores} CPUs for all of it"
    );
    for critical in [false, true] {
        let introspects = introspects(&store, critical).await?;
        let (mut plain, mut whole, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (get, introspect) = (turn(&gets).await?, turn(&introspects).await?);
            plain.push(get);
            whole.push(introspect);
            ratios.push(introspect / get);
        }
        let per_core = f64::from(u32::try_from(cores.get())?);
        let (get, introspect) = (median(plain), median(whole));
        println!(
            "{}: {introspect:.0} introspects/s ({:.0} a core), {get:.0} GETs/s ({:.0} a core), ratio {:.2}",
            if critical { "critical" } else { "plain" },
            introspect / per_core,
            get / per_core,
            median(ratios)
        );
    }
    tasks.stop();
    Ok(())
}
