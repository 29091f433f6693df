//! Random faults on real servers, with passes of the operator in between. No session that was
//! confirmed is ever lost, and the cluster heals each time.
//!
//! A fault empties at most one copy of a shard at a time, and at most one primary: without any copy
//! nothing is left to save, and without a majority of primaries nobody may vote.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a failing seed is followed by its lines; clippy's own exception covers test functions alone"
)]

use std::time::Duration;

use authcluster_operator::plan::topology::{Next, NodeSeen, PodName, RedisStep, next_step};

use crate::cluster::{Cluster, pod_name};

/// Rounds of faults for one seed. A round takes some four seconds.
const ROUNDS: usize = 6;

/// Looks at a frozen server, each of two seconds: none, or more than the node timeout of a second.
const FROZEN_LOOKS_MAX: u64 = 3;

/// Passes with late steps and unread pods before the healing is watched.
const UNREST_PASSES: u64 = 30;

/// A generator of numbers that repeats itself for a seed: xorshift64, by G. Marsaglia.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.below(from.len() as u64);
        from[usize::try_from(index).unwrap_or(0)]
    }
}

/// What happens to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Crash,
    CrashAndMove,
    HandOver,
    Freeze,
    Empty,
    EmptyAndMove,
    /// Its data set is gone, and it still knows the cluster.
    EmptyAndKnow,
}

const KEEPING: [Fault; 4] = [Fault::Crash, Fault::CrashAndMove, Fault::HandOver, Fault::Freeze];
const LOSING: [Fault; 3] = [Fault::Empty, Fault::EmptyAndMove, Fault::EmptyAndKnow];

/// Steps that an operator which lost its lease decided on and has yet to send.
type Late = Vec<RedisStep>;

/// Some passes, whatever becomes of them. Now and then a pod cannot be read, and a step comes late,
/// when the world is another.
async fn passes(cluster: &mut Cluster, random: &mut Random, late: &mut Late, count: u64) {
    for _ in 0..count {
        let mut seen = cluster.observe().await;
        if random.below(4) == 0 {
            let pods: Vec<&PodName> = cluster.pods.keys().collect();
            let unread = NodeSeen::Unknown("no answer".to_owned());
            seen.nodes.insert(random.pick(&pods).clone(), unread);
        }
        let Ok(wanted) = cluster.wanted() else { continue };
        if let Next::Step(step) = next_step(&wanted, &seen) {
            if random.below(4) == 0 {
                late.push(step);
            } else {
                // It may fail in the middle of a fault. The next pass goes on.
                drop(cluster.take(&step).await);
            }
        }
        if random.below(8) == 0 && !late.is_empty() {
            let step = late.remove(0);
            drop(cluster.take(&step).await);
        }
    }
}

async fn strike(
    cluster: &mut Cluster,
    random: &mut Random,
    late: &mut Late,
    (pod, fault): (&PodName, Fault),
) -> anyhow::Result<()> {
    if fault == Fault::Freeze {
        cluster.pod(pod)?.freeze()?;
        // Each look at a frozen server takes the whole timeout, so there are few.
        let looks = random.below(FROZEN_LOOKS_MAX);
        passes(cluster, random, late, looks).await;
        return cluster.pod(pod)?.thaw();
    }
    if fault == Fault::HandOver {
        cluster.pod(pod)?.run("prestop").await?;
    }
    cluster.pod(pod)?.kill()?;
    let pause = random.below(40);
    passes(cluster, random, late, pause).await;
    let pod = cluster.pod(pod)?;
    match fault {
        Fault::Crash | Fault::HandOver | Fault::Freeze => {}
        Fault::CrashAndMove => pod.move_away()?,
        Fault::Empty => pod.lose_data(false)?,
        Fault::EmptyAndMove => {
            pod.lose_data(false)?;
            pod.move_away()?;
        }
        Fault::EmptyAndKnow => pod.lose_data(true)?,
    }
    pod.start()
}

async fn live_through(seed: u64) -> anyhow::Result<()> {
    let mut random = Random::new(seed);
    let mut cluster = Cluster::formed(3, 1).await?;
    let (mut keys, mut late) = (Vec::new(), Late::new());
    for round in 0..ROUNDS {
        keys.extend(cluster.write_sessions_of(&format!("round-{round}"), 12).await?);
        let mut may_lose_primary = true;
        let mut faults = Vec::new();
        for shard in 0..3 {
            let pod = pod_name(shard, if random.below(2) == 0 { 0 } else { 1 });
            let is_primary = cluster.primary(shard).await? == pod;
            let loses = random.below(2) == 0 && (!is_primary || may_lose_primary);
            let fault = random.pick(if loses { &LOSING[..] } else { &KEEPING[..] });
            may_lose_primary &= !(loses && is_primary);
            if random.below(3) > 0 {
                faults.push((pod, is_primary, fault));
            }
        }
        println!("seed {seed} round {round}: {faults:?}");
        for (pod, _, fault) in &faults {
            strike(&mut cluster, &mut random, &mut late, (pod, *fault)).await?;
            let pause = random.below(10);
            passes(&mut cluster, &mut random, &mut late, pause).await;
        }
        passes(&mut cluster, &mut random, &mut late, UNREST_PASSES).await;
        cluster.steps.clear();
        cluster.converge("the cluster is whole again").await?;
        println!("  healed by {:?}", cluster.steps);
        cluster.assert_sessions(&keys).await?;
    }
    Ok(())
}

/// The seed is `AUTHCLUSTER_SEED`, or one that has shown something before.
#[expect(clippy::disallowed_methods, reason = "a seed to look for more")]
fn seed() -> u64 {
    std::env::var("AUTHCLUSTER_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_lost_by_random_faults() -> anyhow::Result<()> {
    let lived = tokio::time::timeout(Duration::from_secs(600), live_through(seed()));
    lived.await?
}
