//! Redis pods, and passes of the operator over them: look, decide, do. Nothing is kept between two
//! passes but what the status of the `AuthCluster` keeps: whether the cluster was formed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeFrom;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::slots::Slot;
use authcluster_operator::apply::redis::{self as hands, Leading};
use authcluster_operator::clock::Clock;
use authcluster_operator::lease::Fence;
use authcluster_operator::observe::redis::nodes::observe_nodes;
use authcluster_operator::observe::redis::store::Owners;
use authcluster_operator::plan::topology::{
    Next, NodeSeen, NodeState, PodAt, PodName, RedisHealth, RedisId, RedisStep, Role, Seen,
    Storage, Wanted, health, next_step,
};
use authcluster_operator::redis_client::Access;
use authcluster_tests::eventually::eventually;
use authcluster_tests::redis::pods::{PORT, PodOptions, RedisPod, password};
use futures::future::join_all;
use zeroize::Zeroizing;

/// Kubernetes nodes that the pods are spread over.
const NODES: u16 = 3;

/// Passes of some 30 ms between two probes.
const PROBE_EVERY: usize = 10;

/// The agent that was built with this test.
pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_redis-agent-under-test");

/// The pods of one `AuthCluster`, and what its operator keeps.
pub(crate) struct Cluster {
    pub(crate) pods: BTreeMap<PodName, RedisPod>,
    pub(crate) shards: u16,
    pub(crate) replicas_per_shard: u16,
    pub(crate) formed: bool,
    pub(crate) storage: Storage,
    pub(crate) data_loss_accepted: bool,
    /// The names of the steps that were taken.
    pub(crate) steps: Vec<&'static str>,
    access: Access,
    probes: RangeFrom<usize>,
}

/// The name of a pod.
pub(crate) fn pod_name(shard: u16, ordinal: u16) -> PodName {
    PodName::new(format!("demo-redis-{shard}-{ordinal}"))
}

fn parse(pod: &PodName) -> anyhow::Result<(u16, u16)> {
    let rest = pod.as_str().strip_prefix("demo-redis-").context("a pod of demo")?;
    let (shard, ordinal) = rest.split_once('-').context("shard and ordinal")?;
    Ok((shard.parse()?, ordinal.parse()?))
}

impl Cluster {
    /// Starts the pods, and nothing more.
    pub(crate) async fn start(shards: u16, replicas_per_shard: u16) -> anyhow::Result<Self> {
        let options = PodOptions::of(Path::new(AGENT));
        Self::start_with(&options, shards, replicas_per_shard).await
    }

    /// Like [`Cluster::start`]; an emptied primary waits so many seconds for its replica.
    pub(crate) async fn start_holding(
        hold_seconds: u64,
        shards: u16,
        replicas_per_shard: u16,
    ) -> anyhow::Result<Self> {
        let options = PodOptions { hold_seconds, ..PodOptions::of(Path::new(AGENT)) };
        Self::start_with(&options, shards, replicas_per_shard).await
    }

    /// Like [`Cluster::start`], with these pods.
    pub(crate) async fn start_with(
        options: &PodOptions,
        shards: u16,
        replicas_per_shard: u16,
    ) -> anyhow::Result<Self> {
        let mut pods = BTreeMap::new();
        for shard in 0..shards {
            for ordinal in 0..=replicas_per_shard {
                let mut pod = RedisPod::new(options)?;
                pod.start()?;
                pods.insert(pod_name(shard, ordinal), pod);
            }
        }
        for pod in pods.values() {
            pod.answers(Duration::from_secs(15)).await?;
        }
        let access = Access::new(PORT, Zeroizing::new(password("operator")));
        Ok(Self {
            pods,
            shards,
            replicas_per_shard,
            formed: false,
            storage: Storage::Persistent,
            data_loss_accepted: false,
            steps: Vec::new(),
            access,
            probes: 0..,
        })
    }

