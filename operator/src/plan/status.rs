//! What to say of an `AuthCluster`.
//!
//! The same picture gives the same status, to the byte, so that writing it wakes nobody for nothing:
//! a condition's time changes with its status only, and figures that move all the time are said again
//! only after a change of a tenth, and at most every 30 s. `Ready`, `Reconciling` and `Stalled` are
//! what kstatus and `kubectl wait` read; each carries the generation that it speaks of.

mod callers;
mod conditions;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::autoscale::load;
use super::capacity::CapacityState;
use super::check::Unsafe;
use super::metadata::{selector_labels, selector_text};
use super::seen::{Known, ObjectRef, Observed};
use super::topology::RedisHealth;
use super::validate::Invalid;
use super::{EventNote, Validated, hashers_ready, names};
use crate::api::conditions::{ConditionType, Reason};
use crate::api::events::EventReason;
use crate::api::names::COMPONENT_HASHER;
use crate::api::status::{BindingStatus, HashersStatus, RedisStatus};
use crate::api::{AuthCluster, AuthClusterStatus};

use callers::callers_said;
use conditions::{Said, Truth, cut, write_conditions};

/// Least time between two changes of a figure that moves all the time, in seconds.
const FIGURE_SECONDS: i64 = 30;

/// Least change of the utilisation that is told, in points.
const PERCENT_STEP: u64 = 10;

/// Everything that the status is made of, beside what was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// What is being done.
    pub progress: Progress,
    /// The Redis Cluster.
    pub redis: Known<RedisHealth>,
    /// Whether the weights stand in Redis.
    pub capacity: CapacityState,
    /// The sum of the weights, in units per second.
    pub capacity_total: Option<u64>,
    /// What the settings are called that every hasher is to go by; `None` = they cannot be written yet.
    pub settings: Option<String>,
}

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left to do.
    Done,
    /// This.
    Doing(String),
    /// The resource is on its way out.
    Deleting,
    /// An object of ours has a name that someone else's has.
    NameTaken(ObjectRef),
    /// The plan was refused.
    Unsafe(Unsafe),
    /// A person has to act.
    Stalled(String),
}

/// The status for what was seen and decided.
#[must_use]
pub fn plan_status(
    wanted: &Validated,
    observed: &Observed,
    picture: &Picture,
    now: Timestamp,
) -> AuthClusterStatus {
    let previous = observed.previous.clone().unwrap_or_default();
    let redis = redis_said(&picture.redis);
    let hashers = hashers_said(wanted, observed, picture.settings.as_deref());
    let capacity = capacity_said(&picture.capacity);
    let stalled = stalled_said(picture, observed);
    let callers = callers_said(wanted, observed);
    // A disabled caller is no reason to call the others' API not ready, unless no caller is left.
    let mut parts = vec![&redis, &hashers, &capacity];
    parts.extend(Some(&callers.condition).filter(|_| callers.all_refused));
    let mut words = words(picture, &parts, observed);
    let done = picture.progress == Progress::Done
        && parts.iter().all(|said| said.truth == Truth::True)
        && observed.apply_error.is_none();
    let ready = if done {
        words.push_str(&callers.note);
        let message = format!("everything is as specified, and serves{}", callers.note);
        Said::yes(Reason::AsSpecified, message)
    } else if stalled.truth == Truth::True {
        Said::no(stalled.reason, stalled.message.clone())
    } else if picture.progress == Progress::Deleting {
        Said::no(Reason::Deleting, words.clone())
    } else {
        let cause = parts.into_iter().find(|said| said.truth != Truth::True);
        let other =
            if observed.apply_error.is_some() { Reason::ApplyFailed } else { Reason::Progressing };
        Said::no(cause.map_or(other, |said| said.reason), words.clone())
    };
    let reconciling = if done || stalled.truth == Truth::True {
        Said::no(if done { Reason::AsSpecified } else { stalled.reason }, words.clone())
    } else {
        let deleting = picture.progress == Progress::Deleting;
        Said::yes(if deleting { Reason::Deleting } else { Reason::Progressing }, words.clone())
    };
    let said = [
        (ConditionType::Ready, ready),
        (ConditionType::Reconciling, reconciling),
        (ConditionType::Stalled, stalled),
        (ConditionType::RedisAvailable, redis),
        (ConditionType::HasherAvailable, hashers),
        (ConditionType::CapacityPushed, capacity),
        (ConditionType::CallersReady, callers.condition),
        (ConditionType::FeaturesPending, pending_said(&wanted.pending)),
    ];
    let pods = observed.kubernetes.hasher_pods.values().filter(|pod| !pod.terminating).count();
    AuthClusterStatus {
        observed_generation: Some(wanted.generation),
        conditions: write_conditions(&previous.conditions, said, wanted.generation, now),
        plan: Some(words),
        replicas: Some(i32::try_from(pods).unwrap_or(i32::MAX)),
        selector: Some(selector_text(&selector_labels(&wanted.name, COMPONENT_HASHER))),
        binding: binding_status(wanted, observed),
        hashers: Some(hashers_status(wanted, observed, picture.capacity_total, now)),
        redis: redis_status(&picture.redis, previous.redis),
    }
}

