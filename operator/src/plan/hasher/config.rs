//! The two files that hashers read, written with the types that read them.

use std::net::SocketAddr;
use std::path::PathBuf;

use authcluster_contract::config::{
    Client, Clients, HasherConfig, Listen, PasswordPolicy, Peers, Redis, SessionEncryption,
    Sessions, Tls, Users,
};
use authcluster_contract::pepper::PepperFolder;

use super::super::Validated;
use super::super::callers::plan_callers;
use super::super::names::{self, KEY_CA, KEY_CERTIFICATE, KEY_PRIVATE_KEY, REDIS_USER_HASHER};
use super::super::objects::{Digests, NotReady};
use super::super::validate::Caller;
use crate::api::names::{PORT_ADMIN, PORT_API, PORT_PEERS};

/// Folder of everything that a hasher reads.
pub(super) const FOLDER: &str = "/etc/authcluster";
/// Files below [`FOLDER`].
pub(super) const FILE_CONFIG: &str = "hasher.toml";
pub(super) const FILE_CLIENTS: &str = "clients.toml";
pub(super) const FILE_USER_KEY: &str = "user-key";
pub(super) const FILE_REDIS_PASSWORD: &str = "redis/password";
/// Folders of certificates below [`FOLDER`].
pub(super) const FOLDER_TLS: &str = "tls";
pub(super) const FOLDER_PEER: &str = "peer";

/// Folder of the keys of sessions. A whole Secret lies there, whose keys come and go while pods run, so it is
/// not one of the files below [`FOLDER`].
pub(super) const FOLDER_SESSION_KEYS: &str = "/etc/authcluster-session-keys";

/// Folder of the peppers: a whole Secret as well. A change of it rolls the pods, so that `Ready` says when all
/// of them have a new key; they read it once.
pub(super) const FOLDER_PEPPERS: &str = "/etc/authcluster-peppers";

/// What the settings that hashers take over while they run are called, together with the callers.
pub(super) fn live_version(wanted: &Validated, digests: &Digests) -> Result<String, NotReady> {
    Ok(config(wanted).live().version(&clients_toml(wanted, digests)?))
}

/// What hashers take over only when they start, as one text to tell a change by.
pub(super) fn at_start_toml(wanted: &Validated) -> Result<String, NotReady> {
    written(&config(wanted).at_start())
}

/// `hasher.toml`, checked by the code that the hasher reads it with: a file that a hasher would refuse
/// is refused here, before it stops a pod.
pub(super) fn hasher_toml(wanted: &Validated) -> Result<String, NotReady> {
    let text = written(&config(wanted))?;
    HasherConfig::from_toml(&text).map_err(unwritable)?;
    Ok(text)
}

fn written(config: &HasherConfig) -> Result<String, NotReady> {
    config.to_toml().map_err(unwritable)
}

fn unwritable(error: impl std::fmt::Display) -> NotReady {
    NotReady::Unwritable { what: "the hashers' file".to_owned(), why: error.to_string() }
}

fn config(wanted: &Validated) -> HasherConfig {
    let listen = |port| SocketAddr::new(wanted.listen_ip, port);
    HasherConfig {
        listen: Listen { api: listen(PORT_API), admin: listen(PORT_ADMIN) },
        tls: Some(tls(FOLDER_TLS)),
        clients_file: Some(path(FILE_CLIENTS)),
        password: PasswordPolicy {
            argon2id: wanted.argon2id,
            legacy: wanted.legacy.clone(),
            pepper: wanted.peppers.as_ref().map(|peppers| PepperFolder {
                folder: FOLDER_PEPPERS.into(),
                current: peppers.current,
            }),
        },
        // Each pool has its own number of threads, in its pods' environment.
        lanes: None,
        // Pods share their node's CPUs.
        pin_lanes: false,
        users: Users { key_file: Some(path(FILE_USER_KEY)), case: wanted.username_case },
        redis: Some(Redis {
            username: Some(REDIS_USER_HASHER.to_owned()),
            password_file: Some(path(FILE_REDIS_PASSWORD)),
            // One copy is enough: a failover takes the replica that is furthest. More would make a
            // critical write wait for every replica that is being replaced.
            acknowledgements: u32::from(wanted.redis.replicas_per_shard > 0),
            ..Redis::at(names::redis_seeds(&wanted.name, &wanted.namespace, wanted.redis.shards))
        }),
        peers: Some(Peers {
            listen: listen(PORT_PEERS),
            tls: tls(FOLDER_PEER),
            ca_file: path(&format!("{FOLDER_PEER}/{KEY_CA}")),
            name: names::peer_dns(&wanted.name, &wanted.namespace),
        }),
        routing: wanted.routing,
        breaker: wanted.breaker,
        sessions: Sessions {
            encryption: wanted.session_keys.as_ref().map(|keys| SessionEncryption {
                keys_folder: FOLDER_SESSION_KEYS.into(),
                current_key: keys.current.clone(),
            }),
            ..wanted.sessions.clone()
        },
        limits: wanted.limits.clone(),
        migration: wanted.migration.clone(),
    }
}

/// `clients.toml`: the enabled callers with the digests of their tokens. A disabled caller is left out, so the
/// hashers refuse a token that it had before. Without any enabled caller they refuse every request.
pub(super) fn clients_toml(wanted: &Validated, digests: &Digests) -> Result<String, NotReady> {
    let enabled = plan_callers(&wanted.callers, digests).enabled.into_iter();
    let client = |(caller, digest): (&Caller, &str)| Client {
        name: caller.name.clone(),
        realm: caller.realm.clone(),
        scopes: caller.scopes.clone(),
        units_per_second: caller.units_per_second,
        token_sha256: vec![digest.to_owned()],
    };
    let clients = enabled.map(client).collect();
    toml::to_string(&Clients { clients }).map_err(|error| NotReady::Unwritable {
        what: "the callers' file".to_owned(),
        why: error.to_string(),
    })
}

fn path(below: &str) -> PathBuf {
    PathBuf::from(format!("{FOLDER}/{below}"))
}

fn tls(folder: &str) -> Tls {
    Tls {
        certificate_file: path(&format!("{folder}/{KEY_CERTIFICATE}")),
        private_key_file: path(&format!("{folder}/{KEY_PRIVATE_KEY}")),
    }
}
