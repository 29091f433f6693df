//! What pods do with their CPUs while there is load. On a machine that pods share with the load's generator and
//! with everything else, answers per second say more of the machine than of the pods; this says what
//! became of the time that lanes had.

use std::time::{Duration, Instant};

use authcluster_tests::hasher::Hasher;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(250);

/// Time in which what is done every so often is seen.
const IDLE: Duration = Duration::from_secs(3);

/// Sums over all pods, at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    at: Instant,
    lanes: u64,
    busy: f64,
    hashing: f64,
    process: f64,
    offered: u64,
    done: u64,
    unwanted: u64,
    requests: u64,
}

impl Usage {
    pub(crate) async fn of(hashers: &[Hasher]) -> anyhow::Result<Self> {
        let at = Instant::now();
        let (mut lanes, mut busy, mut hashing, mut process) = (0, 0.0, 0.0, 0.0);
        let (mut offered, mut done, mut unwanted, mut requests) = (0, 0, 0, 0);
        for hasher in hashers {
            lanes += hasher.metric("lanes").await?;
            busy += hasher.seconds("lane_busy_seconds_total").await?;
            hashing += hasher.seconds("lane_cpu_seconds_total").await?;
            process += hasher.cpu_seconds()?;
            offered += hasher.metric("offered_units_total").await?;
            done += hasher.metric("done_units_total").await?;
            unwanted += hasher.metric("unwanted_units_total").await?;
            requests += hasher.metric("requests_total").await?;
        }
        Ok(Self { at, lanes, busy, hashing, process, offered, done, unwanted, requests })
    }

    pub(crate) fn since(&self, before: &Self) -> Spent {
        Spent {
            clock: (self.at - before.at).as_secs_f64() * self.lanes as f64,
            busy: self.busy - before.busy,
            hashing: self.hashing - before.hashing,
            process: self.process - before.process,
            done: self.done - before.done,
            unwanted: self.unwanted - before.unwanted,
            requests: self.requests - before.requests,
        }
    }
}

/// What was spent between two moments, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// Of all lanes together.
    pub(crate) clock: f64,
    pub(crate) busy: f64,
    pub(crate) hashing: f64,
    pub(crate) process: f64,
    pub(crate) done: u64,
    pub(crate) unwanted: u64,
    pub(crate) requests: u64,
}

impl Spent {
    /// CPU time of one unit for somebody, in seconds.
    pub(crate) fn unit(&self) -> f64 {
        self.hashing / self.done.max(1) as f64
    }

    /// CPU time of one request that is neither hashing nor what pods do without requests, in seconds.
    pub(crate) fn beside(&self, idle: &Self) -> f64 {
        let other = (idle.process - idle.hashing) / idle.clock * self.clock;
        (self.process - self.hashing - other).max(0.0) / self.requests.max(1) as f64
    }

    /// CPUs of one pod on average, hashing aside.
    pub(crate) fn cpus_beside(&self) -> f64 {
        (self.process - self.hashing) / self.clock
    }

    /// Of what lanes could have done with a CPU to themselves whenever they had one: what they did for
    /// somebody, where a unit takes `unit` seconds. What is missing is a lane without work, work for
    /// nobody, or work that took longer than it need.
    pub(crate) fn yielded(&self, unit: f64) -> f64 {
        let had = self.hashing + (self.clock - self.busy).max(0.0);
        self.done as f64 * unit / had.max(1e-9)
    }

    pub(crate) fn said(&self) -> String {
        format!(
            "lanes had work {:.1} % of the time and a CPU for {:.1} % of that; {:.2} % of the work was for nobody; \
             of the pods' CPU time {:.1} % was hashing",
            self.busy / self.clock * 100.0,
            self.hashing / self.busy.max(1e-9) * 100.0,
            self.unwanted as f64 / (self.done + self.unwanted).max(1) as f64 * 100.0,
            self.hashing / self.process.max(1e-9) * 100.0
        )
    }
}

/// What pods spend while nobody asks them anything.
pub(crate) async fn idle(hashers: &[Hasher]) -> anyhow::Result<Spent> {
    let before = Usage::of(hashers).await?;
    let mut ticks = tokio::time::interval(IDLE);
    ticks.tick().await;
    ticks.tick().await;
    Ok(Usage::of(hashers).await?.since(&before))
}

/// Waits for what makes load, and says what pods spent while there was some.
pub(crate) async fn during<T>(
    hashers: &[Hasher],
    load: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, Spent)> {
    tokio::pin!(load);
    let mut ticks = tokio::time::interval(INTERVAL);
    let mut seen: Vec<Usage> = Vec::new();
    let done = loop {
        tokio::select! {
            done = &mut load => break done?,
            _ = ticks.tick() => seen.push(Usage::of(hashers).await?),
        }
    };
    let grows = |pair: &&[Usage]| pair[0].offered < pair[1].offered;
    // The first look after the first request, and the last one before the last request.
    let first = seen.windows(2).find(grows).map(|pair| pair[1]);
    let last = seen.windows(2).rev().find(grows).map(|pair| pair[0]);
    let (Some(first), Some(last)) = (first, last) else { anyhow::bail!("no load was seen") };
    anyhow::ensure!(first.at < last.at, "the load was too short to be seen");
    Ok((done, last.since(&first)))
}
