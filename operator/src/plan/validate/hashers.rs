//! The Deployments of hashers: how many pods, how many threads, how much memory.

use std::collections::BTreeMap;

use authcluster_contract::limits::LANES_MAX;
use k8s_openapi::api::core::v1::Toleration as KubernetesToleration;

use super::quantity::{bytes, milli_cpu};
use super::{is_label, twice};
use crate::api::names::{POOL_DEFAULT, POOL_NAME_BYTES_MAX};
use crate::api::spec::{
    AuthClusterSpec, Autoscaling, LegacyBounds, PoolSpec, Quantity, ResourceAmounts, Resources,
    Toleration, TolerationOperator,
};

/// Memory beside the threads' arenas, in MiB: code, stacks, connections. The hasher refuses to start
/// with less.
pub(crate) const OVERHEAD_MIB: u64 = 64;

/// CPU that a limit must leave beside the threads, in thousandths. With less, hashing uses up the
/// limit, and the kernel stops the threads that answer probes and requests.
const CPU_SPARE_MILLI: u64 = 250;

const MIB: u64 = 1024 * 1024;

/// One Deployment of hashers.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Its name; `None` for the one that there is when no pool is named.
    pub name: Option<String>,
    /// Pods; with `scaling`, those that it starts with.
    pub replicas: u32,
    /// Lets the load decide the number of pods.
    pub scaling: Option<Scaling>,
    /// Hashing threads of one pod.
    pub lanes: u32,
    /// CPU and memory of one pod.
    pub resources: ProgramResources,
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the pods bear.
    pub tolerations: Vec<KubernetesToleration>,
    /// Share of the measured speed that is offered, in percent.
    pub capacity_percent: u32,
}

impl Pool {
    /// The value of the pool's label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(POOL_DEFAULT)
    }
}

/// How a pool's number of pods follows the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// Fewest pods.
    pub min: u32,
    /// Most pods, not below `min`.
    pub max: u32,
    /// Share of the capacity that is to be in use, in percent, at least 1.
    pub target_percent: u32,
    /// Pods go only when fewer were enough for so long, in seconds.
    pub window_seconds: u32,
}

impl From<&Autoscaling> for Scaling {
    fn from(spec: &Autoscaling) -> Self {
        Self {
            min: spec.min_replicas,
            max: spec.max_replicas,
            target_percent: spec.target_utilization_percent.max(1),
            window_seconds: spec.scale_down_stabilization_seconds,
        }
    }
}

/// CPU and memory of one container, as Kubernetes writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramResources {
    /// CPU that is promised.
    pub cpu_request: String,
    /// CPU that it cannot go above, if there is such a limit.
    pub cpu_limit: Option<String>,
    /// Memory that is promised.
    pub memory_request: String,
    /// Memory that it cannot go above.
    pub memory_limit: String,
}

/// The pools of `spec`; what is wrong with them goes into `refusals`.
pub(super) fn pools(spec: &AuthClusterSpec, refusals: &mut Vec<String>) -> Vec<Pool> {
    let hasher = &spec.hasher;
    if hasher.pools.is_empty() {
        let at = "spec.hasher";
        refuse_autoscaling(at, hasher.autoscaling.as_ref(), refusals);
        let sized = size(&format!("{at}.resources"), &hasher.resources, spec);
        return one(sized, refusals)
            .map(|(lanes, resources)| Pool {
                name: None,
                replicas: within(hasher.replicas, hasher.autoscaling.as_ref()),
                scaling: hasher.autoscaling.as_ref().map(Scaling::from),
                lanes,
                resources,
                node_selector: BTreeMap::new(),
                tolerations: Vec::new(),
                capacity_percent: 100,
            })
            .into_iter()
            .collect();
    }
    if hasher.autoscaling.is_some() {
        refusals
            .push("spec.hasher.autoscaling: belongs to the pools when there are pools".to_owned());
    }
    if let Some(name) = twice(hasher.pools.iter().map(|pool| pool.name.as_str())) {
        refusals.push(format!("spec.hasher.pools: {name} is there twice"));
    }
    if hasher.pools.iter().all(|pool| pool.capacity_percent == 0) {
        refusals.push(
            "spec.hasher.pools: capacityPercent is 0 in every pool, so no pod would get work"
                .to_owned(),
        );
    }
    hasher.pools.iter().filter_map(|pool| named(pool, spec, refusals)).collect()
}

fn named(pool: &PoolSpec, spec: &AuthClusterSpec, refusals: &mut Vec<String>) -> Option<Pool> {
    let at = format!("spec.hasher.pools[{}]", pool.name);
    if !is_label(&pool.name) || pool.name.len() > POOL_NAME_BYTES_MAX {
        refusals.push(format!("{at}.name: use at most {POOL_NAME_BYTES_MAX} of a-z, 0-9 and '-'"));
    }
    if pool.capacity_percent > 100 {
        refusals.push(format!(
            "{at}.capacityPercent is {}, and must be at most 100",
            pool.capacity_percent
        ));
    }
    refuse_autoscaling(&at, pool.autoscaling.as_ref(), refusals);
    for (index, toleration) in pool.tolerations.iter().enumerate() {
        let exists = toleration.operator == TolerationOperator::Exists;
        if toleration.key.is_none() && !exists {
            refusals
                .push(format!("{at}.tolerations[{index}]: without key it needs operator Exists"));
        }
        if toleration.value.is_some() && exists {
            refusals
                .push(format!("{at}.tolerations[{index}]: with a value it needs operator Equal"));
        }
    }
    let (resources, field) = match &pool.resources {
        Some(resources) => (resources, format!("{at}.resources")),
        None => (&spec.hasher.resources, "spec.hasher.resources".to_owned()),
    };
    let (lanes, resources) = one(size(&field, resources, spec), refusals)?;
    Some(Pool {
        name: Some(pool.name.clone()),
        replicas: within(pool.replicas, pool.autoscaling.as_ref()),
        scaling: pool.autoscaling.as_ref().map(Scaling::from),
        lanes,
        resources,
        node_selector: pool.node_selector.clone(),
        tolerations: pool.tolerations.iter().map(toleration).collect(),
        capacity_percent: pool.capacity_percent,
    })
}