/// The status when the resource cannot be carried out as it is written. What runs goes on.
#[must_use]
pub fn invalid_status(
    cluster: &AuthCluster,
    invalid: &Invalid,
    now: Timestamp,
) -> AuthClusterStatus {
    let message = invalid.to_string();
    let no = |reason| Said::no(reason, message.clone());
    let said = [
        (ConditionType::Ready, no(Reason::InvalidSpec)),
        (ConditionType::Reconciling, no(Reason::InvalidSpec)),
        (ConditionType::Stalled, Said::yes(Reason::InvalidSpec, message.clone())),
    ];
    again(cluster, said, message.clone(), now)
}

/// What to tell of it: once, not at each look.
#[must_use]
pub fn invalid_events(cluster: &AuthCluster, invalid: &Invalid) -> Vec<EventNote> {
    let message = cut(invalid.to_string());
    let stalled = ConditionType::Stalled.to_string();
    let said = cluster.status.iter().flat_map(|status| &status.conditions);
    let is_told = |it: &Condition| it.type_ == stalled && it.message == message;
    if said.clone().any(is_told) {
        return Vec::new();
    }
    let reason = EventReason::Because(Reason::InvalidSpec);
    vec![EventNote { warning: true, reason, note: message }]
}

/// The status before anything was looked at: someone who waits for `Ready` must not take the lack of
/// a status for it.
#[must_use]
pub fn first_status(cluster: &AuthCluster, now: Timestamp) -> AuthClusterStatus {
    let words = "looking at what is there".to_owned();
    let said = [
        (ConditionType::Ready, Said::no(Reason::Progressing, words.clone())),
        (ConditionType::Reconciling, Said::yes(Reason::Progressing, words.clone())),
        (ConditionType::Stalled, Said::no(Reason::Progressing, words.clone())),
    ];
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let selector = selector_text(&selector_labels(name, COMPONENT_HASHER));
    let mut status = again(cluster, said, words.clone(), now);
    status.selector = Some(selector);
    status.replicas = status.replicas.or(Some(0));
    status
}

/// `status`, after applying what it belongs to failed because of `error`.
#[must_use]
pub fn failed_status(
    mut status: AuthClusterStatus,
    error: &str,
    now: Timestamp,
) -> AuthClusterStatus {
    let generation = status.observed_generation.unwrap_or_default();
    let said = [
        (ConditionType::Ready, Said::no(Reason::ApplyFailed, error.to_owned())),
        (ConditionType::Reconciling, Said::yes(Reason::ApplyFailed, error.to_owned())),
    ];
    status.conditions = write_conditions(&status.conditions, said, generation, now);
    status.plan = Some(format!("trying again: {error}"));
    status
}

/// `status`, after so many objects were changed: it was made from what was there before, so what becomes
/// of them is not known. Someone who waits for `Ready` waits for the change.
#[must_use]
pub fn changed_status(
    mut status: AuthClusterStatus,
    changed: usize,
    now: Timestamp,
) -> AuthClusterStatus {
    let ready = ConditionType::Ready.to_string();
    let was_ready = status.conditions.iter().any(|it| it.type_ == ready && it.status == "True");
    if changed == 0 || !was_ready {
        return status;
    }
    let generation = status.observed_generation.unwrap_or_default();
    let message = format!("changed {changed} objects; what becomes of them is not seen yet");
    let said = [
        (ConditionType::Ready, Said::no(Reason::Progressing, message.clone())),
        (ConditionType::Reconciling, Said::yes(Reason::Progressing, message.clone())),
    ];
    status.conditions = write_conditions(&status.conditions, said, generation, now);
    status.plan = Some(message);
    status
}

/// The status that was written last, with some conditions said anew.
fn again<const N: usize>(
    cluster: &AuthCluster,
    said: [(ConditionType, Said); N],
    words: String,
    now: Timestamp,
) -> AuthClusterStatus {
    let mut status = cluster.status.clone().unwrap_or_default();
    let generation = cluster.metadata.generation.unwrap_or_default();
    status.observed_generation = Some(generation);
    status.conditions = write_conditions(&status.conditions, said, generation, now);
    status.plan = Some(words);
    status
}

