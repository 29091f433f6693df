//! An `AuthCluster` and the world in which all is well with it, for the tests of this layer: a row then
//! changes the one thing that it is about.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::weights::Weight;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::hasher;
use super::objects::{Digests, plan_objects};
use super::secrets::{SecretKind, plan_secrets};
use super::seen::{
    Known, KubernetesNodeSeen, KubernetesSeen, ObjectKind, ObjectRef, Observed, PodSeen,
    SecretSeen, WorkloadSeen,
};
use super::topology::{
    Link, NodeSeen, NodeState, PeerView, PodName, RedisId, Role, Seen, even_layout,
};
use super::{Invalid, Settings, Validated, binding, names, next, validate};
use crate::api::AuthCluster;

/// Speed of one lane, in units per second.
pub(super) const SPEED: u64 = 8_000;

/// Now.
pub(super) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// Now, and some seconds.
pub(super) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

pub(super) fn settings() -> Settings {
    Settings {
        operator_image: "operator:1".to_owned(),
        hasher_image: "hasher:1".to_owned(),
        redis_image: "valkey:1".to_owned(),
        operator_namespace: "authcluster-system".to_owned(),
        ipv6: false,
    }
}

/// The resource `login` in `shop` with this spec, in YAML.
pub(super) fn cluster(spec: &str) -> AuthCluster {
    let spec: serde_json::Value =
        if spec.is_empty() { json!({}) } else { serde_saphyr::from_str(spec).unwrap() };
    serde_json::from_value(json!({
        "apiVersion": "authcluster.dev/v1alpha1",
        "kind": "AuthCluster",
        "metadata": {"name": "login", "namespace": "shop", "uid": "u-1", "generation": 7},
        "spec": spec,
    }))
    .unwrap()
}

pub(super) fn validated(spec: &str) -> Result<Validated, Invalid> {
    validate(&cluster(spec), &settings())
}

pub(super) fn wanted(spec: &str) -> Validated {
    validated(spec).unwrap()
}

pub(super) fn object(kind: ObjectKind, name: &str) -> ObjectRef {
    ObjectRef { kind, name: name.to_owned() }
}

pub(super) fn node_id(name: &str) -> NodeId {
    name.parse().unwrap()
}

/// A digest that differs with `text`.
pub(super) fn digest(text: &str) -> String {
    super::objects::checksum(&[text])
}

/// Every Secret, generated or of a user, with digests that follow from their names.
pub(super) fn secrets(wanted: &Validated) -> BTreeMap<String, SecretSeen> {
    let mut seen = BTreeMap::new();
    let mut add = |name: &str, keys: &[&str], ours: bool, days: Option<i64>| {
        let value = |key: &&str| ((*key).to_owned(), digest(&format!("{name}/{key}")));
        let secret = SecretSeen {
            sha256: keys.iter().map(value).collect(),
            not_after: days.map(|days| after(days * 86_400)),
            ca_sha256: None,
            unusable_tokens: [].into(),
            peppers: [].into(),
            ours,
        };
        seen.insert(name.to_owned(), secret);
    };
    for secret in plan_secrets(wanted, &[].into(), now()) {
        let name = secret.metadata.name.unwrap();
        match secret.kind {
            SecretKind::Ca { valid_days, .. } => {
                add(&name, &["tls.crt", "tls.key"], true, Some(valid_days.into()));
            }
            SecretKind::Leaf { valid_days, .. } => {
                add(&name, &["tls.crt", "tls.key", "ca.crt"], true, Some(valid_days.into()));
            }
            SecretKind::RedisUsers => add(&name, names::REDIS_USERS, true, None),
            SecretKind::UserKey => add(&name, &[names::KEY_USER_KEY], true, None),
            SecretKind::ClientToken => add(&name, &[names::KEY_TOKEN], true, None),
            SecretKind::Binding(_) | SecretKind::Peppers(_) => {
                panic!("a copy of a Secret that is not there")
            }
        }
    }
    for caller in wanted.callers.iter().filter(|caller| !caller.generated) {
        add(&caller.secret, &[&caller.key], false, None);
    }
    if let Some(keys) = &wanted.session_keys {
        add(&keys.secret, &[&keys.current], false, None);
    }
    if let Some(peppers) = &wanted.peppers {
        let key = peppers.current.map_or_else(|| "any".to_owned(), String::from);
        add(&peppers.secret, &[&key], false, None);
        let source = seen.get_mut(&peppers.secret).unwrap();
        source.peppers.insert(key);
        let copy = SecretSeen { ours: true, ..source.clone() };
        seen.insert(names::peppers(&wanted.name), copy);
    }
    let ca = seen[&names::ca(&wanted.name)].sha256["tls.crt"].clone();
    for leaf in [names::hasher_tls(&wanted.name), names::peer_tls(&wanted.name)] {
        let leaf = seen.get_mut(&leaf).unwrap();
        leaf.sha256.insert("ca.crt".to_owned(), ca.clone());
        leaf.ca_sha256 = Some(ca.clone());
    }
    for caller in &wanted.callers {
        let sha256 = binding::plan_binding(wanted, caller, &seen).unwrap().digests();
        let binding =
            SecretSeen { sha256, ca_sha256: Some(ca.clone()), ours: true, ..SecretSeen::default() };
        seen.insert(names::binding(&wanted.name, &caller.name), binding);
    }
    seen
}

