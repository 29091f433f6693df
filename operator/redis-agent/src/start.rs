//! `start`: writes the server's configuration and becomes the server.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::args::Settings;
use crate::config::{Passwords, appends_only, redis_conf, users_acl};
use crate::copies::{Copies, copies, pending};
use crate::files::{self, FileError};
use crate::hold::{Past, is_succeeded, past};
use crate::nodes::{Listed, listed};
use crate::resp::{Node, RespError};
use crate::users::User;

/// Names of servers, the first that is on the PATH is taken.
const SERVERS: [&str; 2] = ["valkey-server", "redis-server"];

/// Between two questions to the replicas. An election takes a second or two beyond the node timeout.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Why the server was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file of the agent.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder that must be there and writable.
    #[error("{} is no folder: mount a volume there", .0.display())]
    NoFolder(PathBuf),
    /// No server in the image.
    #[error("neither valkey-server nor redis-server is on the PATH ({0})")]
    NoServer(String),
    /// The server could not be run.
    #[error("cannot run {}", program.display())]
    Exec {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

/// Becomes the server. Returns only when it could not.
///
/// # Errors
/// See [`StartError`].
pub fn start(settings: &Settings, say: &mut dyn FnMut(&str)) -> Result<(), StartError> {
    let program = server_on(&settings.path)
        .ok_or_else(|| StartError::NoServer(settings.path.to_string_lossy().into_owned()))?;
    let config = prepare(settings, say)?;
    let cause = Command::new(&program).arg(config).exec();
    Err(StartError::Exec { program, cause })
}

/// Writes the configuration and sees to it that starting harms nobody. Returns the path of the
/// configuration.
///
/// # Errors
/// See [`StartError`].
pub fn prepare(settings: &Settings, say: &mut dyn FnMut(&str)) -> Result<PathBuf, StartError> {
    for folder in [&settings.data, &settings.run] {
        if !folder.is_dir() {
            return Err(StartError::NoFolder(folder.clone()));
        }
    }
    let passwords = files::passwords(&settings.users)?;
    let base = files::read(&settings.config)?;
    let config = settings.run.join("redis.conf");
    files::write_private(&config, &redis_conf(settings, &settings.acl(), &passwords))?;
    let nodes = files::read_if_there(&settings.nodes_conf())?.unwrap_or_default();
    let nodes = listed(&nodes);
    let data_kept = appends_only(&base) && has_append_only_file(&settings.data);
    let mut copies = copies(&nodes);
    if let Past::Emptied { id, replicas } = past(&nodes, data_kept) {
        copies = Copies::Withheld;
        say(&format!("{id} lost the data of its slots; waiting for a replica to take over"));
        if is_taken_over(settings, &passwords, &id, &replicas) {
            say("a replica has taken over; starting as its replica");
        } else {
            say("no replica has taken over in time; starting as a new node");
            files::set_aside(&settings.nodes_conf())?;
        }
        // Keys of a snapshot would be of slots that this node does not own any more.
        files::set_aside(&settings.data.join("dump.rdb"))?;
    }
    files::write_private(&settings.acl(), &users_acl(&passwords, copies))?;
    let pending = pending(settings);
    match copies {
        Copies::Served => files::remove(&pending)?,
        Copies::Withheld => {
            files::write_private(&pending, &users_acl(&passwords, Copies::Served))?;
        }
    }
    Ok(config)
}

/// Waits until a replica says that another owns the slots of `id`.
#[expect(
    clippy::disallowed_methods,
    reason = "this wait is the agent's own, and bounded by a setting"
)]
fn is_taken_over(
    settings: &Settings,
    passwords: &Passwords,
    id: &str,
    replicas: &[Listed],
) -> bool {
    let begun = Instant::now();
    loop {
        for address in replicas.iter().filter_map(|replica| replica.address) {
            let ask = || -> Result<String, RespError> {
                let user = User::Operator;
                let mut node = Node::connect(address, user.name(), passwords.of(user))?;
                node.ask(&["CLUSTER", "NODES"])
            };
            // One that cannot be asked may have moved; its successor is not known either.
            if ask().is_ok_and(|text| is_succeeded(&listed(&text), id)) {
                return true;
            }
        }
        if begun.elapsed() >= settings.hold {
            return false;
        }
        std::thread::sleep(ASK_EVERY);
    }
}

/// Whether there is an append-only file with anything in it. Its folder is named by the default of
/// `appenddirname`.
fn has_append_only_file(data: &Path) -> bool {
    fs::read_dir(data.join("appendonlydir")).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let is_manifest = entry.path().extension().is_some_and(|end| end == "manifest");
            is_manifest && entry.metadata().is_ok_and(|metadata| metadata.len() > 0)
        })
    })
}

/// The first server in the folders of `path`.
fn server_on(path: &OsStr) -> Option<PathBuf> {
    SERVERS.iter().find_map(|name| {
        std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file())
    })
}

#[cfg(test)]
mod tests {
    //! What is refused, and what is written.

    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::{StartError, prepare, server_on};
    use crate::args::Settings;
    use crate::files::FileError;

    fn settings(root: &Path) -> Settings {
        Settings {
            ip: "127.0.0.1".parse().unwrap(),
            port: 1,
            config: root.join("base.conf"),
            users: root.join("users"),
            data: root.join("data"),
            run: root.join("run"),
            hold: Duration::ZERO,
            prestop: Duration::ZERO,
            path: root.into(),
        }
    }

    fn pod() -> (tempfile::TempDir, Settings) {
        let root = tempfile::tempdir().unwrap();
        for folder in ["users", "data", "run"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        for user in ["operator", "replication", "hasher"] {
            fs::write(root.path().join("users").join(user), format!("{user}-password\n")).unwrap();
        }
        fs::write(root.path().join("base.conf"), "appendonly yes\n").unwrap();
        let settings = settings(root.path());
        (root, settings)
    }

    #[test]
    fn what_is_missing_is_named() {
        let (root, settings) = pod();
        assert!(server_on(&settings.path).is_none());
        fs::write(root.path().join("users/hasher"), "\n").unwrap();
        let refusal = prepare(&settings, &mut |_| {}).unwrap_err();
        assert!(matches!(refusal, StartError::File(FileError::Empty(_))), "{refusal}");
        fs::remove_dir(&settings.run).unwrap();
        let refusal = prepare(&settings, &mut |_| {}).unwrap_err();
        assert!(matches!(refusal, StartError::NoFolder(_)), "{refusal}");
    }

    #[test]
    fn an_emptied_primary_nobody_succeeds_starts_as_a_new_node() {
        let (_root, settings) = pod();
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let nodes = format!(
            "{a} 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-9\n\
             {b} 127.0.0.1:1@2 slave {a} 0 0 1 connected\n"
        );
        fs::write(settings.nodes_conf(), &nodes).unwrap();
        fs::create_dir(settings.data.join("appendonlydir")).unwrap();
        fs::write(settings.data.join("appendonlydir/a.manifest"), "file a").unwrap();
        prepare(&settings, &mut |_| {}).unwrap();
        assert!(settings.nodes_conf().is_file(), "it kept its data");
        fs::remove_file(settings.data.join("appendonlydir/a.manifest")).unwrap();
        let mut said = Vec::new();
        prepare(&settings, &mut |words| said.push(words.to_owned())).unwrap();
        assert!(!settings.nodes_conf().exists(), "{said:?}");
        assert!(settings.data.join("nodes.conf.abandoned").is_file());
        let config = fs::read_to_string(settings.run.join("redis.conf")).unwrap();
        assert!(config.contains("replication-password"), "{config}");
    }
}
