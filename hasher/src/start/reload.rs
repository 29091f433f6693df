//! Files that may change while the pod runs: callers, settings, certificates, keys of sessions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use authcluster_contract::config::HasherConfig;

use super::read;
use crate::auth::Auth;
use crate::live::LiveSettings;
use crate::telemetry::Tasks;
use crate::work::Local;

/// Time between two looks at when files were changed. A mounted file lags by up to a minute and a half by
/// itself: the kubelet looks once a minute.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Everything that is watched.
#[derive(Default)]
pub(super) struct Watch(Vec<Watched>);

/// Files that make sense together only.
struct Watched {
    what: &'static str,
    paths: Vec<PathBuf>,
    /// As they were when they were read last; `None` = they could not be used.
    seen: Option<Vec<Mark>>,
    /// The trouble that was told last.
    told: String,
    read: Box<dyn FnMut() -> anyhow::Result<()> + Send>,
}

/// When a file, or one in a folder, was changed, and how long it is; `None` = it is not there.
type Mark = (PathBuf, Option<(SystemTime, u64)>);

impl Watch {
    /// Reads `paths` with `read` whenever one of them has changed; a folder counts with what is in it.
    pub(super) fn add(
        &mut self,
        what: &'static str,
        paths: Vec<PathBuf>,
        read: impl FnMut() -> anyhow::Result<()> + Send + 'static,
    ) {
        let (seen, told, read) = (None, String::new(), Box::new(read));
        self.0.push(Watched { what, paths, seen, told, read });
    }

    /// Looks again and again; a file that cannot be used changes nothing, and is said once.
    pub(super) async fn keep_current(mut self, tasks: Tasks) {
        let stopping = tasks.stopping();
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
            self.0.iter_mut().for_each(Watched::look);
        }
    }
}

impl Watched {
    fn look(&mut self) {
        // Before they are read: what changes meanwhile is read again.
        let marks: Vec<Mark> = self.paths.iter().flat_map(|path| marks(path)).collect();
        if self.seen.as_ref() == Some(&marks) {
            return;
        }
        match (self.read)() {
            Ok(()) => {
                self.seen = Some(marks);
                self.told.clear();
            }
            Err(error) => {
                self.seen = None;
                let error = format!("{error:#}");
                if self.told != error {
                    tracing::error!(error, "{} cannot be used, and stay as they were", self.what);
                    self.told = error;
                }
            }
        }
    }
}

fn marks(path: &Path) -> Vec<Mark> {
    let mark = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok();
        let changed = metadata.and_then(|it| Some((it.modified().ok()?, it.len())));
        (path, changed)
    };
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut marks: Vec<Mark> = inside.map(|entry| mark(entry.path())).collect();
    marks.sort();
    marks.insert(0, mark(path.to_owned()));
    marks
}

/// What the settings and the callers are read into.
pub(super) struct Settings {
    pub(super) config_file: Option<PathBuf>,
    pub(super) clients_file: Option<PathBuf>,
    pub(super) auth: Arc<Auth>,
    pub(super) live: LiveSettings,
    pub(super) local: Arc<Local>,
    /// The configuration in force; as this process was started with, at first.
    pub(super) config: HasherConfig,
    /// The text of the callers in force.
    pub(super) clients: String,
}

impl Settings {
    /// Each file by itself: settings that make no sense keep no token from being revoked. The pod tells
    /// others what the two that are in force are called together.
    pub(super) fn read(&mut self) -> anyhow::Result<()> {
        let callers = self.read_callers();
        let config = self.read_config();
        let live = self.config.live();
        self.local.set_jobs_per_user_max(live.routing.jobs_per_user_max);
        if self.live.replace(&live, &self.clients) {
            let version = self.live.current().version.clone();
            tracing::info!(version, "settings were changed, and are in force");
        }
        callers.and(config)
    }

    fn read_callers(&mut self) -> anyhow::Result<()> {
        let Some(path) = &self.clients_file else { return Ok(()) };
        let text = read(path)?;
        self.auth.replace(&text).with_context(|| path.display().to_string())?;
        self.clients = text;
        Ok(())
    }

    fn read_config(&mut self) -> anyhow::Result<()> {
        let Some(path) = &self.config_file else { return Ok(()) };
        self.config =
            HasherConfig::from_toml(&read(path)?).with_context(|| path.display().to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! What is read again, and what is not.

    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn files_are_read_when_they_have_changed_or_could_not_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let (file, keys) = (folder.path().join("file"), folder.path().join("keys"));
        std::fs::create_dir(&keys).unwrap();
        let reads = Arc::new(AtomicU32::new(0));
        let (counted, path) = (Arc::clone(&reads), file.clone());
        let mut watch = Watch::default();
        watch.add("files", vec![file.clone(), keys.clone()], move || {
            counted.fetch_add(1, Ordering::Relaxed);
            read(&path).map(drop)
        });
        let mut look = || {
            watch.0[0].look();
            reads.load(Ordering::Relaxed)
        };
        // Not there: tried each time.
        assert_eq!([look(), look()], [1, 2]);
        std::fs::write(&file, "a").unwrap();
        assert_eq!([look(), look()], [3, 3]);
        std::fs::write(&file, "ab").unwrap();
        assert_eq!([look(), look()], [4, 4]);
        std::fs::write(keys.join("one"), "key").unwrap();
        assert_eq!([look(), look()], [5, 5]);
        std::fs::write(keys.join("one"), "another").unwrap();
        assert_eq!([look(), look()], [6, 6]);
        std::fs::remove_file(&file).unwrap();
        assert_eq!([look(), look()], [7, 8]);
    }
}
