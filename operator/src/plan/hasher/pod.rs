//! One hasher pod: restricted, without a token, with everything it reads below one read-only folder.

use k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, HTTPGetAction, Lifecycle, LifecycleHandler, PodSpec,
    PodTemplateSpec, Probe, ProjectedVolumeSource, SecretVolumeSource, SleepAction,
    TopologySpreadConstraint, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::super::Validated;
use super::super::metadata::{self, Labels};
use super::super::names::{
    self, KEY_CA, KEY_CERTIFICATE, KEY_CLIENTS, KEY_HASHER_CONFIG, KEY_PRIVATE_KEY, KEY_USER_KEY,
    REDIS_USER_HASHER,
};
use super::super::objects::{self, Digests, HOSTNAME, NotReady, ZONE};
use super::super::validate::{Pool, SessionKeys};
use super::config::{
    FILE_CLIENTS, FILE_CONFIG, FILE_REDIS_PASSWORD, FILE_USER_KEY, FOLDER, FOLDER_PEER,
    FOLDER_PEPPERS, FOLDER_SESSION_KEYS, FOLDER_TLS, at_start_toml,
};
use super::{PORT_NAME_ADMIN, PORT_NAME_API, PORT_NAME_PEERS};
use crate::api::names::{ANNOTATION_CONFIG, CONTAINER_HASHER, PORT_ADMIN, PORT_API, PORT_PEERS};

/// Time between the end of a pod being decided and it being told, in seconds: Services and load
/// balancers stop sending meanwhile, and its weight becomes zero.
const DRAIN_SECONDS: i64 = 5;
/// Time from that decision to the pod being killed, in seconds: after the drain the hasher gives open
/// requests 20 s, which is more than the longest deadline.
const TERMINATION_SECONDS: i64 = 30;
/// Time that calibration and the first look at Redis may take, in seconds.
const START_SECONDS: i32 = 60;
/// Name of the volume with everything a hasher reads.
const VOLUME_CONFIG: &str = "config";
/// Name of the volume with the keys of sessions.
const VOLUME_SESSION_KEYS: &str = "session-keys";
/// Name of the volume with the peppers.
const VOLUME_PEPPERS: &str = "peppers";
/// Name of the volume for temporary files.
const VOLUME_TMP: &str = "tmp";

/// The template of a pool's pods.
pub(super) fn template(
    wanted: &Validated,
    pool: &Pool,
    labels: Labels,
    selected: &Labels,
    digests: &Digests,
) -> Result<PodTemplateSpec, NotReady> {
    let annotations = [(ANNOTATION_CONFIG.to_owned(), checksum(wanted, digests)?)].into();
    let spread = |topology_key: &str| TopologySpreadConstraint {
        // Those of the old revision are about to go: where they are is nothing to keep away from.
        match_label_keys: Some(vec!["pod-template-hash".to_owned()]),
        ..objects::spread(topology_key, selected.clone())
    };
    let selector = &pool.node_selector;
    let spec = PodSpec {
        service_account_name: Some(names::hasher(&wanted.name)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(objects::pod_security()),
        termination_grace_period_seconds: Some(TERMINATION_SECONDS),
        topology_spread_constraints: Some(vec![spread(HOSTNAME), spread(ZONE)]),
        node_selector: (!selector.is_empty()).then(|| selector.clone()),
        tolerations: (!pool.tolerations.is_empty()).then(|| pool.tolerations.clone()),
        containers: vec![container(wanted, pool)],
        volumes: Some(volumes(wanted)),
        ..PodSpec::default()
    };
    Ok(PodTemplateSpec {
        metadata: Some(metadata::template(labels, annotations)),
        spec: Some(spec),
    })
}

fn container(wanted: &Validated, pool: &Pool) -> Container {
    let mount = |name: &str, path: &str, read_only: bool| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    };
    Container {
        name: CONTAINER_HASHER.to_owned(),
        // The status repeats the last words of one that crashed.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        image: Some(wanted.hasher_image.clone()),
        command: Some(vec!["hasher".to_owned()]),
        args: Some(vec![
            "serve".to_owned(),
            "--config".to_owned(),
            format!("{FOLDER}/{FILE_CONFIG}"),
        ]),
        env: Some(vec![
            objects::env_field("HASHER_NODE_NAME", "metadata.name"),
            objects::env_field("HASHER_POD_IP", "status.podIP"),
            objects::env_value("HASHER_LANES", &pool.lanes.to_string()),
        ]),
        ports: Some(vec![
            objects::container_port(PORT_NAME_API, PORT_API),
            objects::container_port(PORT_NAME_PEERS, PORT_PEERS),
            objects::container_port(PORT_NAME_ADMIN, PORT_ADMIN),
        ]),
        resources: Some(objects::resources(&pool.resources)),
        security_context: Some(objects::container_security()),
        startup_probe: Some(Probe {
            period_seconds: Some(1),
            failure_threshold: Some(START_SECONDS),
            ..probe("/livez")
        }),
        liveness_probe: Some(Probe {
            // Hashing may use every CPU of the node for a while; that is no reason to lose sessions
            // under way.
            timeout_seconds: Some(5),
            period_seconds: Some(10),
            failure_threshold: Some(6),
            ..probe("/livez")
        }),
        readiness_probe: Some(Probe {
            timeout_seconds: Some(2),
            period_seconds: Some(2),
            failure_threshold: Some(3),
            ..probe("/readyz")
        }),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: DRAIN_SECONDS }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(
            [mount(VOLUME_CONFIG, FOLDER, true), mount(VOLUME_TMP, "/tmp", false)]
                .into_iter()
                .chain(
                    wanted
                        .session_keys
                        .iter()
                        .map(|_| mount(VOLUME_SESSION_KEYS, FOLDER_SESSION_KEYS, true)),
                )
                .chain(wanted.peppers.iter().map(|_| mount(VOLUME_PEPPERS, FOLDER_PEPPERS, true)))
                .collect(),
        ),
        ..Container::default()
    }
}

