//! The time of an answer does not tell whether the user exists, nor which kind of hash is stored (verifiable, blank,
//! locked, or impossible to verify here). Without a session and a new hash the time does not tell either whether the
//! password is right. This test is a program of its own, so that no other test runs beside it.
//!
//! The test is Kolmogorov's and Smirnov's for two samples: the largest distance between two distributions.
//! Requests of all kinds are sent one after the other in random order, so that whatever else the machine
//! does falls on all of them alike. Then the distance of an unknown user and a wrong password, which take the
//! same steps, is above [`BOUND`] in one of a billion runs at most, by the inequality of Dvoretzky, Kiefer
//! and Wolfowitz for two samples (Wei and Dudley 2012, `P(D >= d) <= e * exp(-n * d^2)`). The right password
//! gives back what the limits had charged, some 0.1 ms in a build for tests: one of the two distributions is moved by
//! [`MARGIN`] of the median first.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test stops where it fails, measures real time, and says what it found"
)]

#[path = "shared/pod.rs"]
mod pod;

use std::time::Instant;

use authcluster_contract::config::MixShare;
use authcluster_hasher::start::Running;
use serde_json::{Value, json};

/// Requests of each kind.
const TURNS: usize = 300;

/// `sqrt(ln(e * 1e9) / TURNS)`.
const BOUND: f64 = 0.269;

/// Part of the median that does not count next to the right password, which the answer tells anyway.
const MARGIN: f64 = 0.05;

/// A hash that takes next to no time, and its password.
const OLD: (&str, &str) = ("5f4dcc3b5aa765d61d8327deb882cf99", "password");

struct World {
    pod: Running,
    client: reqwest::Client,
    dice: u64,
    users: u32,
}

/// Who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unknown,
    Wrong,
    Right,
    /// The stored hash is empty.
    Blank,
    /// The stored hash is that of a locked account.
    Locked,
    /// The stored hash is of no format.
    Unreadable,
    /// The stored hash costs more than the bounds.
    TooExpensive,
    /// The stored hash names a pepper that this pod does not have.
    MissingPepper,
    /// For comparison: another user, whose hash takes eight times the work.
    Dear,
}

/// [`Kind::Dear`] is the last one: it does not take part in each turn.
const KINDS: [Kind; 9] = [
    Kind::Unknown,
    Kind::Wrong,
    Kind::Right,
    Kind::Blank,
    Kind::Locked,
    Kind::Unreadable,
    Kind::TooExpensive,
    Kind::MissingPepper,
    Kind::Dear,
];

impl Kind {
    fn index(self) -> usize {
        KINDS.iter().position(|kind| *kind == self).unwrap()
    }

    fn status(self) -> u16 {
        match self {
            Self::Unreadable | Self::TooExpensive => 422,
            Self::MissingPepper => 503,
            _ => 200,
        }
    }
}

/// Times of each kind, in the order of [`KINDS`].
type Times = [Vec<f64>; KINDS.len()];

/// Of so many turns one has a dear hash: a difference that size is seen in few.
const DEAR_EACH: usize = 5;

/// What [`Kind::Dear`] must be apart at least, or the machine is too busy for the test to mean anything.
const DEAR_APART: f64 = 0.5;

impl World {
    async fn start(mix: Vec<MixShare>) -> Self {
        let mut config = pod::config();
        config.password.argon2id.iterations = 4;
        config.migration.mix = mix;
        Self { pod: pod::start(&config).await, client: pod::client(), dice: 0x5eed, users: 0 }
    }

    /// xorshift64*: the same order for each run.
    fn roll(&mut self, sides: usize) -> usize {
        self.dice ^= self.dice >> 12;
        self.dice ^= self.dice << 25;
        self.dice ^= self.dice >> 27;
        let number = self.dice.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % sides
    }

    async fn call(&self, path: &str, body: &Value, status: u16) -> (Value, f64) {
        let request = pod::call(&self.client, &self.pod, path, body.to_string());
        let begun = Instant::now();
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let text = response.text().await.unwrap();
        (serde_json::from_str(&text).unwrap(), begun.elapsed().as_secs_f64())
    }

    /// One login of somebody who has not been there before.
    async fn time(&mut self, kind: Kind, stored: &Stored) -> f64 {
        self.users += 1;
        let which = self.roll(stored.users.len());
        let (users, right) = &stored.users[which];
        // Long ones, too (CVE-2025-22234).
        let wrong = "wrong".repeat([1, 30][self.roll(2)]);
        let password = if kind == Kind::Right { (*right).to_owned() } else { wrong };
        let encoded = match kind {
            Kind::Unknown => Value::Null,
            Kind::Wrong | Kind::Right => json!(users),
            Kind::Blank => json!(""),
            Kind::Locked => json!(format!("!{users}")),
            Kind::Unreadable => json!(format!("$no${users}")),
            Kind::TooExpensive => json!(stored.policy.replace("t=4", "t=4096")),
            Kind::MissingPepper => json!(stored.policy.replace("p=1", "p=1,keyid=MjAyNg")),
            Kind::Dear => json!(stored.policy.replace("t=4", "t=32")),
        };
        let name = format!("user-{}", self.users);
        let body = json!({ "username": name, "password": password, "encoded": encoded });
        let (answer, time) = self.call("/v1/login", &body, kind.status()).await;
        assert_eq!(answer["match"] == true, kind == Kind::Right, "{kind:?}");
        time
    }

