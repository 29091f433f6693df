//! What to do next, put together from its parts.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;

use super::autoscale::{Autoscaled, autoscale};
use super::capacity::{Capacity, CapacityState, plan_capacity};
use super::check;
use super::objects::{Digests, NotReady, Objects, plan_objects};
use super::secrets::{MissingSecret, plan_secrets};
use super::seen::{Known, KubernetesSeen, ObjectKind, ObjectRef, Observed};
use super::status::{Picture, Progress, plan_status};
use super::topology::{self, Next, PodAt, PodName, RedisHealth, Storage, Wanted};
use super::{EventNote, Plan, Validated, hasher, names};
use crate::api::AuthClusterStatus;
use crate::api::conditions::Reason;
use crate::api::events::{Act, EventReason};
use crate::api::spec::StorageKind;

/// Pause after a Redis step, in milliseconds: gossip between nodes takes some of its ticks of 100 ms.
const AFTER_STEP_MS: u64 = 300;
/// Pause while something outside is awaited, in milliseconds. Pods wake us up by themselves; Redis and
/// the hashers' registration do not.
const WHILE_WAITING_MS: u64 = 1_000;
/// Pause when all is well, in milliseconds. Cordoned nodes and changed speeds are noticed at the latest
/// then.
const WHEN_DONE_MS: u64 = 15_000;
/// Pause when a person has to act, in milliseconds: their act wakes us up, unless it is outside.
const WHEN_STALLED_MS: u64 = 30_000;

/// The next plan for `wanted`, given what was seen, at `now`.
#[must_use]
pub fn next(wanted: &Validated, observed: &Observed, now: Timestamp) -> Plan {
    if wanted.deleting || observed.kubernetes.namespace_terminating {
        return nothing(wanted, observed, Progress::Deleting, now);
    }
    let mut sized = wanted.clone();
    let scaled = autoscale(&mut sized, observed, now);
    let wanted = &sized;
    let digests = Digests::of_seen(&observed.kubernetes.secrets);
    let (objects, not_ready) = plan_objects(wanted, &digests);
    let secrets = plan_secrets(wanted, &observed.kubernetes.secrets, now);
    if let Some(taken) = taken(&objects, &secrets, &observed.kubernetes.foreign) {
        return mending(
            nothing(wanted, observed, Progress::NameTaken(taken), now),
            wanted,
            observed,
        );
    }
    let redis = plan_redis(wanted, observed);
    let Capacity { changes, state, total } = plan_capacity(wanted, observed);
    let picture = Picture {
        progress: progress(&redis, &secrets, &not_ready),
        redis: redis.health,
        capacity: state,
        capacity_total: total,
        settings: hasher::live_version(wanted, &digests).ok(),
    };
    let plan = Plan {
        deletes: deletes(wanted, &observed.kubernetes),
        redis_step: redis.step,
        weights: changes,
        scale: scaled.scale,
        histories: scaled.histories.clone(),
        events: Vec::new(),
        status: plan_status(wanted, observed, &picture, now),
        requeue_after_ms: 0,
        objects,
        secrets,
    };
    match check::check(&plan, wanted, observed) {
        Ok(()) => finish(plan, observed, &picture, &scaled),
        Err(refusal) => nothing(wanted, observed, Progress::Unsafe(refusal), now),
    }
}

/// A plan that only speaks.
fn nothing(wanted: &Validated, observed: &Observed, progress: Progress, now: Timestamp) -> Plan {
    let capacity = plan_capacity(wanted, observed);
    let picture = Picture {
        progress,
        redis: plan_redis(wanted, observed).health,
        capacity: capacity.state,
        capacity_total: capacity.total,
        // Nothing is written, so nothing is waited for.
        settings: None,
    };
    let plan = Plan {
        objects: Objects::default(),
        secrets: Vec::new(),
        deletes: Vec::new(),
        redis_step: None,
        weights: [].into(),
        scale: None,
        histories: observed.histories.clone(),
        events: Vec::new(),
        status: plan_status(wanted, observed, &picture, now),
        requeue_after_ms: 0,
    };
    finish(plan, observed, &picture, &Autoscaled::default())
}

/// The next plan while the resource cannot be carried out as it is written: only what keeps a Redis
/// Cluster whole that runs, of a resource whose part for it is right.
#[must_use]
pub fn mend(mendable: &Validated, observed: &Observed, now: Timestamp) -> Plan {
    if mendable.deleting || observed.kubernetes.namespace_terminating {
        return nothing(mendable, observed, Progress::Deleting, now);
    }
    let progress = Progress::Doing("mending the Redis Cluster alone".to_owned());
    let mut plan = nothing(mendable, observed, progress, now);
    // The status says what is wrong with the resource, and is written elsewhere.
    plan.events.clear();
    mending(plan, mendable, observed)
}

