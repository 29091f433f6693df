//! Three hashers of one lane each that share a real Redis Cluster, and load at them.

use std::io::Write as _;
use std::time::Duration;

use authcluster_contract::config::{HasherConfig, Redis};
use authcluster_contract::cost::Argon2idPolicy;
use authcluster_tests::hasher::{Hasher, load, peers_in};
use authcluster_tests::redis::{Options, RedisServers};
use serde_json::Value;

use crate::usage::{Spent, during};

/// The program that is tested: the one built with the tests, or another.
pub(crate) fn program() -> String {
    let built = env!("CARGO_BIN_EXE_hasher-under-test");
    std::env::var("AUTHCLUSTER_HASHER").unwrap_or_else(|_| built.to_owned())
}

/// Memory of a hash, and passes: little memory and many passes, because what is measured is how a queue
/// behaves, and a build for tests spends as long on HTTP as an optimised one on a small hash.
const MEMORY_MIB: u32 = 7;
const ITERATIONS: u32 = 16;

/// Work of one request.
pub(crate) const UNITS: u64 = MEMORY_MIB as u64 * ITERATIONS as u64;

pub(crate) struct Site {
    pub(crate) redis: RedisServers,
    pub(crate) hashers: Vec<Hasher>,
    pub(crate) config: HasherConfig,
    _folder: tempfile::TempDir,
    _key: tempfile::NamedTempFile,
}

impl Site {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let argon2id = Argon2idPolicy {
            memory_mib: MEMORY_MIB,
            iterations: ITERATIONS,
            ..Argon2idPolicy::default()
        };
        Self::start_with(argon2id).await
    }

    /// One whose new hashes cost so much.
    pub(crate) async fn start_with(argon2id: Argon2idPolicy) -> anyhow::Result<Self> {
        // A second call finds the provider installed, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let redis = RedisServers::cluster(&Options::of(3, 0)).await?;
        let folder = tempfile::tempdir()?;
        let mut key = tempfile::NamedTempFile::new()?;
        key.write_all(&[7; 32])?;
        let seeds = redis.addresses().iter().map(ToString::to_string).collect();
        let mut config = HasherConfig {
            lanes: Some(1),
            redis: Some(Redis::at(seeds)),
            peers: Some(peers_in(folder.path())?),
            ..HasherConfig::default()
        };
        config.users.key_file = Some(key.path().into());
        config.password.argon2id = argon2id;
        let mut site = Self { redis, hashers: Vec::new(), config, _folder: folder, _key: key };
        for node in ["a", "b", "c"] {
            site.hashers.push(Hasher::start(&program(), node, &site.config)?);
        }
        for hasher in &site.hashers {
            hasher.ready(3).await?;
        }
        Ok(site)
    }

    /// Load at the first `pods` hashers.
    pub(crate) async fn load(&self, pods: usize, rate: f64, more: &str) -> anyhow::Result<Report> {
        let urls = self.hashers.iter().take(pods).map(|hasher| format!("http://{}", hasher.api));
        let words = format!("--rate {rate:.1} --zipf 0 {more}");
        let arguments = words.split_whitespace().map(str::to_owned).chain(urls).collect();
        Ok(Report(load(&program(), arguments).await?))
    }

    /// Answers a second when there is always more to do, and what is spent on them.
    pub(crate) async fn capacity(&self) -> anyhow::Result<(f64, Spent)> {
        let units: u64 = {
            let mut all = 0;
            for hasher in &self.hashers {
                all += hasher.metric("lane_speed_units").await?;
            }
            all
        };
        let hashes = units as f64 / UNITS as f64;
        let load = self.load(3, hashes * 1.2, "--duration-seconds 5");
        let (report, spent) = during(&self.hashers, load).await?;
        Ok((report.goodput(), spent))
    }

    pub(crate) async fn sum(&self, metric: &str) -> anyhow::Result<u64> {
        let mut all = 0;
        for hasher in &self.hashers {
            all += hasher.metric(metric).await?;
        }
        Ok(all)
    }
}

/// What `hasher load` reports.
pub(crate) struct Report(Value);

impl Report {
    pub(crate) fn goodput(&self) -> f64 {
        self.0["goodput_per_second"].as_f64().expect("a number")
    }

    pub(crate) fn sent(&self) -> u64 {
        self.0["sent"].as_u64().expect("a number")
    }

    pub(crate) fn p99(&self) -> Duration {
        latency(&self.0["ok_latency_ms"], "p99")
    }

    pub(crate) fn p50(&self) -> Duration {
        latency(&self.0["ok_latency_ms"], "p50")
    }

    /// Within which nine of ten refusals come.
    pub(crate) fn refused_p90(&self) -> Duration {
        let mut outcomes = self.0["outcomes"].as_array().expect("a list").iter();
        let refused = outcomes.find(|outcome| outcome["status"] == 503).expect("refusals");
        latency(&refused["latency_ms"], "p90")
    }

    /// How many ended with this status; 0 = no answer.
    pub(crate) fn count(&self, status: u64) -> u64 {
        let outcomes = self.0["outcomes"].as_array().expect("a list").iter();
        let of_it = outcomes.filter(|outcome| outcome["status"] == status);
        of_it.map(|outcome| outcome["count"].as_u64().expect("a number")).sum()
    }

    /// Everything that is neither a hash nor a refusal.
    pub(crate) fn errors(&self) -> u64 {
        self.sent() - self.count(200) - self.count(503) - self.count(429)
    }

    /// One line.
    pub(crate) fn said(&self) -> String {
        let outcomes = self.0["outcomes"].as_array().expect("a list").iter().map(|outcome| {
            let latency = &outcome["latency_ms"];
            format!(
                "{} {} x{} (p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms)",
                outcome["status"],
                outcome["code"].as_str().unwrap_or_default(),
                outcome["count"],
                latency["p50"].as_f64().unwrap_or_default(),
                latency["p90"].as_f64().unwrap_or_default(),
                latency["p99"].as_f64().unwrap_or_default()
            )
        });
        let outcomes: Vec<String> = outcomes.collect();
        format!("{} sent, {:.1}/s well: {}", self.sent(), self.goodput(), outcomes.join(", "))
    }
}

fn latency(of: &Value, percentile: &str) -> Duration {
    Duration::from_secs_f64(of[percentile].as_f64().expect("a number") / 1e3)
}
