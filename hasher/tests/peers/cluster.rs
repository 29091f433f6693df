//! Pods in this process, which share a table that never changes, and the certificates they show.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use authcluster_contract::config::{Peers, Tls};
use authcluster_contract::cost::{Cost, Units};
use authcluster_contract::secret::Password;
use authcluster_contract::user::{Realm, UserKey, UserKeyMaker, UsernameCase};
use authcluster_contract::weights::Weight;
use authcluster_hasher::formats::Bounds;
use authcluster_hasher::lanes::{Lanes, LanesConfig};
use authcluster_hasher::live::LiveSettings;
use authcluster_hasher::peer::{self, PeerTls};
use authcluster_hasher::policy::rehash::Policy;
use authcluster_hasher::policy::routing::{NodeSeen, RouteKey, Table};
use authcluster_hasher::telemetry::{Metrics, Tasks};
use authcluster_hasher::work::{Identity, Job, Local, Outcome, Routed, Who, Work as _, WorkError};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const NAME: &str = "hasher.a.default.authcluster.dev";

/// Of every hash here, so that it can be looked for where it must not be.
pub(crate) const PASSWORD: &str = "sesame-open-sesame";

/// One unit.
pub(crate) const SMALL: Cost = Cost { memory_kib: 1024, iterations: 1, parallelism: 1 };

/// As long as a pod allows: half a second on the fastest path.
pub(crate) const LARGE: Cost = Cost { memory_kib: 4096, iterations: 1024, parallelism: 1 };

/// Jobs of one user that a pod takes at once.
pub(crate) const JOBS_PER_USER: u32 = 2;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until `check` holds, and says what did not.
pub(crate) async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let began = now();
    while !check() {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        tokio::task::yield_now().await;
    }
}