    /// A cluster that is as wanted.
    pub(crate) async fn formed(shards: u16, replicas_per_shard: u16) -> anyhow::Result<Self> {
        let mut cluster = Self::start(shards, replicas_per_shard).await?;
        cluster.converge("the cluster forms").await?;
        Ok(cluster)
    }

    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    pub(crate) fn pod(&mut self, name: &PodName) -> anyhow::Result<&mut RedisPod> {
        self.pods.get_mut(name).with_context(|| format!("there is no {name}"))
    }

    /// What is wanted, and the pods as Kubernetes would have them.
    pub(crate) fn wanted(&self) -> anyhow::Result<Wanted> {
        let mut pods = BTreeMap::new();
        for (name, pod) in &self.pods {
            let (shard, ordinal) = parse(name)?;
            let node = Some(format!("node-{}", (shard + ordinal) % NODES));
            let at = PodAt { shard, ordinal, ip: Some(IpAddr::V4(pod.ip())), node };
            pods.insert(name.clone(), at);
        }
        Ok(Wanted {
            shards: self.shards,
            replicas_per_shard: self.replicas_per_shard,
            pods,
            formed: self.formed,
            storage: self.storage,
            data_loss_accepted: self.data_loss_accepted,
        })
    }

    pub(crate) async fn observe(&self) -> Seen {
        let addresses = self.pods.iter().map(|(name, pod)| (name.clone(), IpAddr::V4(pod.ip())));
        observe_nodes(&self.access, &addresses.collect()).await
    }

    pub(crate) async fn take(&self, step: &RedisStep) -> Result<(), hands::Error> {
        let fence = Fence::until(Clock.instant() + Duration::from_secs(60));
        hands::apply_step(&self.access, Leading { fence: &fence, clock: Clock }, step).await
    }

    /// The kubelet's readiness probes.
    async fn probe(&self) -> anyhow::Result<()> {
        let running = self.pods.values().filter(|pod| pod.is_running());
        join_all(running.map(|pod| pod.run("ready")))
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }

    /// One pass, which sends its step twice: as an operator that was killed right after it would, or
    /// two that both think to lead.
    pub(crate) async fn pass(&mut self) -> anyhow::Result<(Next, RedisHealth)> {
        if self.probes.next().is_some_and(|turn| turn % PROBE_EVERY == 0) {
            self.probe().await?;
        }
        let wanted = self.wanted()?;
        let seen = self.observe().await;
        let health = health(&wanted, &seen);
        if health.is_formed() && !self.formed {
            // Written down before anything else is done.
            self.formed = true;
            return Ok((Next::Wait("recorded".to_owned()), health));
        }
        let next = next_step(&wanted, &seen);
        if let Next::Step(step) = &next {
            self.steps.push(step.name());
            self.take(step).await.with_context(|| step.to_string())?;
            self.take(step).await.with_context(|| format!("{step}, again"))?;
        }
        Ok((next, health))
    }

    /// Passes until the cluster is as wanted.
    pub(crate) async fn converge(&mut self, what: &str) -> anyhow::Result<()> {
        self.until(what, |next, health| *next == Next::Converged && health.is_ready()).await
    }

