//! One fault after the other, under load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::RedisServers;
use authcluster_tests::redis::storm::{Record, Row, Storm, Table, Work};
use tokio::time::sleep;

use crate::critical::{Account, Critical};
use crate::shared::{Access, Connected, PASSWORD, options};
use crate::topology::{Seed, move_all, pair, redirections, reshard, tell, tell_all};
use crate::work::{LANES, SHARDS, Sessions};

/// A failover with the harness's node timeout of a second takes some three; a machine that
/// compiles, a few more.
const BOUND: Duration = Duration::from_secs(30);

/// What is watched after a fault is over.
const AFTER: Duration = Duration::from_secs(1);

/// A shard that is well is not to stall for longer. The aim is 100 ms, and on a machine with nothing
/// else to do it is some 20; what is above it is for one whose two CPUs run six servers, the lanes
/// and a compiler, where the calm before the faults stalls as much.
const STALL_MAX: Duration = Duration::from_millis(100);

/// Callers of a shard that is known to be away wait for less: some 0.02 ms, while a call that waits
/// for its answer waits for 150.
const KNOWN_MAX: Duration = Duration::from_millis(50);

/// Lanes of critical sessions on each shard.
const CRITICAL_LANES: usize = 2;

struct Scene {
    servers: RedisServers,
    seed: Seed,
    _connected: Connected,
    work: Arc<Sessions>,
    storm: Storm,
    critical: Arc<Critical>,
    critical_storm: Storm,
    table: Table,
    _access: Access,
}

impl Scene {
    async fn set() -> anyhow::Result<Self> {
        let servers = RedisServers::cluster(&options(SHARDS, 1)).await?;
        let seed = Seed::to(servers.servers()[0].address()).await?;
        let access = Access::to(vec![seed.address.to_string()], PASSWORD)?;
        let connected = Connected::start(&access)?.reached().await?;
        let work = Arc::new(Sessions::on(&connected.store));
        let storm = Storm::start(&(Arc::clone(&work) as Arc<dyn Work>), SHARDS, LANES);
        let critical = Arc::new(Critical::on(&connected.store));
        let lanes = Arc::clone(&critical) as Arc<dyn Work>;
        let critical_storm = Storm::start(&lanes, SHARDS, CRITICAL_LANES);
        Ok(Self {
            servers,
            seed,
            _connected: connected,
            work,
            storm,
            critical,
            critical_storm,
            table: Table::default(),
            _access: access,
        })
    }

    /// Adds what has happened since `begun` to the table.
    fn record(&mut self, fault: &str, faulty: &[usize], begun: Instant) {
        let of = |is: bool| {
            let shards = (0..SHARDS).filter(|shard| faulty.contains(shard) == is);
            shards.map(|shard| self.storm.since(shard, begun)).reduce(Record::with)
        };
        let (healthy, faulty) = (of(false).unwrap_or_default(), of(true));
        let (lost, risen) = self.work.account();
        println!("{fault}: {lost} plain sessions lost, {risen} plain ends undone");
        println!("    so far {}", self.critical.account());
        for (what, storm) in [("plain", &self.storm), ("critical", &self.critical_storm)] {
            for (reason, count) in storm.reasons() {
                println!("    {what}: {count} x {reason}");
            }
        }
        self.table.0.push(Row { fault: fault.to_owned(), healthy, faulty });
    }

    /// Waits until all is well, and looks at every critical session.
    async fn whole(&self) -> anyhow::Result<()> {
        self.servers.wait_until_whole(BOUND).await?;
        for shard in 0..SHARDS {
            pair(&self.servers, shard).await?;
            self.storm.serves(shard, Instant::now(), BOUND).await?;
        }
        sleep(AFTER).await;
        let Account { lost, risen, .. } = self.critical.audit().await?;
        anyhow::ensure!((lost, risen) == (0, 0), "{}", self.critical.account());
        Ok(())
    }

    async fn play(&mut self) -> anyhow::Result<()> {
        // Lanes find their feet: connections and scripts are there from the first second on.
        sleep(AFTER).await;
        self.calm().await?;
        self.kill_a_primary().await.context("kill")?;
        self.freeze_a_primary().await.context("freeze")?;
        self.freeze_a_replica().await.context("freeze a replica")?;
        self.fail_over().await.context("fail over")?;
        self.move_slots().await.context("reshard")?;
        self.tell_everyone(&["SCRIPT", "FLUSH"]).await?;
        self.tell_everyone(&["CLIENT", "KILL", "TYPE", "normal"]).await?;
        self.move_everyone().await.context("move")
    }

    async fn calm(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        sleep(4 * AFTER).await;
        self.record("none", &[], begun);
        Ok(())
    }

    async fn kill_a_primary(&mut self) -> anyhow::Result<()> {
        let (primary, replica) = pair(&self.servers, 0).await?;
        let begun = Instant::now();
        self.servers.server(primary).kill()?;
        let promoted = eventually("the replica is the primary", BOUND, || async {
            let mut connection = self.servers.servers()[replica].connect().await?;
            let role = tell(&mut connection, &["ROLE"]).await?;
            anyhow::ensure!(format!("{role:?}").contains("master"), "{role:?}");
            Ok(Instant::now())
        })
        .await?;
        self.storm.serves(0, promoted, BOUND).await?;
        println!("the new primary was noticed within {:?}", promoted.elapsed());
        sleep(AFTER).await;
        self.record("kill -9 of a primary", &[0], begun);
        let begun = Instant::now();
        self.servers.server(primary).restart().await?;
        self.whole().await?;
        self.record("it comes back as a replica", &[0], begun);
        Ok(())
    }

