//! Everything fails at random: pods and primaries are killed, callers end between any two steps, commits are
//! lost or sent twice, rows are read late, passwords change. Whatever happens, each user's row is a hash of the
//! user's password, and in the end one as the policy says.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use authcluster_tests::eventually::eventually;
use futures::future::try_join_all;

use super::world::{BOUND, OLD, POLICY, Row, World};
use crate::dice::Dice;

const SEED: u64 = 0x5eed;
const USERS: usize = 12;
const CALLERS: u64 = 8;

/// Pods; the last one is killed.
const PODS: usize = 3;

/// What came of it.
#[derive(Default)]
struct Tally {
    logins: AtomicU32,
    offers: AtomicU32,
    written: AtomicU32,
    late: AtomicU32,
    changed: AtomicU32,
    lost: AtomicU32,
}

fn count(of: &AtomicU32) {
    of.fetch_add(1, Ordering::Relaxed);
}

/// One caller's request, from the row that it reads to whatever it gets to. An error is an answer that was
/// not given; a wrong one is a panic.
async fn request(world: &World, dice: &mut Dice, tally: &Tally) -> anyhow::Result<()> {
    let (name, pod) = (format!("user-{}", dice.roll(USERS)), dice.roll(PODS));
    let history = world.table.history(&name);
    // Now and then from a replica of the table that is behind.
    let behind = if dice.roll(4) == 0 { dice.roll(history.len()) } else { 0 };
    let row = history[history.len() - 1 - behind].clone();
    if dice.roll(20) == 0 {
        // Every other one by an old program, which still writes what it always wrote.
        let (hash, password) = if dice.roll(2) == 0 {
            (OLD.to_owned(), "a".to_owned())
        } else {
            let password = format!("password-{}", dice.roll(1_000_000));
            (world.hash(pod, &password).await?, password)
        };
        if world.table.change(&name, &row.hash, &hash, &password) {
            count(&tally.changed);
        }
        return Ok(());
    }
    count(&tally.logins);
    let Some(offer) = world.login_as(pod, &name, &row).await? else { return Ok(()) };
    count(&tally.offers);
    let steps = dice.roll(4);
    if steps == 0 {
        return Ok(());
    }
    if !world.swap(&name, &offer) {
        count(&tally.late);
        return Ok(());
    }
    count(&tally.written);
    for _ in 1..steps {
        // Its answer changes nothing of what was written.
        drop(world.commit(dice.roll(PODS), &name, &offer).await);
    }
    Ok(())
}

async fn caller(world: &World, seed: u64, ended: &AtomicBool, tally: &Tally) -> anyhow::Result<()> {
    let mut dice = Dice(SEED ^ (seed << 32));
    while !ended.load(Ordering::Relaxed) {
        if let Err(error) = request(world, &mut dice, tally).await {
            let said = format!("{error:#}");
            // A pod that is gone; never a wrong answer, and no refusal.
            let is_gone = ["error sending request", "error decoding response"];
            anyhow::ensure!(is_gone.iter().any(|so| said.contains(so)), "{said}");
            count(&tally.lost);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_a_hash_of_its_password_whatever_fails() -> anyhow::Result<()> {
    println!("\nseed {SEED:#x}");
    let mut world = World::start(PODS, 1, |config| {
        config.migration.lock_seconds = 5;
        config.migration.status_seconds = 5;
    })
    .await?;
    for user in 0..USERS {
        world.table.set(&format!("user-{user}"), OLD, "a");
    }
    let (tally, ended) = (Tally::default(), AtomicBool::new(false));
    // Taken out, so that it can be killed while callers call it.
    let mut pod = world.hashers.pop().expect("three pods");
    let faults = async {
        let calls = async |more: u32| {
            let at_least = tally.logins.load(Ordering::Relaxed) + more;
            eventually("callers call", BOUND, || async {
                let so_far = tally.logins.load(Ordering::Relaxed);
                anyhow::ensure!(so_far >= at_least, "{so_far} logins");
                Ok(())
            })
            .await
        };
        calls(100).await?;
        fail_over(&world, 0).await?;
        calls(200).await?;
        pod.kill()?;
        fail_over(&world, 1).await?;
        calls(200).await?;
        ended.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let callers = try_join_all((1..=CALLERS).map(|seed| caller(&world, seed, &ended, &tally)));
    let (faults, callers) = futures::join!(faults, callers);
    faults?;
    callers?;
    println!("{}", said(&tally));
    let world = &world;
    let settled = (0..USERS).map(async |user| {
        let name = format!("user-{user}");
        // Every row that ever was is a hash of the password of its time.
        for row in world.table.history(&name) {
            assert!(row.hash == OLD || row.hash.starts_with(POLICY), "{}", row.hash);
            world.login_as(0, &name, &row).await?;
        }
        let migrated = || async {
            let row = world.table.read(&name);
            if let Some(offer) = world.login_as(1, &name, &row).await? {
                world.swap(&name, &offer);
            }
            let Row { hash, .. } = world.table.read(&name);
            anyhow::ensure!(hash.starts_with(POLICY), "{name} still has {hash}");
            Ok(())
        };
        eventually("each user is migrated in the end", BOUND, migrated).await
    });
    try_join_all(settled).await?;
    Ok(())
}

/// A primary stands still until its replica has taken over.
async fn fail_over(world: &World, index: usize) -> anyhow::Result<()> {
    let server = &world.servers.servers()[index];
    server.freeze()?;
    let replica = &world.servers.servers()[index + 3];
    let taken = || async {
        let role: redis::Value =
            redis::cmd("ROLE").query_async(&mut replica.connect().await?).await?;
        anyhow::ensure!(format!("{role:?}").contains("master"), "{role:?}");
        Ok(())
    };
    let taken = eventually("its replica takes over", BOUND, taken).await;
    server.thaw()?;
    taken
}

fn said(tally: &Tally) -> String {
    let Tally { logins, offers, written, late, changed, lost } = tally;
    let of = |count: &AtomicU32| count.load(Ordering::Relaxed);
    format!(
        "{} logins, {} offers, {} written, {} too late, {} passwords changed, {} not answered",
        of(logins),
        of(offers),
        of(written),
        of(late),
        of(changed),
        of(lost)
    )
}
