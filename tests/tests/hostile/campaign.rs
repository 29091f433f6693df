//! A run: each attack has a hasher of its own, so that the end of a hasher fails one round only.

use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::attack::{Attack, Source};
use crate::cores::{Cores, raise_file_limit};
use crate::groups::{Groups, PodGroup};
use crate::logins::{LoginService, Logins};
use crate::report::{Memory, Percentile, Round, progress, table};
use crate::site::{POD_MIB, Site, runtime};

/// Length of an attack where `AUTHCLUSTER_HOSTILE_SECONDS` does not say one. Connections that were opened first have
/// been closed by then.
const SHORT: Duration = Duration::from_secs(6);

/// From this length on a run is a campaign: each attack from each source, judged by p99.
const LONG: Duration = Duration::from_secs(20);

/// Length of the load before an attack in a short run. All of a run's are judged together.
const SHORT_BEFORE: Duration = Duration::from_secs(4);

/// Logins that warm the hasher and its clients up, without being counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// Time between two looks at the pod's memory.
const MEMORY_INTERVAL: Duration = Duration::from_millis(50);

/// Rounds of a short run: each attack, and each source three times.
const SHORT_ROUNDS: [(Attack, Source); 9] = [
    (Attack::Silent, Source::OneAddress),
    (Attack::Silent, Source::LoginService),
    (Attack::Bodies, Source::OneAddress),
    (Attack::Streams, Source::ManyAddresses),
    (Attack::Streams, Source::OneAddress),
    (Attack::Handshakes, Source::ManyAddresses),
    (Attack::Connects, Source::ManyAddresses),
    (Attack::Connects, Source::LoginService),
    (Attack::Metrics, Source::LoginService),
];

/// How a run goes.
struct Plan {
    seconds: Duration,
    before: Duration,
    rounds: Vec<(Attack, Source)>,
    percentile: Percentile,
}

impl Plan {
    /// A campaign has some 600 logins on each side of each comparison, so that p99 says something. A short run has some
    /// 100 during each attack, and is judged by p90.
    fn new(seconds: Duration) -> Self {
        if seconds >= LONG {
            let from_all = |attack| Source::ALL.map(|source| (attack, source));
            return Self {
                seconds,
                before: seconds,
                rounds: Attack::ALL.into_iter().flat_map(from_all).collect(),
                percentile: Percentile(0.99),
            };
        }
        Self {
            seconds,
            before: SHORT_BEFORE,
            rounds: SHORT_ROUNDS.into(),
            percentile: Percentile(0.9),
        }
    }
}

/// Runs all planned rounds, prints the table, and fails if a round has complaints.
#[test]
fn attackers_without_a_token_do_not_keep_users_from_logging_in() -> anyhow::Result<()> {
    let seconds = std::env::var("AUTHCLUSTER_HOSTILE_SECONDS");
    let seconds = match seconds {
        Ok(text) => Duration::from_secs(text.parse()?),
        Err(_) => SHORT,
    };
    let plan = Plan::new(seconds);
    raise_file_limit()?;
    let groups = Groups::start()?;
    let cores = Cores::find()?;
    cores.join_generators(-20)?;
    let runtime = runtime()?;
    let mut rounds = Vec::new();
    for (number, (attack, source)) in plan.rounds.iter().enumerate() {
        let began = Instant::now();
        let round = async {
            let group = groups.pod(number, POD_MIB << 20)?;
            let site = Site::start(&group.launcher(cores.pod)).await?;
            round(&plan, (&site, &group), (*attack, *source), cores).await
        };
        let round = LocalSet::new().block_on(&runtime, round)?;
        println!("{}", progress(&round, began.elapsed()));
        rounds.push(round);
    }
    println!("\n{}", table(&rounds));
    let calm = rounds.iter().flat_map(|round| round.before.0.clone()).collect();
    let calm = Logins(calm);
    let complaints = rounds.iter().flat_map(|round| {
        let before = if plan.seconds >= LONG { &round.before } else { &calm };
        round.complaints(before, plan.percentile)
    });
    let complaints: Vec<String> = complaints.collect();
    anyhow::ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

async fn round(
    plan: &Plan,
    (site, group): (&Site, &PodGroup),
    (attack, source): (Attack, Source),
    cores: Cores,
) -> anyhow::Result<Round> {
    let service = LoginService::new(site).await?;
    service.run(WARM_UP).await;
    let before = Logins(service.run(plan.before).await);
    let running = attack.begin(source, site, cores)?;
    let (during, peak_bytes) = watch_memory(group, service.run(plan.seconds)).await?;
    // Blocks this thread, which has no other work now.
    let observed = running.end()?;
    let peak_bytes = peak_bytes.max(group.used_bytes()?).max(group.peak_bytes()?);
    let memory = Memory { peak_bytes, killed: group.killed()? };
    Ok(Round { attack, source, before, during: Logins(during), observed, memory })
}

/// Waits for `work`, and looks at the memory meanwhile.
async fn watch_memory<T>(
    group: &PodGroup,
    work: impl Future<Output = T>,
) -> anyhow::Result<(T, u64)> {
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval(MEMORY_INTERVAL);
    let mut peak = 0;
    loop {
        tokio::select! {
            done = &mut work => return Ok((done, peak)),
            _ = ticks.tick() => peak = peak.max(group.used_bytes()?),
        }
    }
}