/// An authority with the files of those that it signed for.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // All authorities have the same name, as those of two clusters may.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem, folder: TempDir::new().unwrap() }
    }

    /// Files of a pod that shows a certificate for `shown`, and takes for peers whoever `trusted`
    /// has signed for [`NAME`].
    pub(crate) fn files(&self, shown: &str, trusted: &Self) -> Peers {
        let path = |end: &str| -> PathBuf { self.folder.path().join(format!("{shown}.{end}")) };
        let mut params = CertificateParams::new(vec![shown.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(path("crt"), leaf.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        std::fs::write(path("ca"), &trusted.pem).unwrap();
        Peers {
            listen: ([127, 0, 0, 1], 0).into(),
            tls: Tls { certificate_file: path("crt"), private_key_file: path("key") },
            ca_file: path("ca"),
            name: NAME.to_owned(),
        }
    }

    pub(crate) fn peer(&self) -> PeerTls {
        PeerTls::read(self.files(NAME, self)).unwrap()
    }
}

/// One pod, with its peers' listener and its router.
pub(crate) struct Pod {
    pub(crate) local: Arc<Local>,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tasks: Tasks,
    pub(crate) client: peer::Client,
    pub(crate) work: Routed,
    /// Ends with the peers' listener.
    pub(crate) served: JoinHandle<()>,
}

/// A row of the table that is no pod: an address, and its weight.
pub(crate) type Ghost = (&'static str, SocketAddr, u64);

pub(crate) fn table(rows: impl IntoIterator<Item = (String, SocketAddr, u64)>) -> Table {
    let seen = rows.into_iter().map(|(node, address, weight)| NodeSeen {
        node: node.parse().unwrap(),
        record: authcluster_contract::node::NodeRecord {
            address,
            lanes: 1,
            speed: 8_000,
            offered: 0,
            version: "0.0.9".to_owned(),
            config: String::new(),
        },
        load: Some(Units::ZERO),
        weight: Some(Weight::from_capacity(weight)),
    });
    Table::default().next(seen.collect(), None)
}

/// Pods named `pod-0` and so on, each with one lane, and rows of the table that are none.
pub(crate) async fn pods(count: usize, authority: &Authority, ghosts: &[Ghost]) -> Vec<Pod> {
    pods_bounded(&vec![LARGE.memory_kib; count], authority, ghosts).await
}

/// As [`pods`], each with the largest memory that it gives to a job.
pub(crate) async fn pods_bounded(
    memory_kib_max: &[u32],
    authority: &Authority,
    ghosts: &[Ghost],
) -> Vec<Pod> {
    let bounds = |max: &u32| Bounds { memory_kib_max: *max, ..Bounds::default() };
    pods_with(memory_kib_max.iter().map(bounds).collect(), authority, ghosts).await
}

/// As [`pods`], each with its bounds.
pub(crate) async fn pods_with(
    bounds: Vec<Bounds>,
    authority: &Authority,
    ghosts: &[Ghost],
) -> Vec<Pod> {
    let mut listeners = Vec::new();
    for _ in &bounds {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let addresses: Vec<_> = listeners.iter().map(|one| one.local_addr().unwrap()).collect();
    let rows = addresses.iter().enumerate().map(|(index, at)| (format!("pod-{index}"), *at, 100));
    let ghosts = ghosts.iter().map(|(node, at, weight)| ((*node).to_owned(), *at, *weight));
    let table = Arc::new(ArcSwap::from_pointee(table(rows.chain(ghosts))));
    let mut pods = Vec::new();
    for (index, (listener, bounds)) in listeners.into_iter().zip(bounds).enumerate() {
        let local = local(index, listener.local_addr().unwrap(), bounds);
        pods.push(pod(local, listener, authority.peer(), Arc::clone(&table)));
    }
    pods
}

fn local(index: usize, address: SocketAddr, bounds: Bounds) -> Arc<Local> {
    let node = format!("pod-{index}").parse().unwrap();
    let lanes = LanesConfig {
        lanes: 1,
        pin: false,
        cost: Cost { iterations: 1, ..LARGE },
        large_kib: 0,
        jobs_per_user_max: JOBS_PER_USER,
    };
    let identity = Identity { node, address, lanes: 1, bounds };
    Arc::new(Local::new(identity, Lanes::start(lanes).unwrap()))
}

fn pod(local: Arc<Local>, listener: TcpListener, tls: PeerTls, table: Arc<ArcSwap<Table>>) -> Pod {
    let address = listener.local_addr().unwrap();
    let (metrics, tasks) = (Arc::new(Metrics::new()), Tasks::default());
    let server = peer::server(Arc::clone(&local), &tls, Arc::clone(&metrics));
    let stop = tasks.draining().cancelled_owned();
    let served = tokio::spawn(server.serve(listener, tasks.clone(), stop));
    let client = peer::Client::new(tls, tasks.clone());
    let work = Routed::new(
        Arc::clone(&local),
        table,
        LiveSettings::default(),
        client.clone(),
        Arc::clone(&metrics),
    );
    Pod { local, address, metrics, tasks, client, work, served }
}

impl Pod {
    /// A counter of this pod, by its full name and labels; zero when it has not been touched.
    pub(crate) fn count(&self, name: &str, outcome: &str) -> u64 {
        let metrics = self.metrics.encode(&self.local).unwrap();
        let start = format!("authcluster_hasher_{name}_total{{outcome=\"{outcome}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Keeps the lane busy for longer than a peer would wait, until the answer is dropped.
    pub(crate) fn occupy(&self) -> Vec<impl Future<Output = Result<Outcome, WorkError>> + use<>> {
        let terms = authcluster_hasher::work::Terms::until(now() + PATIENCE);
        (0..4).map(|_| self.local.run(None, hash(LARGE), terms.clone())).collect()
    }

    pub(crate) async fn hash_for(&self, user: Option<&UserKey>) -> Result<Outcome, WorkError> {
        let who = user.cloned().map(Who::unknown);
        self.work.compute(who.as_ref(), hash(SMALL), now() + PATIENCE).await
    }
}

pub(crate) fn hash(cost: Cost) -> Job {
    Job::Hash {
        password: Password::from_bytes(PASSWORD.as_bytes().to_vec()).unwrap(),
        policy: Policy { cost, pepper: None },
    }
}

pub(crate) fn user(number: usize) -> UserKey {
    let maker = UserKeyMaker::new(vec![7; 32], UsernameCase::Insensitive).unwrap();
    maker.user(&Realm::new("shop").unwrap(), &format!("user-{number}")).unwrap()
}

/// A user whose order of pods starts with these.
pub(crate) fn user_of(table: &Table, order: &[&str]) -> UserKey {
    let starts_so = |user: &UserKey| {
        let rows = table.by_affinity(RouteKey::of(user));
        order.iter().zip(rows).all(|(name, row)| row.node.as_str() == *name)
    };
    (0..10_000).map(user).find(starts_so).unwrap()
}

/// Everything that the hasher has logged in this process.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Logs {
    pub(crate) fn start() -> Self {
        static LOGS: OnceLock<Logs> = OnceLock::new();
        let start = || {
            let logs = Self::default();
            let writer = logs.clone();
            tracing_subscriber::fmt()
                .with_ansi(false)
                .with_env_filter("authcluster_hasher=debug")
                .with_writer(move || writer.clone())
                .init();
            logs
        };
        LOGS.get_or_init(start).clone()
    }

    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