fn redis_said(health: &Known<RedisHealth>) -> Said {
    let health = match health {
        Known::Unknown(why) => return Said::unknown(Reason::RedisUnknown, why.clone()),
        Known::Known(health) => health,
    };
    if health.is_ready() {
        return Said::yes(
            Reason::AsSpecified,
            format!("{} shards serve all {} slots", health.shards, health.slots_covered),
        );
    }
    let reason = if !health.is_formed() {
        Reason::SlotsUncovered
    } else if !health.replicas_in_sync {
        Reason::ReplicasMissing
    } else {
        Reason::Forming
    };
    Said::no(reason, some_of(&health.problems))
}

fn hashers_said(wanted: &Validated, observed: &Observed, settings: Option<&str>) -> Said {
    let (ready, asked) = hashers_ready(wanted, observed);
    let pods = &observed.kubernetes.hasher_pods;
    if ready >= asked && rolled_out(wanted, observed) {
        let stale = settings.map(|settings| with_other_settings(observed, settings));
        if let Some(stale) = stale.filter(|stale| !stale.is_empty()) {
            return Said::no(
                Reason::SettingsPending,
                format!(
                    "these hashers have not taken over changed settings yet, which Kubernetes hands \
                     them within some 90 s: {}",
                    some_of(&stale)
                ),
            );
        }
        return Said::yes(Reason::AsSpecified, format!("{ready} of {asked} hashers serve"));
    }
    let troubles: Vec<String> = pods
        .iter()
        .filter_map(|(name, pod)| Some(format!("{name}: {}", pod.trouble.as_ref()?)))
        .collect();
    let trouble =
        if troubles.is_empty() { String::new() } else { format!(": {}", some_of(&troubles)) };
    if ready >= asked {
        return Said::no(
            Reason::Progressing,
            format!("{ready} of {asked} hashers serve, some of an older revision{trouble}"),
        );
    }
    Said::no(Reason::PodsNotReady, format!("{ready} of {asked} hashers serve{trouble}"))
}

/// Hashers that serve, and say that they go by other settings. What one says that has not registered
/// itself is not known, and said elsewhere.
fn with_other_settings(observed: &Observed, settings: &str) -> Vec<String> {
    let Known::Known(nodes) = &observed.nodes else { return Vec::new() };
    let pods = &observed.kubernetes.hasher_pods;
    let serving = pods.iter().filter(|(_, pod)| pod.ready && !pod.terminating);
    let records = serving.filter_map(|(name, _)| Some((name, nodes.get(&name.parse().ok()?)?)));
    records.filter(|(_, record)| record.config != settings).map(|(name, _)| name.clone()).collect()
}

/// Whether every Deployment has replaced its pods by those of the latest revision.
fn rolled_out(wanted: &Validated, observed: &Observed) -> bool {
    wanted.pools.iter().all(|pool| {
        let seen = observed.kubernetes.deployment(&wanted.name, pool);
        seen.is_some_and(|seen| {
            let replicas = i64::from(pool.replicas);
            seen.current
                && i64::from(seen.replicas) == replicas
                && i64::from(seen.total) == replicas
                && i64::from(seen.updated) == replicas
                && i64::from(seen.ready) == replicas
        })
    })
}

fn capacity_said(state: &CapacityState) -> Said {
    match state {
        CapacityState::Pushed => {
            Said::yes(Reason::AsSpecified, "every hasher's weight is in Redis".to_owned())
        }
        CapacityState::NodesMissing(pods) => Said::no(
            Reason::NodesMissing,
            format!("these hashers have not registered themselves in Redis: {}", some_of(pods)),
        ),
        CapacityState::WeightsMissing(nodes) => Said::no(
            Reason::WeightsPending,
            format!("these hashers get their weight now: {}", some_of(nodes)),
        ),
        CapacityState::Unknown(why) => Said::unknown(Reason::RedisUnknown, why.clone()),
    }
}

fn stalled_said(picture: &Picture, observed: &Observed) -> Said {
    match &picture.progress {
        Progress::Stalled(why) => Said::yes(Reason::RedisStalled, why.clone()),
        Progress::NameTaken(object) => Said::yes(
            Reason::NameTaken,
            format!("{object} exists and belongs to someone else: delete or rename it"),
        ),
        Progress::Unsafe(why) => {
            Said::yes(Reason::UnsafePlan, format!("the plan was refused as unsafe: {why}"))
        }
        Progress::Done | Progress::Doing(_) | Progress::Deleting => {
            let reason = if observed.apply_error.is_some() {
                Reason::ApplyFailed
            } else {
                Reason::Progressing
            };
            Said::no(reason, "the operator needs nobody".to_owned())
        }
    }
}