    /// [`TURNS`] of each kind, sorted.
    async fn measure(&mut self, stored: &Stored) -> Times {
        let mut times = Times::default();
        for turn in 0..=TURNS {
            let mut left = KINDS.to_vec();
            if turn % DEAR_EACH != 0 {
                left.pop();
            }
            while !left.is_empty() {
                let which = self.roll(left.len());
                let kind = left.swap_remove(which);
                let time = self.time(kind, stored).await;
                // The first turn is for connections and caches.
                if turn > 0 {
                    times[kind.index()].push(time);
                }
            }
        }
        for kind in &mut times {
            kind.sort_by(f64::total_cmp);
        }
        times
    }
}

/// The users' table.
struct Stored {
    /// The hashes, and their passwords.
    users: Vec<(String, &'static str)>,
    /// A hash of the policy.
    policy: String,
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

/// The largest difference between the parts of two samples that are below a value, when the values of
/// the first are taken for less by `shift`.
fn above(first: &[f64], second: &[f64], shift: f64) -> f64 {
    let below = |sample: &[f64], value: f64| {
        sample.partition_point(|time| *time <= value) as f64 / sample.len() as f64
    };
    let differs = |value: &f64| below(second, *value) - below(first, value + shift);
    second.iter().map(differs).fold(0.0, f64::max)
}

/// How far two samples are apart, either way.
fn distance(first: &[f64], second: &[f64], margin: f64) -> f64 {
    let shift = margin * median(first).min(median(second));
    above(first, second, shift).max(above(second, first, shift))
}

/// The kinds that must not be told apart, and how much of the median does not count.
const ALIKE: [(Kind, Kind, f64); 8] = [
    (Kind::Unknown, Kind::Wrong, 0.0),
    (Kind::Unknown, Kind::Right, MARGIN),
    (Kind::Wrong, Kind::Right, MARGIN),
    (Kind::Unknown, Kind::Blank, 0.0),
    (Kind::Unknown, Kind::Locked, 0.0),
    (Kind::Unknown, Kind::Unreadable, 0.0),
    (Kind::Unknown, Kind::TooExpensive, 0.0),
    (Kind::Unknown, Kind::MissingPepper, 0.0),
];

fn check(name: &str, times: &Times) {
    println!("\n{name}: medians");
    for kind in KINDS {
        println!("{kind:?} {:.3} ms", 1e3 * median(&times[kind.index()]));
    }
    let mut told = Vec::new();
    for (one, other, margin) in ALIKE {
        let (first, second) = (&times[one.index()], &times[other.index()]);
        let (apart, plain) = (distance(first, second, margin), distance(first, second, 0.0));
        println!(
            "{one:?} and {other:?}: {apart:.3} apart, {plain:.3} without margin, bound {BOUND}"
        );
        if apart >= BOUND {
            told.push(format!("{one:?} and {other:?} by {apart:.3}"));
        }
    }
    assert!(told.is_empty(), "{name}: time tells apart {}", told.join(", "));
    let apart = distance(&times[Kind::Unknown.index()], &times[Kind::Dear.index()], MARGIN);
    assert!(apart > DEAR_APART, "{name}: not even eight times the work is seen: {apart:.3}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_an_answer_tells_nothing_of_a_user() {
    // Everyone has a hash of the policy.
    let mut world = World::start(Vec::new()).await;
    let made = world.call("/v1/hash", &json!({ "password": "right" }), 200).await.0;
    let policy = made["encoded"].as_str().unwrap().to_owned();
    let stored = Stored { users: vec![(policy.clone(), "right")], policy: policy.clone() };
    let times = world.measure(&stored).await;
    check("one kind of hash", &times);

    // Two of five still have the old one, which takes another time. The median is a new one's.
    let mix = vec![MixShare { example: OLD.0.to_owned(), share_percent: 40 }];
    let mut world = World::start(mix).await;
    let (old, new) = ((OLD.0.to_owned(), OLD.1), (policy.clone(), "right"));
    let users = vec![old.clone(), old, new.clone(), new.clone(), new];
    let stored = Stored { users, policy };
    let times = world.measure(&stored).await;
    check("two of five hashes are old", &times);
}

#[test]
fn distances_are_those_of_the_definition() {
    let sample = |from: u32| (from..from + 100).map(f64::from).collect::<Vec<_>>();
    let check = |first: u32, second: u32, margin: f64, expect: f64| {
        let apart = distance(&sample(first), &sample(second), margin);
        assert!((apart - expect).abs() < 1e-9, "{first} {second}: {apart}");
    };
    check(0, 0, 0.0, 0.0);
    check(0, 30, 0.0, 0.3);
    check(30, 0, 0.0, 0.3);
    check(0, 500, 0.0, 1.0);
    // The median is 50: a fifth of it is ten of a hundred.
    check(0, 30, 0.2, 0.2);
    check(0, 10, 0.2, 0.0);
}