pub(super) fn digests(wanted: &Validated) -> Digests {
    Digests::of_seen(&secrets(wanted))
}

/// The world in which all is well, before anything was said of it.
pub(super) fn world(wanted: &Validated) -> Observed {
    let secrets = secrets(wanted);
    let digests = Digests::of_seen(&secrets);
    let settings = hasher::live_version(wanted, &digests).unwrap();
    let (objects, not_ready) = plan_objects(wanted, &digests);
    assert_eq!(not_ready, []);
    let generated = secrets.iter().filter(|(_, secret)| secret.ours);
    let generated = generated.map(|(name, _)| object(ObjectKind::Secret, name));
    let kubernetes = KubernetesSeen {
        namespace_terminating: false,
        hasher_pods: hasher_pods(wanted),
        redis_pods: redis_pods(wanted),
        nodes: (0..3).map(|number| (format!("node-{number}"), fit())).collect(),
        workloads: workloads(wanted),
        owned: objects.refs().into_iter().chain(generated).collect(),
        foreign: [].into(),
        secrets,
    };
    let record = |(name, pod): (&String, &PodSeen)| {
        let pool = wanted.pools.iter().find(|pool| Some(pool.label()) == pod.pool.as_deref());
        let record = NodeRecord {
            address: (pod.ip.unwrap(), 8444).into(),
            lanes: pool.unwrap().lanes,
            speed: SPEED,
            offered: 0,
            version: "1".to_owned(),
            config: settings.clone(),
        };
        let percent = u64::from(pool.unwrap().capacity_percent);
        let weight = Weight::from_capacity(record.capacity() * percent / 100);
        ((node_id(name), record), (node_id(name), weight))
    };
    let (nodes, weights) = kubernetes.hasher_pods.iter().map(record).unzip();
    Observed {
        redis: Known::Known(redis_seen(wanted)),
        nodes: Known::Known(nodes),
        weights: Known::Known(weights),
        previous: None,
        apply_error: None,
        histories: [].into(),
        kubernetes,
    }
}

/// The same, with the status that the operator has written when it came to rest.
pub(super) fn settled(wanted: &Validated) -> Observed {
    let mut observed = world(wanted);
    for _ in 0..3 {
        observed.previous = Some(next(wanted, &observed, now()).status);
    }
    observed
}

/// A node that nothing is wrong with.
pub(super) fn fit() -> KubernetesNodeSeen {
    KubernetesNodeSeen { cordoned: false, ready: true, memory_pressure: false }
}