fn pending_said(pending: &[String]) -> Said {
    if pending.is_empty() {
        return Said::no(Reason::NoneUsed, "every field that is used is carried out".to_owned());
    }
    Said::yes(
        Reason::FieldsNotImplemented,
        format!("this version does not carry out yet: {}", pending.join(", ")),
    )
}

/// What is being done, in words.
fn words(picture: &Picture, parts: &[&Said], observed: &Observed) -> String {
    match &picture.progress {
        Progress::Doing(words) => words.clone(),
        Progress::Deleting => "leaving everything to be deleted".to_owned(),
        Progress::NameTaken(object) => {
            format!("waiting for a person: {object} belongs to someone else")
        }
        Progress::Unsafe(why) => format!("waiting for a person: unsafe plan: {why}"),
        Progress::Stalled(why) => format!("waiting for a person: {why}"),
        Progress::Done => parts.iter().find(|said| said.truth != Truth::True).map_or_else(
            || match &observed.apply_error {
                Some(error) => format!("trying again: {error}"),
                None => "nothing to do".to_owned(),
            },
            |said| format!("waiting: {}", said.message),
        ),
    }
}

fn hashers_status(
    wanted: &Validated,
    observed: &Observed,
    total: Option<u64>,
    now: Timestamp,
) -> HashersStatus {
    let (ready, asked) = hashers_ready(wanted, observed);
    let before = observed.previous.as_ref().and_then(|status| status.hashers.clone());
    let before = before.unwrap_or_default();
    let figure = |figure: u64| i64::try_from(figure).unwrap_or(i64::MAX);
    let (capacity, told) = (total.map(figure), before.capacity_units_per_second);
    let percent = load(observed).ok().map(|load| figure(load.utilization_percent()));
    // Nothing at all is news at any time; the rest only when what was told is old.
    let news = match (capacity, told) {
        (Some(capacity), Some(told)) => capacity != told && (capacity == 0 || told == 0),
        (capacity, told) => capacity.is_some() && told.is_none(),
    };
    let told_at = before.figures_at.as_ref().map_or(i64::MIN, |at| at.0.as_second());
    let old = now.as_second().saturating_sub(told_at) >= FIGURE_SECONDS;
    let moved = capacity.zip(told).is_some_and(|(capacity, told)| {
        capacity.abs_diff(told).saturating_mul(10) > told.unsigned_abs()
    });
    let busier = percent.is_some_and(|percent| {
        before.utilization_percent.is_none_or(|told| percent.abs_diff(told) >= PERCENT_STEP)
    });
    let ready = format!("{ready}/{asked}");
    if !news && !(old && (moved || busier)) {
        return HashersStatus { ready, ..before };
    }
    HashersStatus {
        ready,
        capacity_units_per_second: capacity.or(told),
        utilization_percent: percent.or(before.utilization_percent),
        figures_at: Some(Time(seconds(now))),
    }
}

fn redis_status(health: &Known<RedisHealth>, before: Option<RedisStatus>) -> Option<RedisStatus> {
    // What cannot be read now was true a moment ago; the condition says that it is not known.
    let Known::Known(health) = health else { return before };
    let formed = before.is_some_and(|redis| redis.formed) || health.is_formed();
    Some(RedisStatus {
        formed,
        shards: i32::from(health.shards_ready),
        slots_covered: i32::try_from(health.slots_covered).unwrap_or(i32::MAX),
        summary: Some(format!(
            "{}/{} {}",
            health.shards_ready, health.shards, health.slots_covered
        )),
    })
}

/// The first caller's binding, once it is there.
fn binding_status(wanted: &Validated, observed: &Observed) -> Option<BindingStatus> {
    let name = names::binding(&wanted.name, &wanted.callers.first()?.name);
    let is_ours = observed.kubernetes.secrets.get(&name).is_some_and(|seen| seen.ours);
    is_ours.then_some(BindingStatus { name })
}

/// The first three, and how many more there are: a status is read by people.
fn some_of(words: &[String]) -> String {
    let mut text = words.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if words.len() > 3 {
        text.push_str(&format!(", and {} more", words.len().saturating_sub(3)));
    }
    text
}

/// A time without fractions: Kubernetes keeps none, and what comes back must be equal.
fn seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