fn one<T>(result: Result<T, String>, refusals: &mut Vec<String>) -> Option<T> {
    result.map_err(|refusal| refusals.push(refusal)).ok()
}

fn refuse_autoscaling(at: &str, bounds: Option<&Autoscaling>, refusals: &mut Vec<String>) {
    if let Some(bounds) = bounds
        && bounds.min_replicas > bounds.max_replicas
    {
        refusals.push(format!(
            "{at}.autoscaling: minReplicas is {}, above maxReplicas, {}",
            bounds.min_replicas, bounds.max_replicas
        ));
    }
}

/// The number of pods, kept between the bounds of an autoscaler.
fn within(replicas: u32, bounds: Option<&Autoscaling>) -> u32 {
    bounds.map_or(replicas, |bounds| replicas.min(bounds.max_replicas).max(bounds.min_replicas))
}

/// Threads and amounts of one pod, or what does not fit, with the sum.
fn size(
    at: &str,
    resources: &Resources,
    spec: &AuthClusterSpec,
) -> Result<(u32, ProgramResources), String> {
    let none = ResourceAmounts::default();
    let requests = resources.requests.as_ref().unwrap_or(&none);
    let limits = resources.limits.as_ref().unwrap_or(&none);
    let cpu = requests.cpu.as_ref().or(limits.cpu.as_ref()).cloned();
    let cpu = cpu.unwrap_or_else(|| Quantity("1".to_owned()));
    let cpu_milli = milli_cpu(&cpu).map_err(|error| format!("{at}.requests.cpu: {error}"))?;
    let lanes = u32::try_from((cpu_milli / 1000).max(1)).unwrap_or(u32::MAX);
    if lanes > LANES_MAX {
        return Err(format!(
            "{at}.requests.cpu is {cpu}: at most {LANES_MAX} hashing threads fit one pod"
        ));
    }
    if let Some(limit) = &limits.cpu {
        let limit_milli = milli_cpu(limit).map_err(|error| format!("{at}.limits.cpu: {error}"))?;
        let needed_milli = (u64::from(lanes) * 1000 + CPU_SPARE_MILLI).max(cpu_milli);
        if limit_milli < needed_milli {
            return Err(format!(
                "{at}.limits.cpu is {limit}: {lanes} hashing threads (one for each whole CPU requested) \
                 and 0.25 CPU beside them need {needed_milli}m; raise it, or leave it out"
            ));
        }
    }
    let (memory_request, memory_limit) = memory(at, requests, limits, lanes, spec)?;
    let cpu_limit = limits.cpu.as_ref().map(ToString::to_string);
    let cpu_request = cpu.to_string();
    Ok((lanes, ProgramResources { cpu_request, cpu_limit, memory_request, memory_limit }))
}

fn memory(
    at: &str,
    requests: &ResourceAmounts,
    limits: &ResourceAmounts,
    lanes: u32,
    spec: &AuthClusterSpec,
) -> Result<(String, String), String> {
    let arena_mib = u64::from(spec.password.argon2id.memory_mib);
    let needed_mib = u64::from(lanes) * arena_mib + OVERHEAD_MIB;
    let legacy = spec.password.legacy.as_ref();
    let old_hash_mib =
        legacy.map_or(LegacyBounds::default(), |legacy| legacy.bounds).memory_max_mib;
    let default = format!("{}Mi", needed_mib + u64::from(old_hash_mib));
    let request = requests.memory.as_ref().or(limits.memory.as_ref());
    let limit = limits.memory.as_ref().or(requests.memory.as_ref());
    let (Some(request), Some(limit)) = (request, limit) else {
        return Ok((default.clone(), default));
    };
    let limit_bytes = bytes(limit).map_err(|error| format!("{at}.limits.memory: {error}"))?;
    let request_bytes = bytes(request).map_err(|error| format!("{at}.requests.memory: {error}"))?;
    if limit_bytes < needed_mib * MIB {
        let field = if limits.memory.is_some() { "limits" } else { "requests" };
        return Err(format!(
            "{at}.{field}.memory is {limit}: {lanes} hashing threads (one for each whole CPU requested) x \
             {arena_mib} MiB (spec.password.argon2id.memoryMiB) + {OVERHEAD_MIB} MiB = {needed_mib} MiB are needed"
        ));
    }
    if request_bytes > limit_bytes {
        return Err(format!("{at}: requests.memory is {request}, above limits.memory, {limit}"));
    }
    Ok((request.to_string(), limit.to_string()))
}

fn toleration(spec: &Toleration) -> KubernetesToleration {
    KubernetesToleration {
        key: spec.key.clone(),
        operator: Some(match spec.operator {
            TolerationOperator::Equal => "Equal".to_owned(),
            TolerationOperator::Exists => "Exists".to_owned(),
        }),
        value: spec.value.clone(),
        effect: spec.effect.clone(),
        toleration_seconds: None,
    }
}