fn hasher_pods(wanted: &Validated) -> BTreeMap<String, PodSeen> {
    let mut pods = BTreeMap::new();
    for pool in &wanted.pools {
        for number in 0..pool.replicas {
            let name = names::deployment(&wanted.name, pool.name.as_deref());
            let last = u8::try_from(pods.len() + 1).unwrap();
            let pod = PodSeen {
                uid: format!("{name}-{number}"),
                ip: Some(IpAddr::V4(Ipv4Addr::new(10, 1, 0, last))),
                node: Some(format!("node-{}", number % 3)),
                pool: Some(pool.label().to_owned()),
                ready: true,
                ..PodSeen::default()
            };
            pods.insert(format!("{name}-{number}"), pod);
        }
    }
    pods
}

fn redis_pods(wanted: &Validated) -> BTreeMap<String, PodSeen> {
    let places = places(wanted);
    let pod = |(shard, ordinal): (u16, u16)| {
        let name = names::redis_pod(&wanted.name, shard, ordinal);
        let pod = PodSeen {
            uid: name.clone(),
            ip: Some(ip(shard, ordinal)),
            node: Some(format!("node-{}", (shard + ordinal) % 3)),
            shard: Some(shard),
            ready: true,
            ..PodSeen::default()
        };
        (name, pod)
    };
    places.into_iter().map(pod).collect()
}

fn workloads(wanted: &Validated) -> BTreeMap<ObjectRef, WorkloadSeen> {
    let deployment = |pool: &validate::Pool| {
        let name = names::deployment(&wanted.name, pool.name.as_deref());
        let replicas = i32::try_from(pool.replicas).unwrap();
        let seen = WorkloadSeen {
            current: true,
            replicas,
            total: replicas,
            updated: replicas,
            ready: replicas,
        };
        (object(ObjectKind::Deployment, &name), seen)
    };
    wanted.pools.iter().map(deployment).collect()
}

fn places(wanted: &Validated) -> Vec<(u16, u16)> {
    let pods = wanted.redis.pods_per_shard();
    let shards = 0..wanted.redis.shards;
    shards.flat_map(|shard| (0..pods).map(move |ordinal| (shard, ordinal))).collect()
}

fn ip(shard: u16, ordinal: u16) -> IpAddr {
    let byte = |number| u8::try_from(number).unwrap();
    Ipv4Addr::new(10, 2, byte(shard), byte(ordinal)).into()
}

fn id((shard, ordinal): (u16, u16)) -> RedisId {
    format!("{shard:020}{ordinal:020}").parse().unwrap()
}

/// Every shard with its slots at ordinal 0, and replicas in sync.
fn redis_seen(wanted: &Validated) -> Seen {
    let layout = even_layout(wanted.redis.shards);
    let places = places(wanted);
    let slots = |(shard, ordinal): (u16, u16)| {
        let slots = layout[usize::from(shard)].clone();
        if ordinal == 0 { slots } else { authcluster_contract::slots::SlotSet::empty() }
    };
    let primary = |(shard, ordinal)| (ordinal > 0).then(|| id((shard, 0)));
    let view = |place: (u16, u16)| PeerView {
        ip: Some(ip(place.0, place.1)),
        alive: true,
        epoch: u64::from(place.0) + 1,
        replica_of: primary(place),
        slots: slots(place),
    };
    let state = |place: (u16, u16)| NodeState {
        id: id(place),
        ip: Some(ip(place.0, place.1)),
        current_epoch: u64::from(wanted.redis.shards),
        my_epoch: u64::from(place.0) + 1,
        role: primary(place).map_or(Role::Primary, |of| Role::Replica { of, link: Link::Up }),
        slots: slots(place),
        open_slots: false,
        keys: 5,
        cluster_ok: true,
        copies_from: (place.1 > 0).then(|| ip(place.0, 0)),
        replication_offset: 100,
        peers: places.iter().filter(|it| **it != place).map(|it| (id(*it), view(*it))).collect(),
        isolated: false,
    };
    let named = |place: &(u16, u16)| {
        let name = PodName::new(names::redis_pod(&wanted.name, place.0, place.1));
        (name, NodeSeen::Known(Box::new(state(*place))))
    };
    Seen { nodes: places.iter().map(named).collect() }
}
