//! Attacks of clients without a token, and the attacker's view of the pod's defence.
//!
//! An attack opens connections at its own rate, up to the number that it holds at once, and opens another for each that
//! the pod closes. It runs on a thread of its own, which shares the generators' core with the login service and
//! comes second there.

mod connection;
mod http2;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use crate::cores::Cores;
use crate::site::{LOGIN_SERVICE, Site};

/// A silent or withheld connection must be closed by the pod within this time.
pub(crate) const CLOSE_BOUND: Duration = Duration::from_secs(10);

/// Time between two batches of new connections.
const TICK: Duration = Duration::from_millis(5);

/// Most connections that an attack opens after a tick that came late, in ticks.
const LATE_TICKS: f64 = 10.0;

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attack {
    /// 5,000 connections that send no byte, or half a handshake, or a handshake and no request.
    Silent,
    /// 2,000 requests that withhold the end of their body.
    Bodies,
    /// 20 connections of 200 requests each that withhold the end of their body.
    Streams,
    /// 500 TLS handshakes a second.
    Handshakes,
    /// 2,000 connects a second; half of them are reset at once, half are held.
    Connects,
    /// 500 reads of `/metrics` a second, each on a new connection.
    Metrics,
}

/// The source addresses of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    OneAddress,
    ManyAddresses,
    LoginService,
}

impl Attack {
    pub(crate) const ALL: [Self; 6] = [
        Self::Silent,
        Self::Bodies,
        Self::Streams,
        Self::Handshakes,
        Self::Connects,
        Self::Metrics,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Silent => "5,000 silent connections",
            Self::Bodies => "2,000 withheld bodies",
            Self::Streams => "20 x 200 withheld streams",
            Self::Handshakes => "500 TLS handshakes/s",
            Self::Connects => "2,000 connects/s",
            Self::Metrics => "500 reads of /metrics/s",
        }
    }

    /// Connections opened a second. All that an attack holds are open after five seconds.
    fn per_second(self) -> f64 {
        match self {
            Self::Silent => 1_000.0,
            Self::Bodies => 400.0,
            Self::Streams => 4.0,
            Self::Handshakes | Self::Metrics => 500.0,
            Self::Connects => 2_000.0,
        }
    }

    /// Connections open at once.
    fn open_max(self) -> usize {
        match self {
            Self::Silent => 5_000,
            Self::Bodies => 2_000,
            Self::Streams => 20,
            Self::Handshakes | Self::Metrics => 1_000,
            Self::Connects => 10_000,
        }
    }
}

impl Source {
    pub(crate) const ALL: [Self; 3] = [Self::OneAddress, Self::ManyAddresses, Self::LoginService];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneAddress => "one address",
            Self::ManyAddresses => "500 addresses",
            Self::LoginService => "login service's",
        }
    }

    fn address(self, number: u64) -> Ipv4Addr {
        match self {
            Self::OneAddress => Ipv4Addr::new(127, 0, 3, 1),
            Self::ManyAddresses => {
                let byte = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
                Ipv4Addr::new(127, 1, byte(number % 500 / 250), byte(number % 250 + 1))
            }
            Self::LoginService => LOGIN_SERVICE,
        }
    }
}

/// The attacker's record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// Connections that were opened.
    pub(crate) opened: u64,
    /// Connects without an answer, or refused.
    pub(crate) not_opened: u64,
    /// Connections that the pod closed.
    pub(crate) closed: u64,
    /// Answers to reads of `/metrics`, by their status.
    pub(crate) answers: BTreeMap<u16, u64>,
    /// Age of the connection that was open longest without a token.
    pub(crate) longest: Duration,
    /// Most connections that were open at once.
    pub(crate) open_most: usize,
    /// The first thing that went wrong with the attack itself.
    pub(crate) trouble: Option<String>,
}

/// The state that all connections of an attack share.
pub(crate) struct World {
    attack: Attack,
    source: Source,
    api: SocketAddr,
    admin: SocketAddr,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    seen: RefCell<Observed>,
    /// Since when connections are open, by their number.
    open: RefCell<BTreeMap<u64, Instant>>,
    /// Connects that wait for their answer.
    connecting: Cell<usize>,
}

/// An attack that runs on its thread.
pub(crate) struct Running {
    stop: CancellationToken,
    thread: std::thread::JoinHandle<anyhow::Result<Observed>>,
}

impl Attack {
    /// Begins the attack.
    pub(crate) fn begin(
        self,
        source: Source,
        site: &Site,
        cores: Cores,
    ) -> anyhow::Result<Running> {
        let world = self.world(source, site)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let work = move || -> anyhow::Result<Observed> {
            cores.join_generators(10)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let world = Rc::new(world);
            LocalSet::new().block_on(&runtime, run(Rc::clone(&world), stopped));
            Ok(world.observed())
        };
        let thread = std::thread::Builder::new().name("attack".to_owned()).spawn(work)?;
        Ok(Running { stop, thread })
    }

    /// An attack without connections yet.
    pub(crate) fn world(self, source: Source, site: &Site) -> anyhow::Result<World> {
        Ok(World {
            attack: self,
            source,
            api: site.hasher.api,
            admin: site.hasher.admin,
            http1: site.attacker_tls("http/1.1")?,
            http2: site.attacker_tls("h2")?,
            seen: RefCell::default(),
            open: RefCell::default(),
            connecting: Cell::default(),
        })
    }
}

impl Running {
    /// Opens no more connections, and waits until the pod has closed those that are open, or should have.
    pub(crate) fn end(self) -> anyhow::Result<Observed> {
        self.stop.cancel();
        self.thread.join().expect("the attack does not panic")
    }
}

async fn run(world: Rc<World>, stop: CancellationToken) {
    let start = Instant::now();
    let rate = world.attack.per_second();
    let most_at_once = (rate * TICK.as_secs_f64() * LATE_TICKS).max(1.0) as u64;
    let mut ticks = tokio::time::interval(TICK);
    let (mut due_before, mut number) = (0, 0);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let due = (start.elapsed().as_secs_f64() * rate) as u64;
        let taken = world.open.borrow().len() + world.connecting.get();
        let room = world.attack.open_max().saturating_sub(taken);
        let more = (due - due_before).min(most_at_once).min(room as u64);
        due_before = due;
        for _ in 0..more {
            number += 1;
            world.open_one(number);
        }
    }
    // Connections of the last moment have as long as any other.
    let end = Instant::now() + CLOSE_BOUND + Duration::from_secs(1);
    while Instant::now() < end && !world.open.borrow().is_empty() {
        ticks.tick().await;
    }
    let numbers: Vec<u64> = world.open.borrow().keys().copied().collect();
    for number in numbers {
        world.left(number);
    }
}

impl World {
    /// Opens the connection of this number, on the `LocalSet` of the caller.
    pub(crate) fn open_one(self: &Rc<Self>, number: u64) {
        drop(tokio::task::spawn_local(connection::attack(Rc::clone(self), number)));
    }

    pub(crate) fn observed(&self) -> Observed {
        self.seen.borrow().clone()
    }

    fn entered(&self, number: u64) {
        let mut open = self.open.borrow_mut();
        open.insert(number, Instant::now());
        let mut seen = self.seen.borrow_mut();
        seen.opened += 1;
        seen.open_most = seen.open_most.max(open.len());
    }

    fn left(&self, number: u64) {
        let Some(since) = self.open.borrow_mut().remove(&number) else { return };
        let mut seen = self.seen.borrow_mut();
        seen.longest = seen.longest.max(since.elapsed());
    }
}