    /// Passes until one ends so.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        is_end: impl Fn(&Next, &RedisHealth) -> bool,
    ) -> anyhow::Result<()> {
        let this = tokio::sync::Mutex::new(&mut *self);
        let is_end = &is_end;
        let passes = eventually(what, Duration::from_secs(60), || async {
            let (next, health) = this.lock().await.pass().await?;
            anyhow::ensure!(is_end(&next, &health), "{next}\n{health:#?}");
            Ok(())
        });
        passes.await.with_context(|| format!("after the steps {:?}", self.steps))
    }

    /// What the pods that answer say of themselves.
    pub(crate) async fn states(&self) -> BTreeMap<PodName, NodeState> {
        let known = |(pod, seen)| match seen {
            NodeSeen::Known(state) => Some((pod, *state)),
            NodeSeen::Unknown(_) => None,
        };
        self.observe().await.nodes.into_iter().filter_map(known).collect()
    }

    /// The id of a pod that answers.
    pub(crate) async fn id(&self, pod: &PodName) -> anyhow::Result<RedisId> {
        let state = self.states().await.remove(pod);
        state.map(|state| state.id).with_context(|| format!("{pod} does not answer"))
    }

    /// The primary of a shard.
    pub(crate) async fn primary(&self, shard: u16) -> anyhow::Result<PodName> {
        let states = self.states().await;
        let is_it = |(pod, state): &(&PodName, &NodeState)| {
            parse(pod).is_ok_and(|(of, _)| of == shard)
                && state.role == Role::Primary
                && !state.slots.is_empty()
        };
        let found = states.iter().find(is_it).map(|(pod, _)| pod.clone());
        found.with_context(|| format!("shard {shard} has no primary"))
    }

    /// The one that keeps the queue of those that hand over.
    pub(crate) async fn referee(&self) -> anyhow::Result<PodName> {
        let states = self.states().await.into_iter();
        let lowest = states.min_by(|(_, a), (_, b)| a.id.as_str().cmp(b.id.as_str()));
        Ok(lowest.context("nobody answers")?.0)
    }

    /// Who owns which slots.
    pub(crate) async fn owners(&self) -> anyhow::Result<Owners> {
        Ok(Owners::of(&self.wanted()?, &self.observe().await))
    }

    /// Sessions in every shard, as a hasher writes them. Each is confirmed by a replica, if there are
    /// any: only then can nothing that is killed take it along.
    pub(crate) async fn write_sessions(&self, count: usize) -> anyhow::Result<Vec<String>> {
        self.write_sessions_of("a-test", count).await
    }

    /// Like [`Cluster::write_sessions`], with keys of their own.
    pub(crate) async fn write_sessions_of(
        &self,
        name: &str,
        count: usize,
    ) -> anyhow::Result<Vec<String>> {
        let owners = self.owners().await?;
        let keys: Vec<String> =
            (0..count).map(|index| format!("session:{{{index}}}:of-{name}")).collect();
        for key in &keys {
            let owner = owners.owner(key)?.pod;
            let pod = self.pods.get(owner).context("the owner")?;
            let mut connection = pod.connect("hasher").await?;
            // As hashers write: several commands of a script, which the log of a server has as a transaction.
            let script = redis::cmd("EVAL")
                .arg("redis.call('SET', KEYS[1], KEYS[1]) return redis.call('PEXPIRE', KEYS[1], 3600000)")
                .arg(1)
                .arg(key)
                .to_owned();
            script.query_async::<()>(&mut connection).await?;
            if self.replicas_per_shard > 0 {
                let replicas: u64 =
                    redis::cmd("WAIT").arg(1).arg(5_000).query_async(&mut connection).await?;
                anyhow::ensure!(replicas >= 1, "no replica has {key}");
            }
        }
        Ok(keys)
    }

    /// Whether the sessions are all there, each at the owner of its slot.
    pub(crate) async fn assert_sessions(&self, keys: &[String]) -> anyhow::Result<()> {
        let owners = self.owners().await?;
        let mut shards = BTreeSet::new();
        for key in keys {
            let owner = owners.owner(key)?.pod;
            let pod = self.pods.get(owner).context("the owner")?;
            let mut connection = pod.connect("hasher").await?;
            let value: Option<String> =
                redis::cmd("GET").arg(key).query_async(&mut connection).await?;
            let slot = Slot::of_key(key.as_bytes());
            anyhow::ensure!(value.as_ref() == Some(key), "{key} of slot {slot} is lost: {value:?}");
            shards.insert(owner.clone());
        }
        anyhow::ensure!(shards.len() == usize::from(self.shards), "sessions only in {shards:?}");
        Ok(())
    }
}
