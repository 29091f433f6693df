//! One Redis pod: any image with a server on its PATH, started and watched by the static agent that an
//! init container brings.

use k8s_openapi::api::core::v1::{
    Affinity, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, ExecAction, KeyToPath,
    Lifecycle, LifecycleHandler, PodAffinityTerm, PodAntiAffinity, PodSpec, PodTemplateSpec, Probe,
    SecretVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::super::Validated;
use super::super::metadata::{self, Labels, selector, selector_labels};
use super::super::names::{self, KEY_REDIS_CONFIG, REDIS_USERS};
use super::super::objects::{self, Digests, HOSTNAME, NotReady, ZONE};
use super::super::validate::ProgramResources;
use super::{PORT_NAME_BUS, PORT_NAME_REDIS, config};
use crate::api::names::{
    ANNOTATION_CONFIG, COMPONENT_REDIS, CONTAINER_REDIS, PORT_REDIS, PORT_REDIS_BUS,
};
use crate::api::spec::StorageKind;

/// Name of the volume with the data; also the claims' name.
pub(super) const VOLUME_DATA: &str = "data";
const VOLUME_AGENT: &str = "agent";
const VOLUME_CONFIG: &str = "config";
const VOLUME_USERS: &str = "users";
const VOLUME_RUN: &str = "run";

/// The agent within the Redis container.
const AGENT: &str = "/agent/redis-agent";
/// The agent within the operator's image.
const AGENT_IN_IMAGE: &str = "/usr/bin/redis-agent";
/// Time from a pod's end being decided to it being killed, in seconds: the agent's thirty to hand over,
/// and the last write to disk.
const TERMINATION_SECONDS: i64 = 60;

/// The template of a shard's pods.
pub(super) fn template(
    wanted: &Validated,
    labels: Labels,
    selected: Labels,
    digests: &Digests,
) -> Result<PodTemplateSpec, NotReady> {
    let annotations = [(ANNOTATION_CONFIG.to_owned(), checksum(wanted, digests)?)].into();
    let of_all = selector_labels(&wanted.name, COMPONENT_REDIS);
    // Primaries of all shards over the nodes, and the members of each shard over the zones.
    let spread = vec![objects::spread(HOSTNAME, of_all), objects::spread(ZONE, selected.clone())];
    let apart = PodAffinityTerm {
        label_selector: Some(selector(selected)),
        topology_key: HOSTNAME.to_owned(),
        ..PodAffinityTerm::default()
    };
    let spec = PodSpec {
        service_account_name: Some(names::redis(&wanted.name)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(objects::pod_security()),
        termination_grace_period_seconds: Some(TERMINATION_SECONDS),
        affinity: Some(Affinity {
            pod_anti_affinity: Some(PodAntiAffinity {
                // A copy on the node of its primary is lost with it, so it is better missing, and
                // seen to be.
                required_during_scheduling_ignored_during_execution: Some(vec![apart]),
                preferred_during_scheduling_ignored_during_execution: None,
            }),
            ..Affinity::default()
        }),
        topology_spread_constraints: Some(spread),
        init_containers: Some(vec![agent_container(wanted)]),
        containers: vec![redis_container(wanted)],
        volumes: Some(volumes(wanted)),
        ..PodSpec::default()
    };
    let metadata = metadata::template(labels, annotations);
    Ok(PodTemplateSpec { metadata: Some(metadata), spec: Some(spec) })
}

/// Digest of everything that the agent reads at the server's start.
fn checksum(wanted: &Validated, digests: &Digests) -> Result<String, NotReady> {
    let users = names::redis_users(&wanted.name);
    let mut parts = vec![config::redis_conf(wanted)];
    for user in REDIS_USERS {
        parts.push(digests.of(&users, user)?.to_owned());
    }
    Ok(objects::checksum(&parts))
}

/// Copies the agent to where the Redis container finds it, whatever its image holds.
fn agent_container(wanted: &Validated) -> Container {
    let resources = ProgramResources {
        cpu_request: "10m".to_owned(),
        cpu_limit: None,
        memory_request: "32Mi".to_owned(),
        memory_limit: "32Mi".to_owned(),
    };
    Container {
        name: "agent".to_owned(),
        image: Some(wanted.operator_image.clone()),
        command: Some(words(&[AGENT_IN_IMAGE])),
        args: Some(words(&["install", AGENT])),
        resources: Some(objects::resources(&resources)),
        security_context: Some(objects::container_security()),
        volume_mounts: Some(vec![mount(VOLUME_AGENT, "/agent", false)]),
        ..Container::default()
    }
}

fn redis_container(wanted: &Validated) -> Container {
    Container {
        name: CONTAINER_REDIS.to_owned(),
        // The status repeats the last words of one that crashed.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        image: Some(wanted.redis.image.clone()),
        command: Some(words(&[AGENT])),
        args: Some(words(&["start"])),
        env: Some(vec![objects::env_field("REDIS_AGENT_POD_IP", "status.podIP")]),
        ports: Some(vec![
            objects::container_port(PORT_NAME_REDIS, PORT_REDIS),
            objects::container_port(PORT_NAME_BUS, PORT_REDIS_BUS),
        ]),
        resources: Some(objects::resources(&wanted.redis.resources)),
        security_context: Some(objects::container_security()),
        // No liveness probe: a server that loads a large file or is busy must not be killed for it;
        // one that hangs is failed over by its replica.
        readiness_probe: Some(Probe {
            exec: Some(ExecAction { command: Some(words(&[AGENT, "ready"])) }),
            period_seconds: Some(2),
            timeout_seconds: Some(3),
            failure_threshold: Some(2),
            ..Probe::default()
        }),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                exec: Some(ExecAction { command: Some(words(&[AGENT, "prestop"])) }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(vec![
            mount(VOLUME_DATA, "/data", false),
            mount(VOLUME_AGENT, "/agent", true),
            mount(VOLUME_CONFIG, "/etc/authcluster/redis", true),
            mount(VOLUME_USERS, "/etc/authcluster/redis-users", true),
            mount(VOLUME_RUN, "/run/redis", false),
        ]),
        ..Container::default()
    }
}

fn volumes(wanted: &Validated) -> Vec<Volume> {
    let folder = |name: &str, size: &str| Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(size.to_owned())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    };
    let items = |keys: &[&str]| {
        Some(
            keys.iter()
                .map(|key| KeyToPath {
                    key: (*key).to_owned(),
                    path: (*key).to_owned(),
                    mode: None,
                })
                .collect(),
        )
    };
    let mut volumes = vec![
        folder(VOLUME_AGENT, "64Mi"),
        Volume {
            name: VOLUME_CONFIG.to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: names::redis(&wanted.name),
                items: items(&[KEY_REDIS_CONFIG]),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        },
        Volume {
            name: VOLUME_USERS.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names::redis_users(&wanted.name)),
                default_mode: Some(0o440),
                items: items(REDIS_USERS),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
        Volume {
            name: VOLUME_RUN.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource {
                // The agent writes the users' passwords there: never to a disk.
                medium: Some("Memory".to_owned()),
                size_limit: Some(Quantity("1Mi".to_owned())),
            }),
            ..Volume::default()
        },
    ];
    if wanted.redis.storage.kind == StorageKind::Ephemeral {
        volumes.insert(0, folder(VOLUME_DATA, &format!("{}Gi", wanted.redis.storage.size_gib)));
    }
    volumes
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