/// Adds the next step of a Redis Cluster that was formed. One that was not may wait, and its pods may
/// be someone else's.
fn mending(mut plan: Plan, wanted: &Validated, observed: &Observed) -> Plan {
    if !is_formed(observed.previous.as_ref()) {
        return plan;
    }
    plan.redis_step = plan_redis(wanted, observed).step;
    if let Some(step) = &plan.redis_step {
        let (reason, note) = (EventReason::Act(step.act()), step.to_string());
        plan.events.push(EventNote { warning: false, reason, note });
        plan.requeue_after_ms = AFTER_STEP_MS;
    }
    plan
}

/// Adds when to look again, and what to tell.
fn finish(mut plan: Plan, observed: &Observed, picture: &Picture, scaled: &Autoscaled) -> Plan {
    plan.requeue_after_ms = if plan.redis_step.is_some() {
        AFTER_STEP_MS
    } else {
        match &picture.progress {
            Progress::Done if picture.capacity == CapacityState::Pushed => WHEN_DONE_MS,
            Progress::Done | Progress::Doing(_) => WHILE_WAITING_MS,
            Progress::Deleting
            | Progress::NameTaken(_)
            | Progress::Unsafe(_)
            | Progress::Stalled(_) => WHEN_STALLED_MS,
        }
    };
    plan.events = events(&plan, scaled, observed.previous.as_ref());
    plan
}

/// The Redis Cluster's part.
struct RedisPart {
    step: Option<topology::Step>,
    health: Known<RedisHealth>,
    progress: Progress,
}

fn plan_redis(wanted: &Validated, observed: &Observed) -> RedisPart {
    let seen = match &observed.redis {
        Known::Known(seen) => seen,
        Known::Unknown(why) => {
            return RedisPart {
                step: None,
                health: Known::Unknown(why.clone()),
                progress: Progress::Doing(format!("waiting for Redis: {why}")),
            };
        }
    };
    let formed = is_formed(observed.previous.as_ref());
    let topology = redis_wanted(wanted, &observed.kubernetes, formed);
    let health = topology::health(&topology, seen);
    let (step, progress) = match topology::next_step(&topology, seen) {
        // From now on the cluster may hold data. That is written down before anything else is done:
        // a cluster that was formed is never formed again.
        Next::Step(_) | Next::Wait(_) if health.is_formed() && !formed => {
            (None, Progress::Doing("recording that the Redis Cluster is formed".to_owned()))
        }
        Next::Converged => (None, Progress::Done),
        Next::Step(step) => {
            let words = step.to_string();
            (Some(step), Progress::Doing(words))
        }
        Next::Wait(words) => (None, Progress::Doing(format!("waiting for Redis: {words}"))),
        Next::Stalled(reason) => (None, Progress::Stalled(reason.to_string())),
    };
    RedisPart { step, health: Known::Known(health), progress }
}

fn is_formed(previous: Option<&AuthClusterStatus>) -> bool {
    previous.and_then(|status| status.redis.as_ref()).is_some_and(|redis| redis.formed)
}

/// What the planner of the topology is asked for.
pub(crate) fn redis_wanted(
    wanted: &Validated,
    kubernetes: &KubernetesSeen,
    formed: bool,
) -> Wanted {
    let pods = kubernetes
        .redis_pods
        .iter()
        .filter_map(|(name, pod)| {
            let (shard, ordinal) = names::parse_redis_pod(&wanted.name, name)?;
            let at = PodAt { shard, ordinal, ip: pod.ip, node: pod.node.clone() };
            Some((PodName::new(name.clone()), at))
        })
        .collect();
    Wanted {
        shards: wanted.redis.shards,
        replicas_per_shard: wanted.redis.replicas_per_shard,
        pods,
        formed,
        storage: match wanted.redis.storage.kind {
            StorageKind::Ephemeral => Storage::Ephemeral,
            StorageKind::Persistent => Storage::Persistent,
        },
        data_loss_accepted: wanted.data_loss_accepted,
    }
}

