//! Files that may change while the pod runs: callers, certificates, keys of sessions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::Auth;
use crate::peer::PeerTls;
use crate::server::ServerTls;
use crate::store::sessions::seal::Sealer;
use crate::telemetry::{Tasks, chain};

/// Time between two looks. A mounted Secret lags by up to a minute itself.
const RELOAD_INTERVAL: Duration = Duration::from_secs(30);

/// What is read again, and from where.
pub(super) struct Files {
    pub(super) auth: Arc<Auth>,
    pub(super) clients: Option<PathBuf>,
    pub(super) tls: Option<Arc<ServerTls>>,
    pub(super) peers: Option<PeerTls>,
    pub(super) sealer: Option<Arc<Sealer>>,
}

impl Files {
    /// Looks again and again; a file that cannot be used changes nothing, and is said.
    pub(super) async fn keep_current(self, tasks: Tasks) {
        let stopping = tasks.stopping();
        let mut ticks = tokio::time::interval(RELOAD_INTERVAL);
        while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
            self.read();
        }
    }

    fn read(&self) {
        if let Some(path) = &self.clients {
            let replaced = super::read(path).and_then(|text| Ok(self.auth.replace(&text)?));
            if let Err(error) = replaced {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the file of callers stays as it was"
                );
            }
        }
        if let Some(Err(error)) = self.tls.as_ref().map(|tls| tls.reload()) {
            tracing::error!(error = chain(&error), "the certificate stays as it was");
        }
        if let Some(Err(error)) = self.sealer.as_ref().map(|sealer| sealer.reload()) {
            tracing::error!(error = chain(&error), "the keys of sessions stay as they were");
        }
        if let Some(Err(error)) = self.peers.as_ref().map(PeerTls::reload) {
            tracing::error!(error = chain(&error), "the peers' certificate stays as it was");
        }
    }
}