    async fn freeze_a_primary(&mut self) -> anyhow::Result<()> {
        let (primary, _) = pair(&self.servers, 1).await?;
        let begun = Instant::now();
        self.servers.servers()[primary].freeze()?;
        sleep(AFTER).await;
        self.storm.serves(1, Instant::now(), BOUND).await?;
        sleep(AFTER).await;
        self.record("SIGSTOP of a primary", &[1], begun);
        let begun = Instant::now();
        self.servers.servers()[primary].thaw()?;
        let old = &self.servers.servers()[primary];
        // Any key of the shard tells whether the old primary still answers for it.
        let key = self.work.key_of(1).context("a key")?;
        let said = eventually("the old primary sends callers away", BOUND, || async {
            let answer = tell(&mut old.connect().await?, &["HGET", &key, "realm"]).await;
            let moved = answer.err().and_then(|error| {
                Some(error.downcast_ref::<redis::RedisError>()?.code() == Some("MOVED"))
            });
            anyhow::ensure!(moved == Some(true), "it answers");
            Ok(begun.elapsed())
        });
        println!("after its thaw the old primary answered for at most {:?}", said.await?);
        self.whole().await?;
        self.record("its thaw", &[1], begun);
        Ok(())
    }

    async fn freeze_a_replica(&mut self) -> anyhow::Result<()> {
        let (_, replica) = pair(&self.servers, 2).await?;
        let begun = Instant::now();
        let failed = self.critical.account().failed;
        self.servers.servers()[replica].freeze()?;
        sleep(3 * AFTER).await;
        // A write that only the primary has is never a success.
        let refused = self.critical.account().failed - failed;
        anyhow::ensure!(refused > 0, "writes count that no replica has");
        self.servers.servers()[replica].thaw()?;
        sleep(AFTER).await;
        // Its shard's ends are durable, and refused.
        self.record("SIGSTOP of a replica", &[2], begun);
        self.whole().await
    }

    async fn fail_over(&mut self) -> anyhow::Result<()> {
        let (_, replica) = pair(&self.servers, 0).await?;
        let begun = Instant::now();
        let mut connection = self.servers.servers()[replica].connect().await?;
        tell(&mut connection, &["CLUSTER", "FAILOVER"]).await?;
        eventually("the replica is the primary", BOUND, || async {
            anyhow::ensure!(pair(&self.servers, 0).await?.0 == replica);
            Ok(())
        })
        .await?;
        sleep(AFTER).await;
        self.record("CLUSTER FAILOVER", &[0], begun);
        self.whole().await
    }

    async fn move_slots(&mut self) -> anyhow::Result<()> {
        let (from, to) = (pair(&self.servers, 0).await?.0, pair(&self.servers, 1).await?.0);
        let slots = self.work.slots(0);
        let begun = Instant::now();
        let source = &self.servers.servers()[from];
        let before = redirections(source, "ASK").await?;
        reshard(&self.servers, &slots, (from, to), async || {
            eventually("callers are sent on", BOUND, || async {
                anyhow::ensure!(redirections(source, "ASK").await? > before + 10);
                Ok(())
            })
            .await
        })
        .await?;
        sleep(AFTER).await;
        self.record("reshard", &[0], begun);
        reshard(&self.servers, &slots, (to, from), async || Ok(())).await?;
        self.whole().await
    }

    async fn tell_everyone(&mut self, words: &[&str]) -> anyhow::Result<()> {
        let begun = Instant::now();
        tell_all(&self.servers, words).await?;
        sleep(AFTER).await;
        self.record(&words.join(" "), &[], begun);
        self.whole().await
    }

    async fn move_everyone(&mut self) -> anyhow::Result<()> {
        // Nothing is kept on a disk here, so all of it is lost with all servers.
        self.critical_storm.end();
        let begun = Instant::now();
        move_all(&mut self.servers).await?;
        self.seed.lead_to(self.servers.servers()[0].address());
        let found = Instant::now();
        for shard in 0..SHARDS {
            self.storm.serves(shard, found, BOUND).await?;
        }
        println!("the moved cluster was found {:?} after its seed", found.elapsed());
        sleep(AFTER).await;
        self.record("all at other addresses", &[0, 1, 2], begun);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fault_of_one_shard_is_its_own() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    let played = scene.play().await;
    let swept = scene.servers.sweep().await;
    let Scene { storm, critical, critical_storm, table, .. } = scene;
    storm.stop().await;
    critical_storm.stop().await;
    println!("{table}");
    played.and(swept)?;
    let Account { acknowledged, failed, lost, risen } = critical.account();
    println!("{}", critical.account());
    assert_eq!((lost, risen), (0, 0));
    assert!(acknowledged > failed, "{acknowledged} of {failed} were acknowledged");
    let calm = table.0[0].healthy;
    let stall_max = STALL_MAX + 3 * calm.stall;
    for Row { fault, healthy, faulty } in &table.0 {
        assert!(healthy.stall < stall_max, "{fault}: {:?} of {stall_max:?}", healthy.stall);
        assert!(healthy.failed * 100 <= healthy.served, "{fault}: {healthy:?}");
        let known = faulty.unwrap_or_default().known_failure;
        assert!(known < KNOWN_MAX, "{fault}: callers wait for {known:?} once it is known");
        if ["CLUSTER FAILOVER", "reshard"].contains(&fault.as_str()) {
            let moved = faulty.unwrap_or_default();
            assert!(moved.failed * 100 <= moved.served, "{fault}: {moved:?}");
        }
    }
    Ok(())
}