/// What is being done, the most important first.
fn progress(redis: &RedisPart, secrets: &[MissingSecret], not_ready: &[NotReady]) -> Progress {
    if let Progress::Stalled(_) = redis.progress {
        return redis.progress.clone();
    }
    if !secrets.is_empty() {
        let names = secrets.iter().filter_map(|secret| secret.metadata.name.clone());
        return Progress::Doing(format!(
            "generating Secrets {}",
            names.collect::<Vec<_>>().join(", ")
        ));
    }
    if let Some(error) = not_ready.first() {
        return Progress::Doing(format!("waiting: {error}"));
    }
    redis.progress.clone()
}

/// An object of ours whose name someone else has.
fn taken(
    objects: &Objects,
    secrets: &[MissingSecret],
    foreign: &BTreeSet<ObjectRef>,
) -> Option<ObjectRef> {
    let generated = secrets.iter().map(|secret| ObjectRef {
        kind: ObjectKind::Secret,
        name: secret.metadata.name.clone().unwrap_or_default(),
    });
    objects.refs().into_iter().chain(generated).find(|object| foreign.contains(object))
}

/// What nothing asks for any more: Deployments of pools that are gone, tokens and bindings of callers that
/// are, and network policies that are not wanted. Nothing that holds data is ever deleted here, and no
/// hasher that serves before those that are asked for do.
fn deletes(wanted: &Validated, kubernetes: &KubernetesSeen) -> Vec<ObjectRef> {
    let interest = names::names_of_interest(wanted);
    let successors_serve = wanted.pools.iter().all(|pool| {
        let seen = kubernetes.deployment(&wanted.name, pool);
        seen.is_some_and(|seen| i64::from(seen.ready) >= i64::from(pool.replicas))
    });
    kubernetes
        .owned
        .iter()
        .filter(|object| !interest.contains(object))
        .filter(|object| match object.kind {
            ObjectKind::Deployment => successors_serve,
            ObjectKind::NetworkPolicy => true,
            ObjectKind::Secret => names::is_of_a_caller(&wanted.name, &object.name),
            ObjectKind::ConfigMap
            | ObjectKind::Service
            | ObjectKind::ServiceAccount
            | ObjectKind::PodDisruptionBudget
            | ObjectKind::StatefulSet => false,
        })
        .cloned()
        .collect()
}

/// Each step that changes data, and each change of the conditions that people watch.
fn events(
    plan: &Plan,
    scaled: &Autoscaled,
    previous: Option<&AuthClusterStatus>,
) -> Vec<EventNote> {
    let note =
        |act, note: String| EventNote { warning: false, reason: EventReason::Act(act), note };
    let mut events = Vec::new();
    for secret in &plan.secrets {
        let name = secret.metadata.name.clone().unwrap_or_default();
        events.push(note(Act::Generate, format!("generating Secret {name}")));
    }
    for change in &scaled.changes {
        events.push(note(Act::Scale, change.clone()));
    }
    for object in &plan.deletes {
        events.push(note(Act::Delete, format!("deleting {object}, which nothing asks for")));
    }
    if let Some(step) = &plan.redis_step {
        events.push(note(step.act(), step.to_string()));
    }
    let deleting = Reason::Deleting.to_string();
    let deleting = plan.status.conditions.iter().any(|it| it.reason == deleting);
    let stalled =
        plan.status.conditions.iter().any(|it| it.type_ == "Stalled" && it.status == "True");
    for condition in &plan.status.conditions {
        let before = previous
            .into_iter()
            .flat_map(|status| &status.conditions)
            .find(|before| before.type_ == condition.type_);
        let callers = condition.reason == Reason::CallerDisabled.to_string();
        let changed = before.is_none_or(|before| {
            // Another caller is news, though the condition was false already.
            before.status != condition.status || (callers && before.message != condition.message)
        });
        let (warning, told) = match (condition.type_.as_str(), condition.status.as_str()) {
            ("CallersReady", "False") => (true, callers && !deleting),
            ("Stalled" | "FeaturesPending", "True") => (true, true),
            ("Ready", "True") => (false, true),
            // Being deleted is no trouble, and a stall or a disabled caller has an event of its own.
            ("Ready", "False") if stalled || deleting || callers => (true, false),
            ("Ready", "False") => (true, before.is_some_and(|before| before.status == "True")),
            _ => (false, false),
        };
        if changed && told {
            let said = Reason::named(&condition.reason).filter(|_| warning);
            let reason = said.map_or(EventReason::Act(Act::Ready), EventReason::Because);
            events.push(EventNote { warning, reason, note: condition.message.clone() });
        }
    }
    events
}

#[cfg(test)]
mod tests;