fn probe(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(PORT_NAME_ADMIN.to_owned()),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    }
}

/// Everything that a hasher reads, in one folder: the file, and the Secrets beside it.
fn volumes(wanted: &Validated) -> Vec<Volume> {
    let cluster = wanted.name.as_str();
    let below = |folder: &str, key: &str| (key.to_owned(), format!("{folder}/{key}"));
    let sources = vec![
        objects::project_config_map(names::hasher(cluster), &[(KEY_HASHER_CONFIG, FILE_CONFIG)]),
        objects::project_secret(names::clients(cluster), &[(KEY_CLIENTS, FILE_CLIENTS)]),
        objects::project_secret(names::user_key(cluster), &[(KEY_USER_KEY, FILE_USER_KEY)]),
        objects::project_secret(
            names::redis_users(cluster),
            &[(REDIS_USER_HASHER, FILE_REDIS_PASSWORD)],
        ),
        project_all(names::hasher_tls(cluster), &[KEY_CERTIFICATE, KEY_PRIVATE_KEY], |key| {
            below(FOLDER_TLS, key)
        }),
        project_all(names::peer_tls(cluster), &[KEY_CERTIFICATE, KEY_PRIVATE_KEY, KEY_CA], |key| {
            below(FOLDER_PEER, key)
        }),
    ];
    let mut volumes = vec![
        Volume {
            name: VOLUME_CONFIG.to_owned(),
            projected: Some(ProjectedVolumeSource {
                default_mode: Some(0o440),
                sources: Some(sources),
            }),
            ..Volume::default()
        },
        Volume {
            name: VOLUME_TMP.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource {
                size_limit: Some(Quantity("16Mi".to_owned())),
                ..EmptyDirVolumeSource::default()
            }),
            ..Volume::default()
        },
    ];
    // A key of sessions that is added later appears in its volume without a restart.
    let session_keys = wanted.session_keys.as_ref();
    volumes.extend(session_keys.map(|keys| whole_secret(VOLUME_SESSION_KEYS, &keys.secret)));
    let peppers = wanted.peppers.as_ref().map(|_| names::peppers(&wanted.name));
    volumes.extend(peppers.map(|copy| whole_secret(VOLUME_PEPPERS, &copy)));
    volumes
}

/// Every key of a Secret, as a file.
fn whole_secret(name: &str, secret: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.to_owned()),
            default_mode: Some(0o440),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn project_all(
    name: String,
    keys: &[&str],
    place: impl Fn(&str) -> (String, String),
) -> VolumeProjection {
    let items = keys.iter().map(|key| place(key)).collect::<Vec<_>>();
    let items = items.iter().map(|(key, path)| (key.as_str(), path.as_str())).collect::<Vec<_>>();
    objects::project_secret(name, &items)
}

/// Digest of everything that a hasher reads only when it starts, so that a change of it rolls the pods. What
/// it takes over while it runs is not in it.
fn checksum(wanted: &Validated, digests: &Digests) -> Result<String, NotReady> {
    let cluster = wanted.name.as_str();
    let mut parts = vec![at_start_toml(wanted)?];
    let mut add = |secret: String, keys: &[&str]| -> Result<(), NotReady> {
        for key in keys {
            parts.push(digests.of(&secret, key)?.to_owned());
        }
        Ok(())
    };
    add(names::hasher_tls(cluster), &[KEY_CERTIFICATE, KEY_PRIVATE_KEY])?;
    add(names::peer_tls(cluster), &[KEY_CERTIFICATE, KEY_PRIVATE_KEY, KEY_CA])?;
    add(names::user_key(cluster), &[KEY_USER_KEY])?;
    add(names::redis_users(cluster), &[REDIS_USER_HASHER])?;
    if let Some(SessionKeys { secret, current }) = &wanted.session_keys {
        add(secret.clone(), &[current])?;
    }
    if let Some(peppers) = &wanted.peppers {
        parts.extend(digests.of_copied_peppers(cluster, peppers)?);
    }
    Ok(objects::checksum(&parts))
}
