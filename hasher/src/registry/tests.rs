//! Pods that share one store, on paused time.

use std::sync::atomic::{AtomicBool, Ordering};

use authcluster_contract::cost::{Cost, Units};
use authcluster_contract::node::NodeId;

use super::*;
use crate::formats::Bounds;
use crate::lanes::{Lanes, LanesConfig};
use crate::live::LiveSettings;
use crate::store::memory::MemoryStore;
use crate::store::{NodeEntry, StoreFuture};
use crate::work::Identity;

/// A store that can go away.
#[derive(Default)]
struct Shared {
    store: MemoryStore,
    away: AtomicBool,
}

impl Shared {
    fn or_away<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a MemoryStore) -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        if self.away.load(Ordering::Relaxed) {
            Box::pin(async { Err(StoreError::Unreachable("away".into())) })
        } else {
            call(&self.store)
        }
    }
}

impl NodeStore for Shared {
    fn announce_node<'a>(
        &'a self,
        node: &'a NodeId,
        record: &'a NodeRecord,
    ) -> StoreFuture<'a, ()> {
        self.or_away(|store| store.announce_node(node, record))
    }

    fn publish_load<'a>(&'a self, node: &'a NodeId, load: Units) -> StoreFuture<'a, ()> {
        self.or_away(|store| store.publish_load(node, load))
    }

    fn withdraw_node<'a>(&'a self, node: &'a NodeId) -> StoreFuture<'a, ()> {
        self.or_away(|store| store.withdraw_node(node))
    }

    fn read_nodes(&self) -> StoreFuture<'_, Vec<NodeEntry>> {
        self.or_away(|store| store.read_nodes())
    }
}

struct Pod {
    live: LiveSettings,
    table: SharedTable,
    tasks: Tasks,
}

impl Pod {
    fn start(name: &str, store: &Arc<Shared>) -> Self {
        let cost = Cost { memory_kib: 1024, iterations: 1, parallelism: 1 };
        let identity = Identity {
            node: name.parse().unwrap(),
            address: ([127, 0, 0, 1], 8444).into(),
            lanes: 1,
            bounds: Bounds::default(),
        };
        let lanes = Lanes::start(LanesConfig {
            lanes: 1,
            pin: false,
            cost,
            large_kib: 0,
            jobs_per_user_max: 2,
        })
        .unwrap();
        let local = Arc::new(Local::new(identity, lanes));
        let live = LiveSettings::default();
        let registry = Registry::new(Arc::clone(store) as _, local, live.clone(), Arc::default());
        let (table, tasks) = (registry.table(), Tasks::default());
        registry.start(&tasks);
        Self { live, table, tasks }
    }

    fn knows(&self) -> Vec<String> {
        self.table.load().rows().iter().map(|row| row.node.to_string()).collect()
    }
}

/// Time passes in steps, so that tasks get to run in between.
async fn pass(time: Duration) {
    for _ in 0..time.as_millis() / 50 {
        tokio::time::advance(Duration::from_millis(50)).await;
        // Woken tasks run, and those that they wake.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pods_find_each_other_and_part() {
    let store = Arc::new(Shared::default());
    let (a, b) = (Pod::start("a", &store), Pod::start("b", &store));
    assert_eq!((a.knows(), b.knows()), (vec!["a".to_owned()], vec!["b".to_owned()]));
    pass(Duration::from_millis(1_500)).await;
    assert_eq!((a.knows(), b.knows()), (vec!["a".to_owned(), "b".to_owned()], a.knows()));
    b.tasks.drain();
    pass(Duration::from_millis(1_500)).await;
    assert_eq!(a.knows(), ["a"]);
    // It stays away, though it still runs.
    pass(Duration::from_secs(12)).await;
    assert_eq!(a.knows(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_dies_is_gone_with_its_heartbeat() {
    let store = Arc::new(Shared::default());
    let a = Pod::start("a", &store);
    let b: NodeId = "b".parse().unwrap();
    let record = NodeRecord { version: "old".to_owned(), ..record() };
    store.announce_node(&b, &record).await.unwrap();
    store.publish_load(&b, Units(7)).await.unwrap();
    pass(Duration::from_millis(1_500)).await;
    assert_eq!(a.table.load().row(&b).unwrap().load, Units(7));
    pass(Duration::from_secs(10)).await;
    assert_eq!(a.knows(), ["a"]);
}

fn record() -> NodeRecord {
    NodeRecord {
        address: ([127, 0, 0, 1], 8444).into(),
        lanes: 1,
        speed: 1,
        offered: 0,
        version: String::new(),
        config: String::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_store_the_last_table_stays() {
    let store = Arc::new(Shared::default());
    store.away.store(true, Ordering::Relaxed);
    let (a, b) = (Pod::start("a", &store), Pod::start("b", &store));
    pass(Duration::from_secs(2)).await;
    assert_eq!((a.knows(), b.knows()), (vec!["a".to_owned()], vec!["b".to_owned()]));
    store.away.store(false, Ordering::Relaxed);
    pass(Duration::from_secs(2)).await;
    assert_eq!(a.knows(), ["a", "b"]);
    store.away.store(true, Ordering::Relaxed);
    pass(Duration::from_secs(60)).await;
    assert_eq!(a.knows(), ["a", "b"]);
    store.away.store(false, Ordering::Relaxed);
    pass(Duration::from_secs(2)).await;
    assert_eq!(a.knows(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_cannot_withdraw_tries_again_and_ends_all_the_same() {
    let store = Arc::new(Shared::default());
    let pod = Pod::start("a", &store);
    pass(Duration::from_secs(2)).await;
    store.away.store(true, Ordering::Relaxed);
    pod.tasks.drain();
    pass(Duration::from_secs(2)).await;
    assert_eq!(store.store.read_nodes().await.unwrap().len(), 1);
    store.away.store(false, Ordering::Relaxed);
    pass(Duration::from_secs(1)).await;
    assert_eq!(store.store.read_nodes().await.unwrap(), []);
    pod.tasks.stop();
    pod.tasks.all_done().await;
}

#[tokio::test(start_paused = true)]
async fn other_settings_are_announced_at_once() {
    let store = Arc::new(Shared::default());
    let pod = Pod::start("a", &store);
    pass(Duration::from_millis(200)).await;
    let said = || async { store.store.read_nodes().await.unwrap()[0].record.config.clone() };
    assert_eq!(said().await, pod.live.current().version);
    let mut live = authcluster_contract::config::Live::default();
    live.routing.deadline_ms = 900;
    pod.live.replace(&live, "");
    pass(Duration::from_millis(200)).await;
    assert_eq!(said().await, live.version(""));
}
