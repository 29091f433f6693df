//! The login service: 20 logins a second with a token, each of which verifies a password.
//!
//! Logins begin at times that are fixed before the run, so a slow login delays no other. A quarter of them uses a kept
//! connection of HTTP/1.1, a quarter a new connection of HTTP/1.1, and the other half the same with HTTP/2.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::site::{ClientShape, PASSWORD, Site, post};

/// Logins a second.
const PER_SECOND: f64 = 20.0;

/// Users who log in, in turn: no user has two logins under way.
const USERS: usize = 200;

/// Multiples of this, modulo 1, are spread evenly (the golden ratio's fraction): where in its own twentieth of a
/// second each login begins.
const SPREAD: f64 = 0.618_033_988_749_895;

const SHAPES: [ClientShape; 4] = [
    ClientShape { keeps_connections: true, speaks_http2: false },
    ClientShape { keeps_connections: false, speaks_http2: false },
    ClientShape { keeps_connections: true, speaks_http2: true },
    ClientShape { keeps_connections: false, speaks_http2: true },
];

/// The login service.
pub(crate) struct LoginService {
    clients: Vec<reqwest::Client>,
    url: String,
    encoded: String,
}

/// How one login went.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    /// From its first packet to the end of its answer.
    pub(crate) latency: Duration,
    /// How much later than planned it began: the generator's own fault.
    pub(crate) late: Duration,
    /// Why it failed.
    pub(crate) failure: Option<String>,
}

impl LoginService {
    pub(crate) async fn new(site: &Site) -> anyhow::Result<Self> {
        let clients = SHAPES.map(|shape| site.client(shape));
        let clients = clients.into_iter().collect::<anyhow::Result<_>>()?;
        Ok(Self { clients, url: site.url("login"), encoded: site.make_hash().await? })
    }

    /// Logs users in for `time`, and waits for all answers.
    pub(crate) async fn run(&self, time: Duration) -> Vec<Login> {
        let start = Instant::now();
        let count = (time.as_secs_f64() * PER_SECOND) as usize;
        let mut under_way = JoinSet::new();
        for number in 0..count {
            let place = (number as f64 * SPREAD).fract();
            let planned = start + Duration::from_secs_f64((number as f64 + place) / PER_SECOND);
            tokio::time::sleep_until(planned.into()).await;
            under_way.spawn_local(self.login(number, planned));
        }
        under_way.join_all().await
    }

    fn login(&self, number: usize, planned: Instant) -> impl Future<Output = Login> + use<> {
        let client = self.clients[number % self.clients.len()].clone();
        let url = self.url.clone();
        let body = json!({
            "username": format!("user-{}", number % USERS),
            "password": PASSWORD,
            "encoded": self.encoded,
        });
        async move {
            let start = Instant::now();
            let failure = match post(&client, &url, &body).await {
                Ok(answer) if answer["match"] == true => None,
                Ok(answer) => Some(answer.to_string()),
                Err(error) => Some(format!("{error:#}")),
            };
            Login { latency: start.elapsed(), late: start - planned, failure }
        }
    }
}

/// Logins of one kind of time, such as all before an attack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logins(pub(crate) Vec<Login>);

impl Logins {
    pub(crate) fn failed(&self) -> usize {
        self.0.iter().filter(|login| login.failure.is_some()).count()
    }

    /// The first reason for a failure.
    pub(crate) fn first_failure(&self) -> Option<&str> {
        self.0.iter().find_map(|login| login.failure.as_deref())
    }

    /// The latency that this part of all logins does not exceed, in milliseconds. A login that failed took as long as
    /// it took.
    pub(crate) fn latency_ms(&self, part: f64) -> f64 {
        quantile_ms(self.0.iter().map(|login| login.latency), part)
    }

    /// The same of how late the generator was.
    pub(crate) fn late_ms(&self, part: f64) -> f64 {
        quantile_ms(self.0.iter().map(|login| login.late), part)
    }
}

fn quantile_ms(times: impl Iterator<Item = Duration>, part: f64) -> f64 {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let place = (times.len() as f64 * part).ceil() as usize;
    times.get(place.saturating_sub(1)).map_or(f64::NAN, Duration::as_secs_f64) * 1e3
}
