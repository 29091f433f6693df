//! The Redis Cluster: how many pods, how large, and with which directives.

use std::collections::BTreeMap;

use super::ProgramResources;
use super::quantity::{bytes, milli_cpu};
use crate::api::spec::{
    Quantity, REDIS_DIRECTIVES, RedisSpec, ResourceAmounts, Resources, StorageSpec, directive_names,
};

/// Most shards. Redis Cluster's gossip grows with the square of its nodes; names have room for three
/// digits.
const SHARDS_MAX: u32 = 100;
/// Most replicas of one shard.
const REPLICAS_MAX: u32 = 4;
/// Smallest memory limit of a Redis pod, in bytes: Redis with an empty data set, its replication
/// buffers and the agent need about a third of it.
const MEMORY_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// The Redis Cluster that is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisWanted {
    /// Its image.
    pub image: String,
    /// Shards, 1 or at least 3.
    pub shards: u16,
    /// Copies of each shard beside its primary.
    pub replicas_per_shard: u16,
    /// Where the data lies.
    pub storage: StorageSpec,
    /// CPU and memory of one pod.
    pub resources: ProgramResources,
    /// Memory that Redis itself may use, in bytes.
    pub maxmemory_bytes: u64,
    /// More directives of redis.conf.
    pub config: BTreeMap<String, String>,
}

impl RedisWanted {
    /// Pods of one shard.
    #[must_use]
    pub fn pods_per_shard(&self) -> u16 {
        self.replicas_per_shard.saturating_add(1)
    }
}

/// What `spec` asks for; what is wrong with it goes into `refusals`.
pub(super) fn redis(
    spec: &RedisSpec,
    default_image: &str,
    refusals: &mut Vec<String>,
) -> RedisWanted {
    if spec.shards == 0 || spec.shards == 2 || spec.shards > SHARDS_MAX {
        refusals.push(format!(
            "spec.redis.shards is {}, and must be 1, or 3 to {SHARDS_MAX}: two shards have no majority when \
             one is lost",
            spec.shards
        ));
    }
    if spec.replicas_per_shard > REPLICAS_MAX {
        refusals.push(format!("spec.redis.replicasPerShard must be at most {REPLICAS_MAX}"));
    }
    if spec.storage.size_gib == 0 {
        refusals.push("spec.redis.storage.sizeGiB must be at least 1".to_owned());
    }
    for (name, value) in &spec.config {
        let Some((_, grammar)) = REDIS_DIRECTIVES.iter().find(|(known, _)| known == name) else {
            refusals.push(format!(
                "spec.redis.config: {name} cannot be set; it may be one of {}",
                directive_names()
            ));
            continue;
        };
        if !grammar.admits(value) {
            refusals.push(format!("spec.redis.config.{name} is {value:?}, and must be {grammar}"));
        }
    }
    let (resources, memory_bytes) = match size(&spec.resources) {
        Ok(sized) => sized,
        Err(refusal) => {
            refusals.push(refusal);
            (fallback(), MEMORY_BYTES_MIN)
        }
    };
    RedisWanted {
        image: spec.image.clone().unwrap_or_else(|| default_image.to_owned()),
        shards: u16::try_from(spec.shards).unwrap_or(u16::MAX),
        replicas_per_shard: u16::try_from(spec.replicas_per_shard).unwrap_or(u16::MAX),
        storage: spec.storage.clone(),
        resources,
        // The rest is for the copy that grows while Redis rewrites its file, and for buffers.
        maxmemory_bytes: memory_bytes / 5 * 3,
        config: spec.config.clone(),
    }
}

fn fallback() -> ProgramResources {
    ProgramResources {
        cpu_request: "100m".to_owned(),
        cpu_limit: None,
        memory_request: "256Mi".to_owned(),
        memory_limit: "256Mi".to_owned(),
    }
}

/// The amounts, and the memory limit in bytes.
fn size(resources: &Resources) -> Result<(ProgramResources, u64), String> {
    let at = "spec.redis.resources";
    let none = ResourceAmounts::default();
    let requests = resources.requests.as_ref().unwrap_or(&none);
    let limits = resources.limits.as_ref().unwrap_or(&none);
    let default = fallback();
    let or = |first: &Option<Quantity>, second: &Option<Quantity>, default: &str| {
        first.as_ref().or(second.as_ref()).map_or_else(|| default.to_owned(), ToString::to_string)
    };
    let sized = ProgramResources {
        cpu_request: or(&requests.cpu, &limits.cpu, &default.cpu_request),
        cpu_limit: limits.cpu.as_ref().map(ToString::to_string),
        memory_request: or(&requests.memory, &limits.memory, &default.memory_request),
        memory_limit: or(&limits.memory, &requests.memory, &default.memory_limit),
    };
    let read = |field: &str, text: &str, by: fn(&Quantity) -> Result<u64, String>| {
        by(&Quantity(text.to_owned())).map_err(|error| format!("{at}.{field}: {error}"))
    };
    let memory_bytes = read("limits.memory", &sized.memory_limit, bytes)?;
    if read("requests.memory", &sized.memory_request, bytes)? > memory_bytes {
        return Err(format!(
            "{at}: requests.memory is above limits.memory, {}",
            sized.memory_limit
        ));
    }
    let cpu_request_milli = read("requests.cpu", &sized.cpu_request, milli_cpu)?;
    if let Some(limit) = &sized.cpu_limit
        && read("limits.cpu", limit, milli_cpu)? < cpu_request_milli
    {
        return Err(format!("{at}: requests.cpu is above limits.cpu, {limit}"));
    }
    if memory_bytes < MEMORY_BYTES_MIN {
        return Err(format!(
            "{at}.limits.memory is {}, and must be at least 64Mi",
            sized.memory_limit
        ));
    }
    Ok((sized, memory_bytes))
}
